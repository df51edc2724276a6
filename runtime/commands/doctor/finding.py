"""Defines a finding of the doctor."""

from dataclasses import dataclass
from typing import Literal, get_args

from runtime.errors import InputRefused

Level = Literal["ok", "note", "warning", "problem"]
"""problem: something does not work. warning: it works worse than it should. note: good to know."""


@dataclass(frozen=True)
class Finding:
    """One fact about this machine, and what to do about it if something should be done."""

    topic: str
    level: Level
    found: str
    do: str = ""

    def __post_init__(self) -> None:
        if self.level not in get_args(Level):
            raise InputRefused(
                "finding", f"expected level {', '.join(get_args(Level))}, found {self.level!r}"
            )
        if self.level in ("warning", "problem") and not self.do:
            raise InputRefused("finding", f"a {self.level} needs advice: {self.found}")
