"""What happens in the process that measures one model: benchmarks.child calls `perform`."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path
from time import monotonic_ns, perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.foreign import parse_foreign
from benchmarks.measured import ColdStart, Measurement, Memory, Stages
from benchmarks.power import power_under
from benchmarks.timing import NS_PER_MS, Rule, overhead_us, sample
from runtime.backends import BACKENDS
from runtime.bundle import Bundle
from runtime.classifier import Classifier, rank
from runtime.digest import digest
from runtime.errors import InputRefused, MachineError, QuinceError
from runtime.interpreters import interpreter_name
from runtime.opening import read_picture
from runtime.preprocess import decode, preprocess, resize

SEED = 7
STAGE_ROUNDS, STAGE_PICTURES = 3, 100
"""Every picture goes through all stages so often, until so many were timed."""

ResidentBytes = Callable[[], tuple[int, int]]


def perform(text: str, started_ns: int, bare_ns: int, bare_bytes: int, resident_bytes: ResidentBytes) -> str:
    """The answer to a task, both as JSON; a QuinceError is answered as its exit code, thing and reason."""
    try:
        task = json.loads(text)
        return json.dumps(_answer(task, started_ns, bare_ns, bare_bytes, resident_bytes))
    except QuinceError as error:
        return json.dumps({"exit_code": error.exit_code, "thing": error.thing, "reason": error.reason})
    except MemoryError:
        return json.dumps({"exit_code": MachineError.exit_code, "thing": "memory", "reason": "not enough to measure this model"})


def _answer(task: dict[str, Any], started_ns: int, bare_ns: int, bare_bytes: int, resident_bytes: ResidentBytes) -> dict[str, Any]:
    source, artifact, threads = Path(task["source"]), task["artifact"] or None, task["threads"]
    suffix = Path(artifact or source.name).suffix
    if suffix in BACKENDS:
        BACKENDS[suffix].load()  # so that the interpreter's import is not counted as loading the model
    imported_ns = monotonic_ns()
    foreign = parse_foreign(task["foreign"]) if task["foreign"] else None
    classifier = Classifier(source, artifact=artifact, threads=threads, foreign=foreign)
    loaded_ns = monotonic_ns()
    contents = [read_picture(Path(path)) for path in task["pictures"]]
    pixels = [preprocess(path, classifier.preprocessing) for path in task["pictures"]] or [_random(classifier)]
    first_ns = monotonic_ns()
    classifier.scores(pixels[0])
    ready_ns = monotonic_ns()
    moments = (started_ns, bare_ns, imported_ns, loaded_ns)
    spans = [(end - start) / NS_PER_MS for start, end in pairwise(moments)]
    cold = ColdStart(*(round(span, 3) for span in (*spans, (ready_ns - first_ns) / NS_PER_MS)))
    if task["rule"] is None:
        return {"cold_start": asdict(cold)}
    rule = Rule(**task["rule"])
    if task["other"]:
        file, other = task["other"]
        second = Classifier(Path(file), artifact=other or None, threads=threads, foreign=foreign)
        return {"pair": [asdict(one) for one in _pair((classifier, second), contents, rule)]}
    samples, invoked = timed(classifier, pixels, rule)
    stages = _stages(classifier, contents) if contents else None
    steady, peak = resident_bytes()
    memory = Memory(bare_bytes, steady, peak) if bare_bytes else None
    power_w = power_under(lambda: classifier.scores(pixels[0]), Path(task["root"]))
    measurement = replace(_measurement(classifier, len(contents), samples, invoked), stages=stages, memory=memory, power_w=power_w)
    return {"measurement": asdict(measurement), "cold_start": asdict(cold)}


def timed(classifier: Classifier, pixels: Sequence[NDArray[np.uint8]], rule: Rule) -> tuple[list[float], list[float]]:
    """Ms of each `Classifier.scores`, and of the interpreter's own part of it."""
    invoked: list[float] = []
    backend = classifier.backend
    taken = sample(classifier.scores, pixels, rule, lambda: invoked.append(_ms(*backend.invoked)))
    return taken, invoked


def _pair(pair: tuple[Classifier, Classifier], contents: Sequence[bytes], rule: Rule) -> list[Measurement]:
    """Both in turn. Each runs twice and the second is timed: the first finds the other in the caches, and its threads still spinning."""
    pixels = [[preprocess(content, one.preprocessing) for content in contents] or [_random(one)] for one in pair]
    taken: tuple[list[float], list[float]] = ([], [])
    invoked: tuple[list[float], list[float]] = ([], [])

    def both(number: int) -> None:
        for side, classifier in enumerate(pair):
            one = pixels[side][number % len(pixels[side])]
            classifier.scores(one)
            start = perf_counter_ns()
            classifier.scores(one)
            taken[side].append(_ms(start, perf_counter_ns()))
            invoked[side].append(_ms(*classifier.backend.invoked))

    rounds = len(sample(both, range(10**6), rule))
    return [
        _measurement(classifier, len(contents), samples[-rounds:], inner[-rounds:])
        for classifier, samples, inner in zip(pair, taken, invoked, strict=True)
    ]


def _stages(classifier: Classifier, contents: Sequence[bytes]) -> Stages:
    """Every picture from its content to its labels, the first of all of them left out."""
    rows: list[tuple[float, ...]] = []
    for number in range(1 + min(STAGE_ROUNDS * len(contents), STAGE_PICTURES)):
        content = contents[number % len(contents)]
        start = perf_counter_ns()
        image = decode(content, classifier.preprocessing)
        decoded = perf_counter_ns()
        pixels = resize(image, classifier.preprocessing)
        resized = perf_counter_ns()
        rank(classifier.scores(pixels), classifier.labels, 3)
        end = perf_counter_ns()
        begun, ended = classifier.backend.invoked
        rows.append((_ms(start, decoded), _ms(decoded, resized), _ms(resized, begun), _ms(begun, ended), _ms(ended, end)))
    return Stages(*(tuple(column) for column in zip(*rows[1:], strict=True)))


def _measurement(classifier: Classifier, pictures: int, samples: list[float], invoked: list[float]) -> Measurement:
    content = classifier.file.read_bytes()
    sha256 = digest(content)
    listed = next((one for one in _artifacts(classifier) if one.sha256 == sha256), None)
    suffix = classifier.file.suffix
    precision = listed.precision if listed else "unknown"
    return Measurement(
        classifier.file.parent.name or ".",
        classifier.file.name, suffix[1:], precision, sha256, len(content), interpreter_name(suffix), classifier.threads, pictures,
        tuple(samples), tuple(invoked), round(overhead_us(), 3),
    )  # fmt: skip


def _artifacts(classifier: Classifier) -> list[Any]:
    """What the manifest says of the model files: that inside a file names none, so that of the folder around it is asked too."""
    try:
        around = Bundle.open(classifier.file.parent).manifest.artifacts
    except InputRefused:
        around = ()
    return [*classifier.manifest.artifacts, *around]


def _random(classifier: Classifier) -> NDArray[np.uint8]:
    shape = (classifier.preprocessing.height, classifier.preprocessing.width, 3)
    return np.random.default_rng(SEED).integers(0, 256, shape, np.uint8)


def _ms(start_ns: int, end_ns: int) -> float:
    return round((end_ns - start_ns) / NS_PER_MS, 4)
