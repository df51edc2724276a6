"""Lists the verbs of `python -m benchmarks`: one module and one row each."""

from collections.abc import Sequence
from pathlib import Path

from runtime.cli.dispatch import Verb, dispatch
from runtime.errors import MachineError

ROOT = Path(__file__).parents[2]
WORKSTATION_VERBS = {
    "report": Verb(
        "benchmarks.commands.report",
        "make an HTML page and a Markdown table of a latency result",
    ),
    "claims": Verb(
        "benchmarks.claims.command",
        "measure the claims of these programs, and report whether they hold",
    ),
    "peers": Verb("benchmarks.peers.command", "measure other programs and ours on the same images"),
}
"""Verbs that the wheel for a device lacks; that of the workstation has `report`."""

VERBS = {
    "latency": Verb(
        "benchmarks.commands.latency",
        "time models on this machine, with every raw sample and the conditions",
    ),
    "compare": Verb(
        "benchmarks.commands.compare",
        "compare two latency results of the same models on the same board",
    ),
    "accuracy": Verb(
        "benchmarks.commands.accuracy",
        "measure accuracy and agreement of the models on a folder of images",
    ),
    "recommend": Verb(
        "benchmarks.commands.recommend",
        "measure this machine and name the model file and threads to use",
    ),
    "soak": Verb(
        "benchmarks.commands.soak",
        "run a model for long and check that memory, latency and temperature stay the same",
    ),
} | {
    name: verb
    for name, verb in WORKSTATION_VERBS.items()
    if (ROOT / f"{verb.module.replace('.', '/')}.py").is_file()
}


def main(words: Sequence[str]) -> int:
    """Runs the command line; returns the exit code."""
    if words and words[0] in WORKSTATION_VERBS and words[0] not in VERBS:
        raise MachineError(
            words[0],
            "not installed here; run it on the workstation, or in a checkout of the project",
        )
    description = "Measure exported models on this machine. Needs no TensorFlow."
    return dispatch("benchmarks", description, VERBS, words)
