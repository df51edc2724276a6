"""Defines the result of `python -m benchmarks latency`, which is written as JSON.

It holds every sample with its conditions, and is checked when it is read back.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

from benchmarks.measurement.conditions import Conditions, doubts_of, others_cores
from benchmarks.measurement.records import Measurement, label_with_threads
from benchmarks.measurement.summary import short
from benchmarks.measurement.timing import Rule
from runtime.cli.identity import program_name
from runtime.errors import InputRefused, naming
from runtime.shared.wording import counted
from runtime.system.atomic_files import write_file
from runtime.system.json_records import (
    MAX_TEXT_BYTES,
    OLD_KEYS,
    expect_text,
    parse_json,
    read_text,
    rename_nested,
)
from runtime.system.typed_json import read_as

SCHEMA, KIND = 3, "latency"
MAX_SPREAD = 1.5
"""A higher ratio of p95 to p50 shows a disturbance; on an idle machine it is below 1.2."""
ENOUGH_SAMPLES = 100
MAX_OVERHEAD_US = 20


class ResultFile:
    """Writes a dataclass to a file, and reads it back with every type checked."""

    old_keys: ClassVar[Mapping[str, Mapping[str, str]]]
    """The keys of older schemas, for `rename_nested`."""
    kind: str
    schema: int

    def write(self, path: Path) -> None:
        """Writes it to `path` as JSON, whole or not at all."""
        write_file(path, json.dumps(asdict(self)) + "\n")  # type: ignore[call-overload]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Reads what `write` wrote.

        Raises:
            InputRefused: no such file, another version, or content that is not valid.
        """
        data = read_result(path, cls.kind)
        with naming(path, f"not a usable result of {cls.kind}: {{}}"):
            result: Self = read_as(cls, _upgraded(data, cls.old_keys, cls.schema), "result")
        return result


@dataclass(frozen=True)
class LatencyReport(ResultFile):
    """Holds the measurements of one run.

    asked_threads: as the user passed them, before they were limited to the cores allowed.
    pair_loads: with --interleave, how many samples of each model came from each process.
    """

    old_keys: ClassVar = {
        "": {"name": "title"},
        "measurements": OLD_KEYS | {"model": "model_folder"},
    }
    title: str
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
        expect_text(self, "title", "command")
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


def _upgraded(
    data: dict[str, Any], old_keys: Mapping[str, Mapping[str, str]], schema: int
) -> dict[str, Any]:
    """Returns a result of an older schema as one of `schema`; one of `schema` unchanged."""
    found = data.get("schema")
    if type(found) is int and 1 <= found < schema:
        return {**rename_nested(data, old_keys), "schema": schema}
    if found != schema:
        raise InputRefused(
            "schema", f"expected a result of schema {schema}, found of schema {found!r}"
        )
    return data


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
