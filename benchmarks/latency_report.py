"""The result of `python -m benchmarks latency`: every raw sample with its conditions, as JSON that checks itself when read back."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.conditions import Conditions, doubts_of, others_cores
from benchmarks.measured import Measurement, label_with_threads
from benchmarks.samples import short
from benchmarks.timing import Rule
from benchmarks.typed import expect_types
from runtime.atomic import write_file
from runtime.errors import InputRefused
from runtime.records import MAX_TEXT_BYTES, build, expect_list, expect_text, parse_json, read_text

SCHEMA, KIND = 1, "latency"
MOST_SPREAD = 1.5
"""p95 over p50, above which a measurement was disturbed (on an idle machine it is below 1.2)."""
ENOUGH = 100
MOST_OVERHEAD_US = 20


@dataclass(frozen=True)
class LatencyReport:
    """Measurements of one run. asked_threads: as given, before they were limited to the cores allowed.

    pair_loads: of two models that were measured in turn (--pair), how many samples of each came of each process, in order; else empty.
    """

    name: str
    command: str
    rule: Rule
    before: Conditions
    after: Conditions
    asked_threads: tuple[int, ...]
    measurements: tuple[Measurement, ...]
    pair_loads: tuple[int, ...] = ()
    kind: str = KIND
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        expect_types(self, "latency")
        expect_text(self, "name", "command")
        if self.kind != KIND or type(self.schema) is not int or self.schema != SCHEMA:
            raise InputRefused("latency", f"expected a {KIND} result of schema {SCHEMA}, found {self.kind!r} of schema {self.schema!r}")
        if not self.measurements:
            raise InputRefused("latency", "expected at least one measurement, found none")
        if not all(threads > 0 for threads in self.asked_threads):
            raise InputRefused("latency", f"expected asked_threads to be whole numbers from 1, found {self.asked_threads!r}")

        if self.pair_loads and [one.summary.count for one in self.measurements] != [sum(self.pair_loads)] * 2:
            raise InputRefused("latency", "expected pair_loads to add up to the samples of each of two measurements")
        if not all(count > 0 for count in self.pair_loads):
            raise InputRefused("latency", f"expected pair_loads to be whole numbers from 1, found {self.pair_loads!r}")

    @property
    def others_cores(self) -> float | None:
        """How many cores other programs used meanwhile."""
        return others_cores(self.before, self.after)

    def doubts(self) -> tuple[str, ...]:
        """What makes the figures doubtful, a sentence each; none: they may be quoted."""
        return (*doubts_of(self.before, self.after), *self._doubts_of_samples())

    def _doubts_of_samples(self) -> Iterator[str]:
        cores = self.before.machine.cores_allowed
        if too_many := sorted({threads for threads in self.asked_threads if threads > cores}):
            yield f"{', '.join(map(str, too_many))} threads were asked for, {cores} cores are allowed: measured with {cores}"
        for one in self.measurements:
            summary, what = one.summary, label_with_threads(one, self.measurements)
            if summary.count < ENOUGH:
                yield f"{what}: {summary.count} sample{'' if summary.count == 1 else 's'}; p99 needs {ENOUGH}"
            if summary.p95_ms is not None and summary.p95_ms > MOST_SPREAD * summary.p50_ms:
                yield f"{what}: p95 is {summary.p95_ms / summary.p50_ms:.1f} times p50 ({short(summary.p50_ms)} ms); rerun when idle"
            if one.overhead_us > MOST_OVERHEAD_US:
                yield f"{what}: the timing itself took {one.overhead_us:.1f} us a sample"

    def write(self, path: Path) -> None:
        """Writes it to `path` as JSON, whole or not at all."""
        write_file(path, json.dumps(asdict(self)) + "\n")

    @classmethod
    def read(cls, path: Path) -> "LatencyReport":
        """What `write` wrote.

        Raises:
            InputRefused: not such a file, from another version, or one that does not hold up.
        """
        data = read_result(path, KIND)
        try:
            data["rule"] = build(Rule, data.get("rule"))
            data["before"], data["after"] = (Conditions.from_data(data.get(when)) for when in ("before", "after"))
            for name in ("asked_threads", "pair_loads"):
                data[name] = tuple(expect_list(name, data.get(name, [])))
            data["measurements"] = tuple(map(Measurement.from_data, expect_list("measurements", data.get("measurements"))))
            return build(cls, data)
        except InputRefused as refusal:
            raise InputRefused(str(path), f"not a usable latency result: {refusal.reason}") from refusal


def read_result(path: Path, kind: str) -> dict[str, Any]:
    """The JSON object in `path`, of one of our results of this kind.

    Raises:
        InputRefused: no such file, or something else.
    """
    try:
        data = parse_json(read_text(path, "no such file"), MAX_TEXT_BYTES)
    except InputRefused as refusal:
        raise InputRefused(str(path), f"not a result of {kind}: {refusal.reason}") from refusal
    if not isinstance(data, dict) or data.get("kind") != kind:
        found = f"the kind {str(data.get('kind'))[:40]!r}" if isinstance(data, dict) else type(data).__name__
        raise InputRefused(str(path), f"expected a result of python -m benchmarks {kind}, found {found}")
    return data
