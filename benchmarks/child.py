"""python -m benchmarks.child START_NS < TASK: the fresh process in which one model is measured; see benchmarks.task.

Nothing heavy is imported before the clock and the memory of the bare interpreter were read.
"""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C reaches the parent too, which says so

from time import monotonic_ns

from benchmarks.resident import resident_bytes

BARE_NS, BARE_BYTES = monotonic_ns(), resident_bytes()[0]

import importlib
import sys


def main() -> int:
    """Answers the task; a user's error is an answer too. Without a task, whoever asked is gone."""
    task = sys.stdin.read()
    if not task:
        return 0
    perform = importlib.import_module("benchmarks.measure").perform  # after the clock: it imports numpy, pillow and the interpreter
    print(perform(task, int(sys.argv[1]), BARE_NS, BARE_BYTES, resident_bytes))
    return 0


if __name__ == "__main__":
    sys.exit(main())
