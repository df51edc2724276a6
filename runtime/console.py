"""The `quince` command: `quince train | export | run` loads `python -m train | export | runtime`, whatever files the current folder has."""

import os
import runpy
import sys

from runtime import cli


def main() -> None:
    """Entry point of the console script."""
    os.environ[cli.CONSOLE] = "1"
    verbs = {verb: package for package, verb in cli.VERBS.items()}
    given = sys.argv[1] if len(sys.argv) > 1 else ""
    if given == "--version":
        print(f"quince {cli.version()}")
    elif given in verbs:
        sys.argv[:2] = [f"quince {given}"]
        runpy.run_module(verbs[given], run_name="__main__")
    else:
        print(f"usage: quince {{{','.join(verbs)}}} ...   (quince VERB --help)", file=sys.stdout if given == "--help" else sys.stderr)
        raise SystemExit(cli.DONE if given == "--help" else cli.REFUSED)
