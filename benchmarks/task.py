"""What a measuring process is told, and how it answers: JSON on its standard input and output."""

import json
import subprocess
from dataclasses import asdict, dataclass
from time import monotonic_ns
from typing import Any

from benchmarks.timing import Rule
from runtime.children import environment, python
from runtime.errors import CheckFailed, InputRefused, MachineError, QuinceError

ERRORS = {error.exit_code: error for error in (InputRefused, CheckFailed, MachineError)}


@dataclass(frozen=True)
class Task:
    """Measure the artifact of `source` (a bundle folder, or a model file with "") with these picture files.

    rule: None: a cold start only.
    other: a second model and its artifact, to be measured in turn with the first.
    root: below which the machine's state is read.
    foreign: options of runtime.foreign_arguments, as words, for model files of someone else's.
    """

    source: str
    artifact: str
    threads: int
    pictures: tuple[str, ...]
    rule: Rule | None = None
    other: tuple[str, str] | None = None
    root: str = "/"
    foreign: tuple[str, ...] = ()


def perform(task: Task) -> dict[str, Any]:
    """What a fresh process, benchmarks.child, answers to the task.

    Raises:
        QuinceError: what it met.
        MachineError: it was killed.
    """
    pipe = subprocess.PIPE
    words = python("-m", "benchmarks.child", str(monotonic_ns()))
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment()) as child:
        try:
            out, errors = child.communicate(json.dumps(asdict(task)))
        except BaseException:
            child.kill()
            child.wait()
            raise
    thing = task.artifact or task.source
    if child.returncode < 0:
        raise MachineError(thing, f"the process that measured it was ended by signal {-child.returncode}; was there too little memory?")
    if child.returncode:
        raise RuntimeError(f"the process that measured {thing} failed:\n{errors}")
    answer: dict[str, Any] = json.loads(out.splitlines()[-1])
    if "exit_code" in answer:
        raise ERRORS.get(answer["exit_code"], QuinceError)(answer["thing"], answer["reason"])
    return answer
