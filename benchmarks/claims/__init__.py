"""One script per claim: it measures both sides alternately in one run and prints the figure, the bar and whether it holds."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn

from runtime import cli

RESULTS = "QUINCE_CLAIMS"
"""The variable that names the file to which `show` appends what it prints, a JSON object a line; python -m benchmarks claims sets it."""


@dataclass(frozen=True)
class Claim:
    """A figure and what it must reach; `least` says whether the bar is the lowest figure allowed, else it is the highest."""

    name: str
    figure: float
    unit: str
    bar: float
    least: bool

    @property
    def holds(self) -> bool:
        """Whether the figure reaches the bar."""
        return self.figure >= self.bar if self.least else self.figure <= self.bar

    def __str__(self) -> str:
        bar = f"at {'least' if self.least else 'most'} {self.bar:g}"
        return f"{self.name}: {self.figure:.3g} {self.unit}, {bar}: {'holds' if self.holds else 'DOES NOT HOLD'}"


def show(*claims: Claim) -> int:
    """Prints the claims; returns 0 if all hold, else 3."""
    for claim in claims:
        print(claim, flush=True)
        if RESULTS in os.environ:
            with Path(os.environ[RESULTS]).open("a") as file:
                file.write(json.dumps({**asdict(claim), "holds": claim.holds}) + "\n")
    return 0 if all(claim.holds for claim in claims) else 3


def run(module: str, main: Callable[[], int]) -> NoReturn:
    """Ends the process with what `main` of the script `module` returns, or with the exit code and the one line of its error."""
    cli.run(f"python -m {module}", lambda _: main())
