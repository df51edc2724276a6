"""python answer.py SCRIPT MODEL THREADS: answers about pictures with the `load` of a peer's script; it runs in the peer's own environment.

A line in is a picture's path as JSON, a line out {"label": ..., "ms": ...}, or {"refused": ...} where the peer cannot take that picture. A
list of distributions in is answered by {"versions": {...}}. `load(model, threads)` gives a function from a path to its label, or to a
label and milliseconds where the peer measures itself. This imports nothing that a peer would not pay for itself.
"""

import json
import os
import sys
from time import perf_counter_ns
from typing import Any


def main() -> None:
    """Answers until standard input ends."""
    script, model, threads = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    with open(script, encoding="utf-8") as file:
        names: dict[str, Any] = {"__name__": "peer"}
        exec(compile(file.read(), script, "exec"), names)
    classify = names["load"](model, int(threads))
    for line in sys.stdin:
        asked = json.loads(line)
        answer = _versions(asked) if isinstance(asked, list) else _answer(classify, asked)
        print(json.dumps(answer), file=answers, flush=True)


def _answer(classify: Any, picture: str) -> dict[str, Any]:
    start = perf_counter_ns()
    try:
        label = classify(picture)
    except Exception as error:  # whatever a peer's library raises of a picture: the next one may do
        return {"refused": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"}
    ms = (perf_counter_ns() - start) / 1e6
    if isinstance(label, tuple):
        label, ms = label
    return {"label": label, "ms": round(ms, 4)}


def _versions(distributions: list[str]) -> dict[str, Any]:
    from importlib import metadata  # asked for once, behind the first answer, which is timed

    return {"versions": {"python": sys.version.split()[0], **{name: metadata.version(name) for name in distributions}}}


if __name__ == "__main__":
    main()
