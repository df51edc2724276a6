"""Starts the program of a package: it handles signals before it imports what takes most of a start.

Before that, each `__main__` lets Ctrl-C end the process, so that Python prints no traceback.
"""

from collections.abc import Sequence
from typing import NoReturn

from runtime.cli.identity import program_name
from runtime.cli.signals import ending_at_once, handle_signals


def start(package: str, module: str) -> NoReturn:
    """Runs `main` of a module as the program of a package, and ends the process."""
    name = program_name(package)
    handle_signals(name)
    import sys

    from runtime.cli.program import run_program
    from runtime.system.lazy_loading import import_module

    def main(words: Sequence[str]) -> int:
        with ending_at_once():
            command = import_module(module)
        return int(command.main(words))

    run_program(name, main, sys.argv[1:], package)
