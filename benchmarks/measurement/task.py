"""Starts the process that measures a model, and exchanges JSON with it on its standard streams."""

import json
from dataclasses import asdict, dataclass
from time import monotonic_ns
from typing import Any

from benchmarks.measurement.timing import Rule
from runtime.errors import MachineError
from runtime.system.subprocesses import ask_child


@dataclass(frozen=True)
class Task:
    """Asks for a measurement of one model with these image files.

    source, artifact: a bundle folder and a file in it, or a model file and "".
    rule: how long to measure; None: only a cold start.
    second: a second model and its artifact, measured in turn with the first.
    root: the machine's state is read below this folder.
    external: words of benchmarks.measurement.external_model_words, for external model files.
    """

    source: str
    artifact: str
    threads: int
    images: tuple[str, ...]
    rule: Rule | None = None
    second: tuple[str, str] | None = None
    root: str = "/"
    external: tuple[str, ...] = ()


def measure_in_child(task: Task) -> dict[str, Any]:
    """Returns the answer of a fresh process, `child_process_main`, to the task.

    Raises:
        QuinceError: the error that the process reported.
        MachineError: the process was killed.
    """
    words = ("-m", "benchmarks.measurement.child_process_main", str(monotonic_ns()))
    result = ask_child(*words, question=json.dumps(asdict(task)))
    name = task.artifact or task.source
    if result.signal:
        reason = f"the process that measured it was ended by signal {result.signal}"
        raise MachineError(name, f"{reason}; was there too little memory?")
    if not result.answered:
        raise RuntimeError(f"the process that measured {name} {result.reason}:\n{result.errors}")
    return dict(result.value())
