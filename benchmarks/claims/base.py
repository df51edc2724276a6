"""Defines a claim and how a script reports it.

Each script in scripts/ measures both sides in turn, in one run.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.measurement.type_checks import expect_types
from runtime.cli.program import run_program
from runtime.errors import CHECK_FAILED, DONE
from runtime.system.json_records import from_json_object

RESULTS_VARIABLE = "QUINCE_CLAIMS"
"""Names the file to which `print_claims` appends a JSON object a line.

`python -m benchmarks claims` sets it."""


@dataclass(frozen=True)
class Claim:
    """Holds a measured figure and the bar that it must reach.

    least: whether the bar is the lowest figure allowed; otherwise it is the highest.
    script: the name of the script that measured it; `python -m benchmarks claims` fills it in.
    """

    name: str
    figure: float
    unit: str
    bar: float
    least: bool
    script: str = ""

    def __post_init__(self) -> None:
        expect_types(self, "claims")

    @property
    def holds(self) -> bool:
        """Whether the figure reaches the bar."""
        return self.figure >= self.bar if self.least else self.figure <= self.bar

    @property
    def bar_text(self) -> str:
        """The bar in words, such as "at most 20"."""
        return f"at {'least' if self.least else 'most'} {self.bar:g}"

    def __str__(self) -> str:
        outcome = "holds" if self.holds else "DOES NOT HOLD"
        return f"{self.name}: {self.figure:.3g} {self.unit}, {self.bar_text}: {outcome}"

    def to_data(self) -> dict[str, Any]:
        """Returns a JSON object with all fields, and with `holds` for readers of the file."""
        return {**asdict(self), "holds": self.holds}

    @classmethod
    def from_data(cls, data: Any) -> "Claim":
        """Reads what `to_data` returned; `holds` is computed again."""
        if isinstance(data, Mapping):
            data = {name: value for name, value in data.items() if name != "holds"}
        return from_json_object(cls, data)


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
