"""Measures a peer and us in turn, each in a process of its own: what slows the machine for a while slows both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter_ns

from benchmarks.measured import Measurement
from benchmarks.peer_environments import Environment
from benchmarks.peer_process import PeerProcess
from benchmarks.peer_result import Compared, Side
from benchmarks.peers import Peer
from benchmarks.peers.litert_benchmark import RUNS, WARMUP
from benchmarks.task import Task, perform
from benchmarks.timing import NS_PER_MS, Rule
from runtime import cli
from runtime.digest import digest
from runtime.errors import InputRefused, MachineError
from runtime.progress import Progress

OURS = "ours.py"
OURS_TOLD = {".tflite": ("numpy", "pillow", "ai-edge-litert"), ".onnx": ("numpy", "pillow", "onnxruntime")}
Start = Callable[[], PeerProcess]


@dataclass(frozen=True)
class Work:
    """What both are given. labels: of the model, in output order, so that a picture's folder tells what it shows, if it is named so."""

    model: Path
    pictures: tuple[Path, ...]
    labels: tuple[str, ...]
    threads: int
    rounds: int


def compare_pictures(name: str, peer: Peer, ours: Environment, theirs: Environment, work: Work) -> Compared:
    """Both on the same pictures.

    Raises:
        MachineError: the peer cannot be run.
        InputRefused: we can take none of the pictures.
    """
    starts: tuple[Start, Start] = (
        lambda: PeerProcess("ours", ours, OURS, work.model, work.threads),
        lambda: PeerProcess(name, theirs, peer.script, work.model, work.threads),
    )
    with starts[0]() as our_process, starts[1]() as their_process:
        processes = our_process, their_process
        labels, pictures = _labels(processes, work.pictures)
        taken = [picture for picture, label in zip(pictures, labels[1], strict=True) if label is not None]
        samples: tuple[list[tuple[float, ...]], ...] = ([], [])
        cold: tuple[list[float], ...] = ([], [])
        if not taken:
            raise InputRefused(name, f"could take none of the pictures: {their_process.answer(pictures[0]).refused}")
        with Progress(name, work.rounds) as bar:
            for number in range(work.rounds):
                for side in (0, 1) if number % 2 else (1, 0):
                    processes[side].answer(taken[0])  # not counted: it finds the other's data in the caches, and its threads at work
                    samples[side].append(tuple(processes[side].answer(picture).ms for picture in taken))
                    cold[side].append(_cold_ms(starts[side], taken[0]))
                bar.advance()
        told = our_process.versions(OURS_TOLD[work.model.suffix]), their_process.versions(peer.told)
        peaks = [process.peak_bytes() for process in processes]
    sides = [
        Side(told[side], tuple(samples[side]), tuple(cold[side]), tuple(labels[side]), environment.size_bytes, peaks[side])
        for side, environment in enumerate((ours, theirs))
    ]
    return _compared(name, peer, work, tuple(_truth(picture, work.labels) for picture in pictures), *sides)


def compare_model(name: str, peer: Peer, ours: Environment, theirs: Environment, work: Work) -> Compared:
    """The model alone: our p50 of `Classifier.scores` and the peer's figure, each in a fresh process, so many samples each.

    Raises:
        MachineError: the peer cannot be run.
    """
    task = Task(str(work.model.absolute()), "", work.threads, tuple(map(str, work.pictures)), Rule(WARMUP, RUNS, 0, None))
    samples: tuple[list[tuple[float, ...]], ...] = ([], [])
    with PeerProcess(name, theirs, peer.script, work.model, work.threads) as process, Progress(name, work.rounds) as bar:
        for number in range(work.rounds):
            for side in (0, 1) if number % 2 else (1, 0):
                if side == 0:
                    measured = Measurement.from_data(perform(task)["measurement"])
                    samples[0].append((measured.summary.p50_ms,))
                else:
                    answer = process.answer(work.model)
                    if answer.refused:
                        raise MachineError(name, f"cannot be run: {answer.refused}")
                    samples[1].append((answer.ms,))
            bar.advance()
        told = process.versions(peer.told)
    mine = Side({"interpreter": measured.interpreter}, tuple(samples[0]), (), (), ours.size_bytes, None)
    return _compared(name, peer, work, (), mine, Side(told, tuple(samples[1]), (), (), theirs.size_bytes, None))


def _labels(processes: Sequence[PeerProcess], pictures: Sequence[Path]) -> tuple[list[list[str | None]], list[Path]]:
    """What both say of every picture that we can take, which warms both up; and those pictures."""
    found: list[list[str | None]] = [[], []]
    kept = []
    for picture in pictures:
        ours = processes[0].answer(picture)
        if ours.label is None:
            cli.say(f"{picture}: not asked about: {ours.refused}")
            continue
        kept.append(picture)
        found[0].append(ours.label)
        found[1].append(processes[1].answer(picture).label)
    if not kept:
        raise InputRefused(str(pictures[0]), "none of the pictures can be taken")
    return found, kept


def _cold_ms(start: Start, picture: Path) -> float:
    begun = perf_counter_ns()
    with start() as process:
        process.answer(picture)
        return round((perf_counter_ns() - begun) / NS_PER_MS, 1)


def _truth(picture: Path, labels: Sequence[str]) -> str | None:
    return picture.parent.name if picture.parent.name in labels else None


def _compared(name: str, peer: Peer, work: Work, truth: tuple[str | None, ...], ours: Side, theirs: Side) -> Compared:
    sha256 = digest(work.model.read_bytes())
    return Compared(name, peer.what, work.model.name, sha256, work.threads, peer.pictures, truth, ours, theirs)
