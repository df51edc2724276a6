"""Writes Markdown tables of what `python -m benchmarks peers` measured."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from statistics import median

from benchmarks.measurement.summary import short
from benchmarks.peers.result import PeerComparison, SideFigures
from benchmarks.recorded.docs_table import run_notes, wrapped
from benchmarks.recorded.runs_file import RecordedRun, ResultType
from benchmarks.reporting.markdown import MB, UNKNOWN, escaped
from runtime.system.typed_json import read_as

HEAD = (
    "peer",
    "ms an image: theirs, ours",
    "ratio (worst round)",
    "worst ratio in processor time",
    "cold start, s",
    "ratio",
    "installed, MB",
    "peak memory, MB",
    "same label",
    "accuracy",
)
"""Every pair is theirs and ours; a ratio is theirs over ours."""


def peer_table(runs: Sequence[RecordedRun]) -> str:
    """Returns a table for each run, and below it the versions and how it was measured."""
    return "\n".join(_run_table(run) for run in runs)


def _run_table(run: RecordedRun) -> str:
    lines = []
    if run.results:
        rows = (f"| {' | '.join(map(escaped, _row(result)))} |" for result in run.results)
        notes = (wrapped(f"- {_note(result)}", "  ") for result in run.results)
        lines = [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|", *rows, "", *notes]
    return "\n".join([*lines, "", run_notes(run)]) + "\n"


def _row(result: PeerComparison) -> tuple[str, ...]:
    sides = result.theirs, result.ours
    same_label = _share(result.agreement)
    if result.refused:
        same_label += f" ({result.refused} refused)"
    return (
        f"{result.peer}: {result.what}",
        _pair([side.ms for side in sides]),
        f"{short(result.ratio)} ({short(result.worst_ratio)})",
        UNKNOWN if result.processor_ratio is None else short(result.processor_ratio),
        _pair([median(side.cold_ms) / 1e3 if side.cold_ms else None for side in sides]),
        UNKNOWN if result.cold_ratio is None else short(result.cold_ratio),
        _pair([_megabytes(side.installed_bytes) for side in sides]),
        _pair([_megabytes(side.peak_bytes) for side in sides]),
        same_label,
        _pair([result.accuracy(side) for side in sides]),
    )


def _note(result: PeerComparison) -> str:
    subject = "the model alone"
    if result.with_images:
        classes = len(set(result.ours.predicted_labels))
        subject = f"{len(result.image_labels)} images, of which we name {classes} classes"
    rounds = f"rounds {len(result.ours.samples_ms)}, threads {result.threads}"
    is_other = result.their_artifact not in ("", result.artifact)
    other = f", theirs {result.their_artifact}" if is_other else ""
    return (
        f"{result.peer}: {result.artifact} ({result.sha256[:12]}){other}, {subject}, {rounds}; "
        f"{_versions(result.theirs)}; ours: {_versions(result.ours)}"
    )


def _versions(side: SideFigures) -> str:
    return ", ".join(f"{name} {version}" for name, version in side.versions.items())


def _megabytes(size: int | None) -> float | None:
    return None if size is None else size / MB


def _pair(values: Sequence[float | None]) -> str:
    if all(value is None for value in values):
        return UNKNOWN
    return ", ".join(UNKNOWN if value is None else short(value) for value in values)


def _share(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.3f}"


PEER_RUNS = ResultType(
    "peers",
    3,
    partial(read_as, PeerComparison, name="comparison"),
    asdict,
    peer_table,
    {
        "results": {"model": "artifact", "their_model": "their_artifact"}
        | {"images": "with_images", "truth": "image_labels"},
        "ours": {"labels": "predicted_labels"},
        "theirs": {"labels": "predicted_labels"},
    },
)
