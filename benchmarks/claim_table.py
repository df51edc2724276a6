"""A Markdown table of what `python -m benchmarks claims --json` wrote, with date, machine and versions: a part of docs/results.md."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.runs import Kind, Run
from benchmarks.table import escaped
from benchmarks.typed import expect_types
from runtime.records import build


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


def claim_table(runs: Sequence[Run]) -> str:
    """A table of each run's figures, and under it how it was measured."""
    return "\n".join(f"{_table(run.results)}\n\n{run.notes}\n" for run in runs)


def _table(figures: Sequence[Figure]) -> str:
    rows = [
        f"| {escaped(one.name)} | {one.figure:.3g} {escaped(one.unit)} | {one.bar_text} | {'holds' if one.holds else '**does not hold**'} |"
        for one in figures
    ]
    return "\n".join(["| claim | figure | bar | |", "|---|---|---|---|", *rows])


CLAIMS = Kind("claims", 2, lambda one: build(Figure, one), claim_table)
