"""Markdown of what `python -m benchmarks peers` measured: theirs, ours and the ratio of each figure."""

from collections.abc import Sequence
from statistics import median

from benchmarks.peer_result import Compared, Side
from benchmarks.runs import Kind, Run
from benchmarks.samples import short
from benchmarks.table import MB, UNKNOWN, escaped

# every pair is theirs, ours; a ratio theirs over ours; ms those of one picture
HEAD = (
    "peer",
    "ms a picture: theirs, ours",
    "ratio",
    "cold start, s",
    "ratio",
    "installed, MB",
    "peak memory, MB",
    "same label",
    "accuracy",
)


def peer_table(runs: Sequence[Run]) -> str:
    """A table of each run, and under it both sides' versions and how it was measured."""
    return "\n".join(_of_run(run) for run in runs)


def _of_run(run: Run) -> str:
    lines = [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"] if run.results else []
    lines += [f"| {' | '.join(map(escaped, _row(one)))} |" for one in run.results]
    lines += ["", *(f"- {escaped(_told(one))}" for one in run.results)] if run.results else []
    return "\n".join([*lines, "", run.notes]) + "\n"


def _row(one: Compared) -> tuple[str, ...]:
    theirs, ours = one.theirs, one.ours
    cold = [median(side.cold_ms) / 1e3 if side.cold_ms else None for side in (theirs, ours)]
    return (
        f"{one.peer}: {one.what}",
        _pair(theirs.ms, ours.ms),
        short(one.ratio),
        _pair(*cold),
        UNKNOWN if one.cold_ratio is None else short(one.cold_ratio),
        _pair(*(None if side.installed_bytes is None else side.installed_bytes / MB for side in (theirs, ours))),
        _pair(*(None if side.peak_bytes is None else side.peak_bytes / MB for side in (theirs, ours))),
        _share(one.agreement) + (f" ({one.refused} refused)" if one.refused else ""),
        _pair(*(one.accuracy(side) for side in (theirs, ours))),
    )


def _told(one: Compared) -> str:
    what = f"{len(one.truth)} pictures, of which we name {len(set(one.ours.labels))} classes" if one.pictures else "the model alone"
    asked = f"rounds {len(one.ours.samples_ms)}, threads {one.threads}"
    return f"{one.peer}: {one.model} ({one.sha256[:12]}), {what}, {asked}; {_versions(one.theirs)}; ours: {_versions(one.ours)}"


def _versions(side: Side) -> str:
    return ", ".join(f"{name} {version}" for name, version in side.versions.items())


def _pair(theirs: float | None, ours: float | None) -> str:
    known = [UNKNOWN if value is None else short(value) for value in (theirs, ours)]
    return UNKNOWN if known == [UNKNOWN, UNKNOWN] else ", ".join(known)


def _share(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.3f}"


PEER_RUNS = Kind("peers", 1, Compared.from_data, peer_table)
