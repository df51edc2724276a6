"""Tells how the user started this program, and which version of Quince it is."""

import os

CONSOLE_VARIABLE = "QUINCE_CONSOLE"
"""Set in the environment where the `quince` command started this process."""
CONSOLE_VERBS = {"train": "train", "export": "export", "runtime": "run", "benchmarks": "bench"}
"""The verb of the `quince` command for each package."""


def program_name(package: str) -> str:
    """Returns the words that start `package`: `python -m train`, or `quince train`."""
    if CONSOLE_VARIABLE in os.environ:
        return f"quince {CONSOLE_VERBS[package]}"
    return f"python -m {package}"


def quince_version() -> str:
    """Returns the installed version, or "0+source" in a tree that was never installed."""
    from importlib import metadata  # for this alone, 9 % of the instructions of a start of predict

    try:
        return metadata.version("quince-edge")
    except metadata.PackageNotFoundError:
        return "0+source"
