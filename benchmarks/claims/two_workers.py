"""python -m benchmarks.claims.two_workers DATA [option...]: two workers on loopback reach the test accuracy of one.

The options are those of `python -m train`, the same for both sides. Needs the extra `distribute`. The bar is half the width of the 95 %
interval of one worker's accuracy: closer cannot be told on these pictures. Times are printed too, but two workers on one machine share its
cores: they say nothing of two machines.
"""

import argparse
import json
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.claims import Claim, run, show


def main() -> int:
    """Prints the claim; 3 if it does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    given, options = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "train", str(given.data), "--json", *options]
        (one,) = _results([[*command, "-o", f"{folder}/one", "--cache", f"{folder}/cache-one"]])
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{probe.getsockname()[1]}"
        together = [*command, "-o", f"{folder}/two", "--cache", f"{folder}/cache-two", "--distribute", address]
        two = _results([[*together, "--worker", f"{number}/2"] for number in (1, 2)])[0]
    bar = (one["test_accuracy_high"] - one["test_accuracy_low"]) / 2
    said = (
        f"less than one worker's {one['test_accuracy']:.4f} ({two['test_accuracy']:.4f}; {one['seconds']:.0f} and {two['seconds']:.0f} s)"
    )
    return show(Claim("two-workers", one["test_accuracy"] - two["test_accuracy"], said, bar, least=False))


def _results(commands: list[list[str]]) -> list[dict[str, Any]]:
    """What commands that run together print, without those that print nothing."""
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands]
    printed = [process.communicate()[0] for process in processes]
    if any(process.returncode for process in processes):
        raise SystemExit(f"ended with {[process.returncode for process in processes]}: {commands[0]}")
    return [json.loads(text) for text in printed if text]


if __name__ == "__main__":
    run(__spec__.name, main)
