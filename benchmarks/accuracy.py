"""How accurate each model file is on a folder of pictures, with the interpreters of this machine."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.latency_report import read_result
from benchmarks.targets import Target
from benchmarks.typed import expect_types
from runtime.ahead import work_ahead
from runtime.class_folders import class_folders
from runtime.classifier import Classifier
from runtime.digest import digest
from runtime.errors import InputRefused, PictureRefused
from runtime.foreign import Foreign
from runtime.opening import read_picture
from runtime.parity import compare
from runtime.preprocess import preprocess
from runtime.progress import Progress
from runtime.records import build, expect_list
from runtime.sources.files import walk

SCHEMA, KIND = 1, "accuracy"
FLOAT = "fp32"
AHEAD = 4
"""Pictures that are worked on, or done, for each core beyond the one that is counted."""


@dataclass(frozen=True)
class Accuracy:
    """One model file on the pictures, by its name, or by its path where two have one name. Fractions are 0..1.

    agreement: how often its label is `reference`'s, the first float32 file (or the first at all); drop: accuracy of that one less its own,
    with its 95 % interval (runtime.parity).
    """

    artifact: str
    sha256: str
    pictures: int
    accuracy: float
    reference: str
    agreement: float
    drop: float
    drop_low: float
    drop_high: float

    def __post_init__(self) -> None:
        expect_types(self, "accuracy")
        for name in ("accuracy", "agreement"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise InputRefused("accuracy", f"expected {name} from 0 to 1, found {value!r}")


@dataclass(frozen=True)
class AccuracyReport:
    """Of one run. refused: how many files were no pictures."""

    command: str
    refused: int
    results: tuple[Accuracy, ...]
    kind: str = KIND
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        expect_types(self, "accuracy")
        if self.kind != KIND or type(self.schema) is not int or self.schema != SCHEMA:
            raise InputRefused("accuracy", f"expected an {KIND} result of schema {SCHEMA}, found {self.kind!r} of schema {self.schema!r}")

    @classmethod
    def read(cls, path: Path) -> "AccuracyReport":
        """What `accuracy --json` wrote.

        Raises:
            InputRefused: not such a file, or one that does not hold up.
        """
        data = read_result(path, KIND)
        try:
            data["results"] = tuple(build(Accuracy, one) for one in expect_list("results", data.get("results")))
            return build(cls, data)
        except InputRefused as refusal:
            raise InputRefused(str(path), f"not a usable accuracy result: {refusal.reason}") from refusal


def labelled(folder: Path, labels: Sequence[str]) -> list[tuple[Path, int]]:
    """Every file in the folder's class folders, and its class index.

    Raises:
        InputRefused: no class folders (runtime.class_folders), or nothing in them.
    """
    found = [(file, labels.index(label)) for label, inner in class_folders(folder, labels) for file in walk(inner)]
    if not found:
        raise InputRefused(str(folder), "holds no files in its class folders")
    return found


def measure_accuracy(
    targets: Sequence[Target], folder: Path, threads: int | None, foreign: Foreign | None = None
) -> tuple[tuple[Accuracy, ...], dict[Path, str]]:
    """Every target on every picture of `folder`; and why files were refused.

    Raises:
        InputRefused: the models differ in labels or preprocessing, or no file is a picture.
    """
    classifiers = {
        target.file: Classifier(target.source, artifact=target.artifact or None, threads=threads, foreign=foreign, throughput=True)
        for target in targets
    }
    first = next(iter(classifiers.values()))
    for path, one in classifiers.items():
        if (one.labels, one.preprocessing) != (first.labels, first.preprocessing):
            raise InputRefused(str(path), f"has other labels or other preprocessing than {next(iter(classifiers))}; measure it alone")
    files = labelled(folder, first.labels)
    scores: dict[Path, list[np.ndarray]] = {path: [] for path in classifiers}
    truth, names, refused = [], [], {}

    def ask(labelled: tuple[Path, int]) -> list[np.ndarray]:
        pixels = preprocess(read_picture(labelled[0]), first.preprocessing)
        return [one.scores(pixels) for one in classifiers.values()]

    streams = min(one.streams for one in classifiers.values())
    results = work_ahead(ask, files, threads=streams, ahead=AHEAD * streams)
    with closing(results), Progress("accuracy", len(files)) as bar:
        for (path, index), result in results:
            try:
                for file, answer in zip(classifiers, result(), strict=True):
                    scores[file].append(answer)
            except PictureRefused as refusal:
                refused[path] = refusal.reason
            else:
                truth.append(index)
                names.append(str(path))
            bar.advance()
    if not truth:
        raise InputRefused(str(folder), "holds no readable picture")
    return _compared(classifiers, {file: np.stack(one) for file, one in scores.items()}, np.array(truth), names), refused


def _compared(
    classifiers: Mapping[Path, Classifier], scores: Mapping[Path, np.ndarray], truth: np.ndarray, names: list[str]
) -> tuple[Accuracy, ...]:
    reference = next((file for file in scores if f".{FLOAT}." in file.name), next(iter(scores)))
    twice = len({file.name for file in scores}) < len(scores)  # two bundles: the file's name alone does not tell which
    found = []
    for file, classifier in classifiers.items():
        parity = compare(names, truth, scores[reference], scores[file], classifier.labels)
        found.append(
            Accuracy(
                artifact=str(file) if twice else file.name,
                sha256=digest(classifier.file.read_bytes()),
                pictures=len(truth),
                accuracy=parity.candidate_accuracy,
                reference=str(reference) if twice else reference.name,
                agreement=parity.agreement,
                drop=parity.drop,
                drop_low=parity.drop_low,
                drop_high=parity.drop_high,
            )
        )
    return tuple(found)
