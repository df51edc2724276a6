"""A Markdown table of what `python -m benchmarks claims --json` wrote, with date, machine and versions: a part of docs/results.md."""

import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.conditions import Conditions
from benchmarks.latency_report import read_result
from benchmarks.table import escaped
from benchmarks.typed import expect_types
from runtime.errors import InputRefused
from runtime.records import build, expect_list

KIND, SCHEMA = "claims", 1


@dataclass(frozen=True)
class Figure:
    """What one script measured; `least` says whether the bar is the lowest figure allowed, else it is the highest."""

    script: str
    name: str
    figure: float
    unit: str
    bar: float
    least: bool
    holds: bool

    def __post_init__(self) -> None:
        expect_types(self, "claims")

    def __str__(self) -> str:
        return f"{self.name}: {self.figure:.3g} {self.unit}, {self.bar_text}: {'holds' if self.holds else 'DOES NOT HOLD'}"

    @property
    def bar_text(self) -> str:
        """As "at most 20"."""
        return f"at {'least' if self.least else 'most'} {self.bar:g}"


def claim_table(path: Path) -> str:
    """The table of the result at `path`.

    Raises:
        InputRefused: not such a result, or one that does not hold up.
    """
    data = read_result(path, KIND)
    try:
        if data.get("schema") != SCHEMA:
            raise InputRefused("claims", f"expected schema {SCHEMA}, found {data.get('schema')!r}")
        before = Conditions.from_data(data.get("before"))
        figures = [build(Figure, one) for one in expect_list("claims", data.get("claims"))]
        doubts = [str(doubt) for doubt in expect_list("doubts", data.get("doubts"))]
    except InputRefused as refusal:
        raise InputRefused(str(path), f"not a usable result of claims: {refusal.reason}") from refusal
    machine = before.machine
    where = ", ".join(part for part in (machine.board, machine.cpu_model, machine.system, f"{machine.cores_allowed} cores") if part)
    versions = ", ".join(f"{name} {version}" for name, version in before.versions.items())
    rows = [
        f"| {escaped(one.name)} | {one.figure:.3g} {escaped(one.unit)} | {one.bar_text} | {'holds' if one.holds else '**does not hold**'} |"
        for one in figures
    ]
    notes = [
        f"Measured {time.strftime('%Y-%m-%d', time.gmtime(before.at_s))} on {where}; {versions}.",
        *(f"Doubt: {one}." for one in doubts),
    ]
    return "\n".join(["| claim | figure | bar | |", "|---|---|---|---|", *rows, "", *map(escaped, notes)]) + "\n"
