"""Measures one model in the process that was started for it."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from time import monotonic_ns, perf_counter_ns
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.measurement.external_model_words import parse_external_model_words
from benchmarks.measurement.power import power_under
from benchmarks.measurement.records import ColdStart, Measurement, Memory, Stages
from benchmarks.measurement.resident_memory import resident_bytes
from benchmarks.measurement.timing import NS_PER_MS, Rule, overhead_us, sample
from runtime.answer import rank
from runtime.backends.base import BACKENDS
from runtime.backends.installed import interpreter_name
from runtime.bundles.bundle import Bundle
from runtime.classifier import Classifier
from runtime.errors import InputRefused, MachineError
from runtime.images.decoding import read_image
from runtime.images.preprocessing import preprocess, resize
from runtime.models.manifest import Artifact
from runtime.system.hashing import sha256_of
from runtime.system.subprocesses import print_answer

SEED = 7
STAGE_ROUNDS, MAX_STAGE_IMAGES = 3, 100
"""Every image goes through all stages three times, unless that is more than 100 images."""
MAX_PAIR_ROUNDS = 10**6
TOP = 3


@dataclass(frozen=True)
class ProcessStart:
    """Holds what was read before the imports: when the process and Python began, and its memory."""

    started_ns: int
    bare_ns: int
    bare_bytes: int


def measure_task(text: str, start: ProcessStart) -> None:
    """Prints the answer to a task, both as JSON; a QuinceError is an answer too."""

    def answer() -> dict[str, Any]:
        try:
            return _answer(json.loads(text), start)
        except MemoryError as error:
            raise MachineError("memory", "not enough to measure this model") from error

    print_answer(answer)


def _answer(task: dict[str, Any], start: ProcessStart) -> dict[str, Any]:
    source, artifact, threads = Path(task["source"]), task["artifact"] or None, task["threads"]
    suffix = Path(artifact or source.name).suffix
    if suffix in BACKENDS:
        BACKENDS[suffix].load()  # so that loading the model does not include this import
    imported_ns = monotonic_ns()
    spec = parse_external_model_words(task["external"]) if task["external"] else None
    classifier = Classifier(source, artifact=artifact, threads=threads, spec=spec, checked=True)
    loaded_ns = monotonic_ns()
    paths = [Path(path) for path in task["images"]]
    contents = [read_image(path) for path in paths]
    pixels = _pixels(classifier, paths)
    first_ns = monotonic_ns()
    classifier.scores(pixels[0])
    ready_ns = monotonic_ns()
    moments = (start.started_ns, start.bare_ns, imported_ns, loaded_ns)
    spans_ns = [*(after - before for before, after in pairwise(moments)), ready_ns - first_ns]
    cold_start = asdict(ColdStart(*(round(span_ns / NS_PER_MS, 3) for span_ns in spans_ns)))
    if task["rule"] is None:
        return {"cold_start": cold_start}
    rule = Rule(**task["rule"])
    if task["second"]:
        path, name = task["second"]
        second = Classifier(
            Path(path), artifact=name or None, threads=threads, spec=spec, checked=True
        )
        pair = _measure_pair((classifier, second), contents, rule)
        return {"pair": [asdict(measurement) for measurement in pair]}
    samples_ms, invoke_ms = timed(classifier, pixels, rule)
    stages = _stages(classifier, contents) if contents else None
    steady, peak = resident_bytes()
    measurement = replace(
        _measurement(classifier, len(contents), samples_ms, invoke_ms),
        stages=stages,
        memory=Memory(start.bare_bytes, steady, peak) if start.bare_bytes else None,
        power_w=power_under(lambda: classifier.scores(pixels[0]), Path(task["root"])),
    )
    return {"measurement": asdict(measurement), "cold_start": cold_start}


def timed(
    classifier: Classifier, pixels: Sequence[NDArray[np.uint8]], rule: Rule
) -> tuple[list[float], list[float]]:
    """Returns the ms of each `Classifier.scores`, and of the interpreter's own part of it."""
    invoke_ms: list[float] = []
    backend = classifier.backend
    samples_ms = sample(
        classifier.scores, pixels, rule, lambda: invoke_ms.append(_ms(*backend.invoked))
    )
    return samples_ms, invoke_ms


def _measure_pair(
    pair: tuple[Classifier, Classifier], contents: Sequence[bytes], rule: Rule
) -> list[Measurement]:
    """Measures both in turn. Each runs twice and the second run is timed.

    The first run finds the other model's data in the caches, and its threads still spinning.
    """
    pixels = [_pixels(classifier, contents) for classifier in pair]
    samples_ms: tuple[list[float], list[float]] = ([], [])
    invoke_ms: tuple[list[float], list[float]] = ([], [])

    def run_both(number: int) -> None:
        for side, classifier in enumerate(pair):
            image = pixels[side][number % len(pixels[side])]
            classifier.scores(image)
            start = perf_counter_ns()
            classifier.scores(image)
            samples_ms[side].append(_ms(start, perf_counter_ns()))
            invoke_ms[side].append(_ms(*classifier.backend.invoked))

    rounds = len(sample(run_both, range(MAX_PAIR_ROUNDS), rule))
    return [
        _measurement(classifier, len(contents), samples[-rounds:], invoked[-rounds:])
        for classifier, samples, invoked in zip(pair, samples_ms, invoke_ms, strict=True)
    ]


def _stages(classifier: Classifier, contents: Sequence[bytes]) -> Stages:
    """Times every image from its content to its labels, without the first of all."""
    count = min(STAGE_ROUNDS * len(contents), MAX_STAGE_IMAGES)
    rows = [
        _time_stages(classifier, contents[number % len(contents)]) for number in range(1 + count)
    ]
    return Stages(*(tuple(column) for column in zip(*rows[1:], strict=True)))


def _time_stages(classifier: Classifier, content: bytes) -> tuple[float, ...]:
    start = perf_counter_ns()
    image = classifier.preprocessing.decode(content)
    decoded = perf_counter_ns()
    pixels = resize(image, classifier.preprocessing)
    resized = perf_counter_ns()
    rank(classifier.scores(pixels), classifier.labels, TOP)
    end = perf_counter_ns()
    moments = (start, decoded, resized, *classifier.backend.invoked, end)
    return tuple(_ms(before, after) for before, after in pairwise(moments))


def _measurement(
    classifier: Classifier, images: int, samples_ms: list[float], invoke_ms: list[float]
) -> Measurement:
    file = classifier.file
    content = file.read_bytes()
    sha256 = sha256_of(content)
    precisions = {artifact.sha256: artifact.precision for artifact in _artifacts(classifier)}
    return Measurement(
        model_folder=file.parent.name or ".",
        artifact=file.name,
        format=file.suffix[1:],
        precision=precisions.get(sha256, "unknown"),
        sha256=sha256,
        size_bytes=len(content),
        interpreter=interpreter_name(file.suffix),
        threads=classifier.threads,
        images=images,
        samples_ms=tuple(samples_ms),
        invoke_ms=tuple(invoke_ms),
        overhead_us=round(overhead_us(), 3),
    )


def _artifacts(classifier: Classifier) -> list[Artifact]:
    """Returns the artifacts of the manifest, and of the bundle around a single file.

    The manifest inside a model file lists none.
    """
    try:
        neighbours = Bundle.open(classifier.file.parent).manifest.artifacts
    except InputRefused:
        neighbours = ()
    return [*classifier.manifest.artifacts, *neighbours]


def _pixels(
    classifier: Classifier, images: Sequence[Path] | Sequence[bytes]
) -> list[NDArray[np.uint8]]:
    """Returns the images as the model takes them, or random pixels if there are none."""
    if images:
        return [preprocess(image, classifier.preprocessing) for image in images]
    shape = (classifier.preprocessing.height, classifier.preprocessing.width, 3)
    return [np.random.default_rng(SEED).integers(0, 256, shape, np.uint8)]


def _ms(start_ns: int, end_ns: int) -> float:
    return round((end_ns - start_ns) / NS_PER_MS, 4)
