"""Defines a claim and how a script reports it.

Each script in scripts/ measures both sides in turn, in one run.
"""

import argparse
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

from runtime.cli.program import run_program
from runtime.errors import CHECK_FAILED, DONE
from runtime.system.typed_json import read_as

RESULTS_VARIABLE = "QUINCE_CLAIMS"
"""Names the file to which `print_claims` appends a JSON object a line.

`python -m benchmarks claims` sets it."""


@dataclass(frozen=True)
class Claim:
    """Holds a measured figure and the bar that it must reach.

    figure: of one run, or the worst of `rounds`.
    least: whether the bar is the lowest figure allowed; otherwise it is the highest.
    rounds: the figure of each, in order; () if it was measured once.
    script: the name of the script that measured it; `python -m benchmarks claims` fills it in.
    """

    name: str
    figure: float
    unit: str
    bar: float
    least: bool
    script: str = ""
    rounds: tuple[float, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether the figure, and so that of each run, reaches the bar."""
        return self._reaches_bar(self.figure)

    @property
    def outcome(self) -> str:
        """The result in words; it is not shown if the bar lies within the spread of the runs."""
        if self.holds:
            return "holds"
        return "not shown" if any(map(self._reaches_bar, self.rounds)) else "does not hold"

    @property
    def spread_text(self) -> str:
        """The spread in words, such as "4 to 5 in 3 runs"."""
        if len(self.rounds) < 2:
            return "1 run"
        return f"{min(self.rounds):.3g} to {max(self.rounds):.3g} in {len(self.rounds)} runs"

    @property
    def bar_text(self) -> str:
        """The bar in words, such as "at most 20"."""
        return f"at {'least' if self.least else 'most'} {self.bar:g}"

    def __str__(self) -> str:
        outcome = self.outcome if self.holds else self.outcome.upper()
        figure = f"{self.figure:.3g} {self.unit}"
        return f"{self.name}: {figure}, {self.bar_text}: {outcome} ({self.spread_text})"

    def _reaches_bar(self, figure: float) -> bool:
        return figure >= self.bar if self.least else figure <= self.bar

    def to_data(self) -> dict[str, Any]:
        """Returns a JSON object with all fields, and with `holds` for readers of the file."""
        return {**asdict(self), "holds": self.holds}

    @classmethod
    def from_data(cls, data: Any) -> "Claim":
        """Reads what `to_data` returned; `holds` is computed again."""
        if isinstance(data, Mapping):
            data = {name: value for name, value in data.items() if name != "holds"}
        claim: Claim = read_as(cls, data, "claim")
        return claim


def worst_of(runs: Sequence[Sequence[Claim]]) -> list[Claim]:
    """Returns each claim with the worst of its figures, and with all of them in `rounds`.

    A claim that a run did not measure has the figures of the others.
    """
    by_name: dict[str, list[Claim]] = {}
    for claim in chain.from_iterable(runs):
        by_name.setdefault(claim.name, []).append(claim)
    return [_worst(claims) for claims in by_name.values()]


def _worst(claims: Sequence[Claim]) -> Claim:
    choose = min if claims[0].least else max
    figures = tuple(claim.figure for claim in claims)
    return replace(choose(claims, key=lambda claim: claim.figure), rounds=figures)


def claim_parser(doc: str | None) -> argparse.ArgumentParser:
    """Returns a parser for a script with options; `doc` is its docstring."""
    return argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def print_claims(*claims: Claim) -> int:
    """Prints the claims and appends them to the results file, if there is one.

    Returns the exit code: 0 if all hold, else 3.
    """
    for claim in claims:
        print(claim, flush=True)
        if RESULTS_VARIABLE in os.environ:
            with Path(os.environ[RESULTS_VARIABLE]).open("a") as file:
                file.write(json.dumps(claim.to_data()) + "\n")
    return DONE if all(claim.holds for claim in claims) else CHECK_FAILED


def run_claim(module: str, main: Callable[[], int]) -> NoReturn:
    """Runs the `main` of the script `module` and ends the process with its exit code."""
    run_program(f"python -m {module}", lambda _: main())
