"""Runs `python main.py SCRIPT MODEL THREADS`, which answers about images with a peer's script.

It runs in the peer's own environment and imports nothing that the peer would not pay for itself. A
line in is the path of an image as JSON; a line out is {"label": ..., "ms": ..., "processor_ms":
...}, or {"refused": ...} if the peer cannot take the image. A list of distributions is answered by
{"versions": {...}}.

The script's `load(model, threads)` returns a function from a path to its label, or to a label and
milliseconds if the peer measures itself.
"""

import json
import os
import sys
from time import perf_counter_ns, process_time_ns
from typing import Any

MAX_REASON_CHARS = 200


def main() -> None:
    """Answers until standard input ends."""
    script, model, threads = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # so that lines that a library prints do not mix with answers
    with open(script, encoding="utf-8") as file:
        names: dict[str, Any] = {"__name__": "peer"}
        exec(compile(file.read(), script, "exec"), names)
    classify = names["load"](model, int(threads))
    for line in sys.stdin:
        question = json.loads(line)
        answer = _versions(question) if type(question) is list else _answer(classify, question)
        print(json.dumps(answer), file=answers, flush=True)


def _answer(classify: Any, image: str) -> dict[str, Any]:
    start, processor_start = perf_counter_ns(), process_time_ns()
    try:
        label = classify(image)
    except Exception as error:  # a library may raise anything; the next image may be good
        reason = " ".join(str(error).split())[:MAX_REASON_CHARS]
        return {"refused": f"{type(error).__name__}: {reason}"}
    ms = (perf_counter_ns() - start) / 1e6
    processor_ms = (process_time_ns() - processor_start) / 1e6
    if isinstance(label, tuple):
        label, ms = label
    return {"label": label, "ms": round(ms, 4), "processor_ms": round(processor_ms, 4)}


def _versions(distributions: list[str]) -> dict[str, Any]:
    from importlib import metadata  # not at the top, because the first answer is timed

    versions = {name: metadata.version(name) for name in distributions}
    return {"versions": {"python": sys.version.split()[0], **versions}}


if __name__ == "__main__":
    main()
