"""Python processes that are started to do something apart: with this interpreter and this Quince, whatever the current folder holds."""

import os
import sys
from pathlib import Path

ROOT = str(Path(__file__).parents[1])


def python(*words: str | Path) -> list[str]:
    """The command `python WORDS...`; -P keeps the current folder off its path."""
    return [sys.executable, "-P", *map(str, words)]


def environment() -> dict[str, str]:
    """This process' own, with Quince first among what Python finds."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (ROOT, os.environ.get("PYTHONPATH"))))}
