"""Lists the claim scripts in benchmarks/claims/scripts and runs one of them.

A script's docstring begins with a line `python -m benchmarks.claims.scripts.NAME ARGUMENT...`, in
which an argument is a word in capitals (BUNDLE, RUN, DATA, IMAGES...), in brackets if it is
optional. The next paragraph begins with a sentence that says what the script measures. Both are
read without importing the script, because that may need TensorFlow.
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

from benchmarks.claims.base import RESULTS_VARIABLE, Claim
from runtime.errors import MachineError
from runtime.system.json_records import parse_json
from runtime.system.subprocesses import child_environment, python_command

PACKAGE = "benchmarks.claims.scripts"
FOLDER = Path(__file__).parent / "scripts"
DOCSTRING = re.compile(
    r"python -m benchmarks\.claims\.scripts\.[\w.]+"
    r"(?P<arguments>(?: [A-Z]+(?: ?\.\.\.)?)*)(?: \[[^\]]+\])*\n\n(?P<summary>.+?)\.(?=\s|$)",
    re.DOTALL,
)
OLD_NAMES = {
    "small-pictures": "small-images",
    "big-pictures": "big-images",
    "harness-honest": "harness-overhead",
    "export-all": "gate-speed",
}
"""Names that the command line accepted before, and today's."""


@dataclass(frozen=True)
class ClaimScript:
    """Describes one script.

    name: with dashes, as on the command line.
    summary: what it measures, as its docstring says.
    arguments: the kinds of its required arguments, such as ("bundle", "images").
    """

    name: str
    module: str
    summary: str
    arguments: tuple[str, ...]


def claim_scripts(folder: Path = FOLDER) -> dict[str, ClaimScript]:
    """Returns the scripts in `folder` by name; a module without such a docstring is no script."""
    scripts = {}
    for file in sorted(folder.rglob("*.py")):
        match = DOCSTRING.match(ast.get_docstring(ast.parse(file.read_text())) or "")
        if match:
            words = match["arguments"].replace("...", " ").lower().split()
            name = file.stem.replace("_", "-")
            summary = " ".join(match["summary"].split())
            module = ".".join((PACKAGE, *file.relative_to(folder).with_suffix("").parts))
            scripts[name] = ClaimScript(name, module, summary, tuple(words))
    return scripts


def run_script(script: ClaimScript, paths: Mapping[str, Sequence[str]]) -> list[Claim]:
    """Runs a script and returns its claims; what it prints goes to standard error.

    Args:
        script: which one.
        paths: its arguments, by kind.

    Raises:
        MachineError: it ended without a figure.
    """
    words = [word for kind in script.arguments for word in paths[kind]]
    command = python_command("-m", script.module, *words)
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results"
        variables = {**child_environment(), RESULTS_VARIABLE: str(results)}
        done = subprocess.run(
            command, stdout=sys.stderr.fileno(), stdin=subprocess.DEVNULL, env=variables
        )
        lines = results.read_text().splitlines() if results.exists() else []
    if not lines:
        shown = json.dumps(" ".join(command[3:]))
        raise MachineError(
            script.name, f"measured no figure: {shown} ended with exit code {done.returncode}"
        )
    return [Claim.from_data({**parse_json(line), "script": script.name}) for line in lines]
