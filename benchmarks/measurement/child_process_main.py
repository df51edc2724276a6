"""Measures one model: `python -m benchmarks.measurement.child_process_main START_NS < TASK`.

It is the fresh process of benchmarks.measurement.task. It reads the clock and the memory of bare
Python before it imports anything heavy.
"""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # the parent gets Ctrl-C too, and reports it

from time import monotonic_ns

from benchmarks.measurement.resident_memory import resident_bytes

BARE_NS, BARE_BYTES = monotonic_ns(), resident_bytes()[0]

import sys


def main() -> int:
    """Answers the task. An empty task means that the parent is gone."""
    text = sys.stdin.read()
    if not text:
        return 0
    from benchmarks.measurement.child_process import (  # imports the interpreter
        ProcessStart,
        measure_task,
    )

    start = ProcessStart(int(sys.argv[1]), BARE_NS, BARE_BYTES)
    measure_task(text, start)
    return 0


if __name__ == "__main__":
    sys.exit(main())
