"""Runs the `quince` command, whose verbs train, export, run and bench each load one package.

It finds the packages whatever files the current folder holds.
"""

import os
import runpy
import sys
from importlib.util import find_spec

from runtime.cli import completion
from runtime.cli.identity import CONSOLE_VARIABLE, CONSOLE_VERBS, quince_version
from runtime.cli.signals import handle_signals
from runtime.errors import MACHINE, PIPE_CLOSED, REFUSED
from runtime.system.terminal import say

PROGRAMS = {
    "train": "a folder of images becomes a trained run",
    "export": "a run becomes model files for a device, each checked",
    "run": "classify images with them",
    "bench": "measure how fast they are on this machine",
    "completion": "print the script with which a shell, bash or zsh, completes these words",
}
USAGE = "\n".join(
    [
        "usage: quince {train,export,run,bench} ...   (quince VERB --help says more)",
        *(f"  {word:10} {help_text}" for word, help_text in PROGRAMS.items()),
    ]
)
COMPLETION_USAGE = """usage: quince completion {bash,zsh}

Print the script with which this shell completes the words after quince:
  quince completion bash > ~/.local/share/bash-completion/completions/quince"""
HELP = ("-h", "--help")
NEXT_ON_THE_WORKSTATION = "next: quince train sample elpv -o images, then quince train images"
NEXT_ON_THE_DEVICE = "next: quince run doctor BUNDLE, with a bundle that quince export wrote"


def main() -> None:
    """Runs the package of the chosen verb; it is the entry point of the console script."""
    handle_signals("quince")
    os.environ[CONSOLE_VARIABLE] = "1"
    packages = {verb: package for package, verb in CONSOLE_VERBS.items()}
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    if word == "--version":
        _print(f"quince {quince_version()}")
    elif word in HELP:
        _print(USAGE)
    elif not word and completion.VARIABLE in os.environ:
        here = [word for word in PROGRAMS if find_spec(packages.get(word, "runtime"))]
        completion.offer((word, PROGRAMS[word]) for word in here)
    elif not word:
        trains = find_spec(packages["train"]) is not None
        _print(f"{USAGE}\n{NEXT_ON_THE_WORKSTATION if trains else NEXT_ON_THE_DEVICE}")
    elif word == "completion":
        _print(_completion(sys.argv[2:]))
    elif word not in packages:
        say(f"quince: expected {', '.join(packages)}, found {word} (see quince --help)")
        raise SystemExit(REFUSED)
    elif find_spec(packages[word]) is None:
        say(
            f"quince {word}: the package {packages[word]} is not on this machine;"
            " it runs on the workstation"
        )
        raise SystemExit(MACHINE)
    else:
        sys.argv[:2] = [f"quince {word}"]
        runpy.run_module(packages[word], run_name="__main__")


def _completion(words: list[str]) -> str:
    """Returns the script for the shell that the command line names."""
    if completion.VARIABLE in os.environ:
        return "\n".join(completion.SCRIPTS)
    if words and words[0] in HELP:
        return COMPLETION_USAGE
    if len(words) != 1 or words[0] not in completion.SCRIPTS:
        found = " ".join(words) or "nothing"
        say(f"quince completion: expected {' or '.join(completion.SCRIPTS)}, found {found}")
        raise SystemExit(REFUSED)
    return completion.SCRIPTS[words[0]]


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:  # as in `quince completion bash | head`
        os._exit(PIPE_CLOSED)
    except OSError as error:
        say(f"quince: standard output: {error.strerror}")
        os._exit(MACHINE)  # Python's own flush at exit would fail again


if __name__ == "__main__":
    main()
