"""Lists the verbs of `python -m benchmarks`: one module and one row each."""

from pathlib import Path

from runtime.cli.dispatch import Verb

FOLDER = Path(__file__).parents[1]
CHECKOUT_VERBS = {
    "claims": Verb(
        "benchmarks.claims.command", "measure what Quince claims, and say whether it holds"
    ),
    "peers": Verb("benchmarks.peers.command", "measure other programs and ours on the same images"),
}
"""Verbs whose folders stay in the repository; a device has no use for them."""

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
    "report": Verb(
        "benchmarks.commands.report",
        "make an HTML page and a Markdown table of a latency result",
    ),
    "recommend": Verb(
        "benchmarks.commands.recommend",
        "measure this machine and name the model file and threads to use",
    ),
    "soak": Verb(
        "benchmarks.commands.soak",
        "run a model for long and check that memory, latency and temperature stay the same",
    ),
} | {name: verb for name, verb in CHECKOUT_VERBS.items() if (FOLDER / name).is_dir()}
