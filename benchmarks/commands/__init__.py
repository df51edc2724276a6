"""The verbs of `python -m benchmarks`: one file and one row each."""

from runtime.verbs import Verb

VERBS = {
    "latency": Verb("benchmarks.commands.latency", "time models on this machine, with every raw sample and the conditions"),
    "compare": Verb("benchmarks.commands.compare", "compare two latency results of the same models on the same board"),
    "accuracy": Verb("benchmarks.commands.accuracy", "accuracy and agreement of the models on a folder of pictures, here"),
    "report": Verb("benchmarks.commands.report", "one HTML page and a Markdown table from a latency result"),
    "recommend": Verb("benchmarks.commands.recommend", "measure this machine and name the model file and threads to use"),
    "soak": Verb("benchmarks.commands.soak", "run a model for long: do memory, latency and temperature stay?"),
    "claims": Verb("benchmarks.commands.claims", "measure what Quince claims, and say whether it holds"),
    "peers": Verb("benchmarks.commands.peers", "measure other programs and ours on the same pictures, side by side"),
}
