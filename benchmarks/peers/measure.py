"""Measures a peer and us in turn, each in a process of its own.

So both share what slows the machine for a while.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from time import perf_counter_ns

from benchmarks.measurement.records import Measurement
from benchmarks.measurement.task import Task, measure_in_child
from benchmarks.measurement.timing import NS_PER_MS, Rule
from benchmarks.peers.adapters.litert_benchmark import RUNS, WARMUP
from benchmarks.peers.environments import Environment
from benchmarks.peers.process import PeerAnswer, PeerProcess
from benchmarks.peers.registry import OUR_NAME, Peer
from benchmarks.peers.result import PeerComparison, SideFigures
from runtime.errors import InputRefused, MachineError
from runtime.shared.progress import Progress
from runtime.system.hashing import sha256_of
from runtime.system.terminal import say

OUR_SCRIPT = "quince.py"
OUR_DISTRIBUTIONS = {
    ".tflite": ("numpy", "pillow", "ai-edge-litert"),
    ".onnx": ("numpy", "pillow", "onnxruntime"),
}
ProcessStarter = Callable[[], PeerProcess]


@dataclass(frozen=True)
class PeerWork:
    """Holds what both sides get.

    model: the file that our side runs. their_model: the one that the peer runs, often the same.
    labels: of the model, in output order; an image whose folder is named as one has that label.
    """

    model: Path
    their_model: Path
    images: tuple[Path, ...]
    labels: tuple[str, ...]
    threads: int
    rounds: int


def compare_images(
    name: str, peer: Peer, ours: Environment, theirs: Environment, work: PeerWork
) -> PeerComparison:
    """Asks both about the same images.

    Raises:
        MachineError: the peer cannot be run.
        InputRefused: one side can take none of the images.
    """
    starts: tuple[ProcessStarter, ProcessStarter] = (
        lambda: PeerProcess(OUR_NAME, ours, OUR_SCRIPT, work.model, work.threads),
        lambda: PeerProcess(name, theirs, peer.script, work.their_model, work.threads),
    )
    with starts[0]() as our_process, starts[1]() as their_process:
        processes = our_process, their_process
        images, our_labels, their_labels = _ask_labels(our_process, their_process, work.images)
        taken = [
            image for image, label in zip(images, their_labels, strict=True) if label is not None
        ]
        if not taken:
            reason = their_process.answer(images[0]).refused
            raise InputRefused(name, f"could take none of the images: {reason}")
        samples_ms: tuple[list[tuple[float, ...]], ...] = ([], [])
        processor_ms: tuple[list[float], ...] = ([], [])
        cold_ms: tuple[list[float], ...] = ([], [])
        with Progress(name, work.rounds) as bar:
            for number in range(work.rounds):
                for side in _order(number):
                    answers = _ask_round(processes[side], taken)
                    samples_ms[side].append(tuple(answer.ms for answer in answers))
                    spent = fmean(answer.processor_ms for answer in answers)
                    processor_ms[side].append(round(spent, 4))
                    cold_ms[side].append(_cold_ms(starts[side], taken[0]))
                bar.advance()
        versions = (
            our_process.versions(OUR_DISTRIBUTIONS[work.model.suffix]),
            their_process.versions(peer.versions_of),
        )
        peaks = [process.peak_bytes() for process in processes]
    labels = (tuple(our_labels), tuple(their_labels))
    our_side, their_side = (
        SideFigures(
            versions[side],
            tuple(samples_ms[side]),
            tuple(cold_ms[side]),
            labels[side],
            environment.size_bytes,
            peaks[side],
            tuple(processor_ms[side]),
        )
        for side, environment in enumerate((ours, theirs))
    )
    truth = tuple(_right_label(image, work.labels) for image in images)
    return _comparison(name, peer, work, truth, our_side, their_side)


def compare_model(
    name: str, peer: Peer, ours: Environment, theirs: Environment, work: PeerWork
) -> PeerComparison:
    """Times the model alone: our p50 of `Classifier.scores` and the peer's figure.

    Each figure comes from a fresh process with the same number of samples.

    Raises:
        MachineError: the peer cannot be run.
    """
    images = tuple(map(str, work.images))
    rule = Rule(WARMUP, RUNS, 0, None)
    task = Task(str(work.model.absolute()), "", work.threads, images, rule)
    our_ms: list[tuple[float, ...]] = []
    their_ms: list[tuple[float, ...]] = []
    with (
        PeerProcess(name, theirs, peer.script, work.their_model, work.threads) as process,
        Progress(name, work.rounds) as bar,
    ):
        for number in range(work.rounds):
            for side in _order(number):
                if side == 0:
                    measured = Measurement.from_data(measure_in_child(task)["measurement"])
                    our_ms.append((measured.summary.p50_ms,))
                    continue
                answer = process.answer(work.their_model)
                if answer.refused:
                    raise MachineError(name, f"cannot be run: {answer.refused}")
                their_ms.append((answer.ms,))
            bar.advance()
        versions = process.versions(peer.versions_of)
    interpreter = {"interpreter": measured.interpreter}
    our_side = SideFigures(interpreter, tuple(our_ms), (), (), ours.size_bytes, None)
    their_side = SideFigures(versions, tuple(their_ms), (), (), theirs.size_bytes, None)
    return _comparison(name, peer, work, (), our_side, their_side)


def _order(number: int) -> tuple[int, int]:
    """Returns who comes first in a round: 0 stands for us, 1 for the peer."""
    return (0, 1) if number % 2 else (1, 0)


def _ask_round(process: PeerProcess, images: Sequence[Path]) -> list[PeerAnswer]:
    """Asks about every image, after a question that does not count.

    That one finds the other side's data in the caches, and its threads still at work.
    """
    process.answer(images[0])
    return [process.answer(image) for image in images]


def _ask_labels(
    ours: PeerProcess, theirs: PeerProcess, images: Sequence[Path]
) -> tuple[list[Path], list[str | None], list[str | None]]:
    """Returns the images that we can take, with our labels and theirs; this warms both up."""
    taken = []
    our_labels: list[str | None] = []
    their_labels: list[str | None] = []
    for image in images:
        answer = ours.answer(image)
        if answer.label is None:
            say(f"{image}: not asked about: {answer.refused}")
            continue
        taken.append(image)
        our_labels.append(answer.label)
        their_labels.append(theirs.answer(image).label)
    if not taken:
        raise InputRefused(str(images[0]), "none of the images can be read")
    return taken, our_labels, their_labels


def _cold_ms(start: ProcessStarter, image: Path) -> float:
    begin = perf_counter_ns()
    with start() as process:
        process.answer(image)
        return round((perf_counter_ns() - begin) / NS_PER_MS, 1)


def _right_label(image: Path, labels: Sequence[str]) -> str | None:
    return image.parent.name if image.parent.name in labels else None


def _comparison(
    name: str,
    peer: Peer,
    work: PeerWork,
    image_labels: tuple[str | None, ...],
    ours: SideFigures,
    theirs: SideFigures,
) -> PeerComparison:
    return PeerComparison(
        peer=name,
        what=peer.summary,
        artifact=work.model.name,
        their_artifact=work.their_model.name,
        sha256=sha256_of(work.model.read_bytes()),
        threads=work.threads,
        with_images=peer.images,
        image_labels=image_labels,
        ours=ours,
        theirs=theirs,
    )
