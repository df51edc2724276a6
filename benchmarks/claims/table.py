"""Writes the Markdown tables of claims that are a part of docs/results.md."""

from collections.abc import Sequence

from benchmarks.claims.base import Claim
from benchmarks.recorded.docs_table import run_notes
from benchmarks.recorded.runs_file import RecordedRun, ResultType
from benchmarks.reporting.markdown import escaped

HEAD = "| claim | figure | bar | |\n|---|---|---|---|"


def claim_table(runs: Sequence[RecordedRun]) -> str:
    """Returns a table for each run, and below it how it was measured."""
    return "\n".join(f"{_table(run.results)}\n\n{run_notes(run)}\n" for run in runs)


def _table(claims: Sequence[Claim]) -> str:
    return "\n".join([HEAD, *map(_row, claims)])


def _row(claim: Claim) -> str:
    figure = f"{claim.figure:.3g} {escaped(claim.unit)}; {claim.spread_text}"
    outcome = claim.outcome if claim.holds else f"**{claim.outcome}**"
    return f"| {escaped(claim.name)} | {figure} | {claim.bar_text} | {outcome} |"


CLAIMS = ResultType(
    "claims",
    3,
    Claim.from_data,
    Claim.to_data,
    claim_table,
    {"results": {"runs": "rounds"}},
)
