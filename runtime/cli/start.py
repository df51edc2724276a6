"""Starts the program of a package: it handles signals before it imports what takes most of a start.

Before that, each `__main__` lets Ctrl-C end the process, so that Python prints no traceback.
"""

from collections.abc import Sequence
from typing import NoReturn

from runtime.cli.identity import program_name
from runtime.cli.signals import ending_at_once, handle_signals

NEW_OBJECTS = 10_000
"""So many new lists, dicts and other containers make Python look for garbage among them.

At its own 700 (2,000 since 3.13) it does that 8 times in a start of `python -m runtime predict`,
which takes 0.6 % of it and finds nothing.
"""


def start(package: str, module: str) -> NoReturn:
    """Runs `main` of a module as the program of a package, and ends the process."""
    name = program_name(package)
    handle_signals(name)
    import gc
    import sys

    gc.set_threshold(NEW_OBJECTS)

    from runtime.cli.program import run_program
    from runtime.system.lazy_loading import import_module

    def main(words: Sequence[str]) -> int:
        with ending_at_once():
            command = import_module(module)
        return int(command.main(words))

    run_program(name, main, sys.argv[1:], package)
