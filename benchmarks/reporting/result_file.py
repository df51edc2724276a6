"""Defines the result of `python -m benchmarks latency`, which is written as JSON.

It holds every sample with its conditions, and is checked when it is read back.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.measurement.conditions import Conditions, doubts_of, others_cores
from benchmarks.measurement.records import Measurement, label_with_threads
from benchmarks.measurement.summary import short
from benchmarks.measurement.timing import Rule
from benchmarks.measurement.type_checks import expect_types
from runtime.cli.identity import program_name
from runtime.errors import InputRefused, naming
from runtime.shared.wording import counted
from runtime.system.atomic_files import write_file
from runtime.system.json_records import (
    MAX_TEXT_BYTES,
    expect_list,
    expect_text,
    from_json_object,
    parse_json,
    read_text,
    rename_old_keys,
)

SCHEMA, KIND = 2, "latency"
MAX_SPREAD = 1.5
"""A higher ratio of p95 to p50 shows a disturbance; on an idle machine it is below 1.2."""
ENOUGH_SAMPLES = 100
MAX_OVERHEAD_US = 20


@dataclass(frozen=True)
class LatencyReport:
    """Holds the measurements of one run.

    asked_threads: as the user passed them, before they were limited to the cores allowed.
    pair_loads: with --pair, how many samples of each model came from each process; else empty.
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
        expect_schema(self, KIND, SCHEMA)
        if not self.measurements:
            raise InputRefused("latency", "expected at least one measurement, found none")
        for name in ("asked_threads", "pair_loads"):
            values = getattr(self, name)
            if not all(value > 0 for value in values):
                reason = f"expected {name} to be whole numbers from 1, found {values!r}"
                raise InputRefused("latency", reason)
        counts = [measurement.summary.count for measurement in self.measurements]
        if self.pair_loads and counts != [sum(self.pair_loads)] * 2:
            reason = "expected pair_loads to add up to the samples of each of two measurements"
            raise InputRefused("latency", reason)

    @property
    def others_cores(self) -> float | None:
        """How many cores other programs used meanwhile."""
        return others_cores(self.before, self.after)

    def doubts(self) -> tuple[str, ...]:
        """Returns the reasons to doubt the figures, a sentence each."""
        return (*doubts_of(self.before, self.after), *self._doubts_of_samples())

    def _doubts_of_samples(self) -> Iterator[str]:
        cores = self.before.machine.cores_allowed
        too_many = sorted({threads for threads in self.asked_threads if threads > cores})
        if too_many:
            numbers = ", ".join(map(str, too_many))
            allowed = f"{cores} cores are allowed: measured with {cores}"
            yield f"{numbers} threads were asked for, {allowed}"
        for measurement in self.measurements:
            name = label_with_threads(measurement, self.measurements)
            summary = measurement.summary
            if summary.count < ENOUGH_SAMPLES:
                yield f"{name}: {counted(summary.count, 'sample')}; p99 needs {ENOUGH_SAMPLES}"
            if summary.p95_ms is not None and summary.p95_ms > MAX_SPREAD * summary.p50_ms:
                ratio, p50 = summary.p95_ms / summary.p50_ms, short(summary.p50_ms)
                yield f"{name}: p95 is {ratio:.1f} times p50 ({p50} ms); rerun when idle"
            if measurement.overhead_us > MAX_OVERHEAD_US:
                yield f"{name}: the timing itself took {measurement.overhead_us:.1f} us a sample"

    def write(self, path: Path) -> None:
        """Writes it to `path` as JSON, whole or not at all."""
        write_file(path, json.dumps(asdict(self)) + "\n")

    @classmethod
    def read(cls, path: Path) -> "LatencyReport":
        """Reads what `write` wrote.

        Raises:
            InputRefused: no such file, another version, or content that is not valid.
        """
        data = upgraded(read_result(path, KIND), "measurements")
        try:
            measurements = expect_list("measurements", data.get("measurements"))
            return from_json_object(
                cls,
                {
                    **data,
                    "rule": from_json_object(Rule, data.get("rule")),
                    "before": Conditions.from_data(data.get("before")),
                    "after": Conditions.from_data(data.get("after")),
                    "asked_threads": tuple(
                        expect_list("asked_threads", data.get("asked_threads", []))
                    ),
                    "pair_loads": tuple(expect_list("pair_loads", data.get("pair_loads", []))),
                    "measurements": tuple(map(Measurement.from_data, measurements)),
                },
            )
        except InputRefused as refusal:
            raise unusable(path, KIND, refusal) from refusal


def expect_schema(record: Any, kind: str, schema: int) -> None:
    """Checks that a result is of this kind and schema."""
    if record.kind != kind or type(record.schema) is not int or record.schema != schema:
        found = f"{record.kind!r} of schema {record.schema!r}"
        reason = f"expected the kind {kind!r} of schema {schema}, found {found}"
        raise InputRefused(kind, reason)


def unusable(path: Path, kind: str, refusal: InputRefused) -> InputRefused:
    """Returns the error for a file whose content was refused."""
    return InputRefused(str(path), f"not a usable result of {kind}: {refusal.reason}")


def upgraded(data: dict[str, Any], items: str) -> dict[str, Any]:
    """Returns a result of schema 1 as one of schema 2; any other result unchanged.

    The objects in the list `items` of schema 1 say "pictures" instead of "images".
    """
    old = type(data.get("schema")) is int and data["schema"] == 1
    if not old or not isinstance(data.get(items), list):
        return data
    return {**data, "schema": 2, items: [rename_old_keys(item) for item in data[items]]}


def read_result(path: Path, kind: str) -> dict[str, Any]:
    """Reads the JSON object of a result of this kind.

    Raises:
        InputRefused: no such file, or something else.
    """
    expected = f"expected a result of {program_name('benchmarks')} {kind}"
    if not path.exists():
        raise InputRefused(str(path), f"no such file; {expected}")
    with naming(path, f"not a result of {kind}: {{}}"):
        data = parse_json(read_text(path, "no such file"), MAX_TEXT_BYTES)
    if not isinstance(data, dict):
        raise InputRefused(str(path), f"{expected}, found {type(data).__name__}")
    if data.get("kind") != kind:
        raise InputRefused(str(path), f"{expected}, found the kind {str(data.get('kind'))[:40]!r}")
    return data
