"""The claims of the whole project: the scripts in benchmarks/claims, known by the first line of their docstrings.

That line is `python -m benchmarks.claims.NAME ARGUMENT...: what it measures`, where an argument is a word in capitals (BUNDLE, RUN,
DATA, PICTURE...), in brackets if it may be left out. It is read without importing the script, which may need TensorFlow.
"""

import ast
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.children import environment, python
from runtime.errors import MachineError
from runtime.records import parse_json

FOLDER = Path(__file__).parent / "claims"
FIRST_LINE = re.compile(r"python -m benchmarks\.claims\.\w+((?: [A-Z]+(?: ?\.\.\.)?)*)(?: \[[^\]]+\])*: (.+)")
RESULTS = "QUINCE_CLAIMS"
"""As benchmarks.claims names it."""


@dataclass(frozen=True)
class Script:
    """One script: its name with dashes, its module, what it says it measures, and the kinds of its arguments, as ("bundle", "picture")."""

    name: str
    module: str
    what: str
    needs: tuple[str, ...]


def scripts(folder: Path = FOLDER) -> dict[str, Script]:
    """Every script of `folder` by its name; a module without such a first line is no script."""
    found = {}
    for file in sorted(folder.glob("*.py")):
        match = FIRST_LINE.match(ast.get_docstring(ast.parse(file.read_text())) or "")
        if match:
            words = [word.removesuffix("...").lower() for word in match[1].split() if word != "..."]
            name = file.stem.replace("_", "-")
            found[name] = Script(name, f"benchmarks.claims.{file.stem}", match[2].strip(), tuple(words))
    return found


def run(script: Script, given: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Runs it with the arguments given by kind; what it prints besides its figures goes to standard error. Returns its figures.

    Raises:
        MachineError: it ended without a figure.
    """
    words = [word for need in script.needs for word in given[need]]
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results"
        command = python("-m", script.module, *words)
        variables = {**environment(), RESULTS: str(results)}
        done = subprocess.run(command, stdout=sys.stderr.fileno(), stdin=subprocess.DEVNULL, env=variables)
        found = [parse_json(line) for line in results.read_text().splitlines()] if results.exists() else []
    if not found:
        raise MachineError(script.name, f"gave no figure: {json.dumps(' '.join(command[3:]))} ended with {done.returncode}")
    return found
