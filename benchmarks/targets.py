"""What there is to measure: the model files of bundles, and the pictures to measure them with."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from runtime.bundle import Bundle
from runtime.errors import InputRefused, MachineError, PictureRefused
from runtime.golden import FOLDER, read_golden
from runtime.interpreters import interpreters_of
from runtime.measured_figures import read_measured
from runtime.model_file import read_model_file
from runtime.opening import header_size, read_picture
from runtime.plugins import choose, missing
from runtime.sources.files import expand

ACCURACY = "candidate_accuracy"
MOST_PICTURES = 64


@dataclass(frozen=True)
class Target:
    """One model file: `source` and `artifact` as `Classifier` takes them ("" for a file alone).

    accuracy: as parity.json says it. foreign: as in `Task`.
    """

    source: Path
    artifact: str
    pictures: tuple[Path, ...]
    accuracy: float | None = None
    foreign: tuple[str, ...] = ()

    @property
    def model(self) -> str:
        """The folder of the model file as the user named it; of an absolute path the last two parts."""
        folder = self.source if self.artifact else self.source.parent
        return "/".join(folder.parts[-2:]) if folder.is_absolute() else str(folder)

    @property
    def file(self) -> Path:
        """The model file."""
        return self.source / self.artifact if self.artifact else self.source


@dataclass(frozen=True)
class Targets:
    """What can be measured here, and why other artifacts and pictures cannot."""

    targets: tuple[Target, ...]
    refusals: tuple[str, ...]


def find_targets(sources: Sequence[Path], artifact: str | None, pictures: Sequence[Path], foreign: tuple[str, ...] = ()) -> Targets:
    """Every model file in `sources`, bundle folders and files, of which the interpreter is installed; a damaged one is refused now.

    Args:
        sources: at least one.
        artifact: take only this one of each bundle.
        pictures: picture files and folders; none: each bundle's golden ones.
        foreign: options for files of someone else's, as words.

    Raises:
        InputRefused: a source is none, has no such artifact, or the pictures are no pictures.
        MachineError: nothing can be measured, for want of an interpreter.
    """
    chosen, odd = _readable(pictures) if pictures else (None, [])
    found: list[Target] = []
    refusals: list[tuple[str, str]] = []
    for source in sources:
        if not source.is_dir():
            read_model_file(source)
            ours = golden_pictures(source.parent) if chosen is None else chosen
            found.append(Target(source, "", ours, _accuracies(source.parent).get(source.name), foreign))
            continue
        bundle = Bundle.open(source)
        artifacts, accuracies = {one.file: one for one in bundle.exported()}, _accuracies(source)
        for one in [choose(artifacts, artifact, "artifact")] if artifact else artifacts.values():
            kinds = list(interpreters_of(f".{one.format}"))
            if any(kind.installed for kind in kinds):
                bundle.read(one)
                ours = golden_pictures(source) if chosen is None else chosen
                found.append(Target(source, one.file, ours, accuracies.get(one.file), foreign))
            else:
                refusals.append((str(source / one.file), missing(kinds[0].distribution, kinds[0].extra)))
    if not found:
        raise MachineError(*refusals[0])
    return Targets(tuple(found), tuple(f"{thing}: {reason}" for thing, reason in (*refusals, *odd)))


def golden_pictures(folder: Path) -> tuple[Path, ...]:
    """The golden pictures of the bundle in `folder`; none where there are none."""
    with suppress(InputRefused):
        return tuple(folder / FOLDER / sample.file for sample in read_golden(folder))
    return ()


def spread(pictures: Sequence[Path]) -> tuple[Path, ...]:
    """At most 64 of them, evenly spread: of a folder per class not the first class alone."""
    wanted = min(len(pictures), MOST_PICTURES)
    return tuple(pictures[place * len(pictures) // wanted] for place in range(wanted))


def _readable(pictures: Sequence[Path]) -> tuple[tuple[Path, ...], list[tuple[str, str]]]:
    """Those that begin as a picture; and the others, with the reason."""
    found, refused = [], []
    for path in expand(list(pictures)):
        try:
            header_size(read_picture(path))
            found.append(path)
        except PictureRefused as refusal:
            refused.append((str(path), refusal.reason))
    if not found:
        raise InputRefused(str(pictures[0]), "holds no readable picture" + (": {}: {}".format(*refused[0]) if refused else ""))
    return tuple(found), refused


def _accuracies(folder: Path) -> dict[str, float]:
    """By model file, as the parity gate measured it on the workstation; without those of which that is not told."""
    return {file: figures[ACCURACY] for file, figures in read_measured(folder, (ACCURACY,)).items()}
