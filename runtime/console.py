"""The `quince` command: `quince train | export | run | bench` loads the package of that name, whatever files the current folder has."""

import os
import runpy
import sys
from importlib.util import find_spec

from runtime import cli

USAGE = """usage: quince {train,export,run,bench} ...   (quince VERB --help says more)
  train    a folder of pictures becomes a trained run
  export   a run becomes model files for a device, each checked
  run      classify pictures with them
  bench    measure how fast they are on this machine"""


def main() -> None:
    """Entry point of the console script."""
    os.environ[cli.CONSOLE] = "1"
    verbs = {verb: package for package, verb in cli.VERBS.items()}
    given = sys.argv[1] if len(sys.argv) > 1 else ""
    if given == "--version":
        print(f"quince {cli.version()}")
    elif given in verbs and find_spec(verbs[given]) is None:
        cli.say(f"quince {given}: the package {verbs[given]} was not copied to this machine; it runs on the workstation")
        raise SystemExit(cli.MACHINE)
    elif given in verbs:
        sys.argv[:2] = [f"quince {given}"]
        runpy.run_module(verbs[given], run_name="__main__")
    elif given == "--help":
        print(USAGE)
    else:
        found = f", found {given}" if given else ""
        cli.say(f"quince: expected {', '.join(verbs)}{found} (see quince --help)")
        raise SystemExit(cli.REFUSED)
