"""python -m benchmarks.claims.scripts.two_workers DATA [option...]

Compares the test accuracy of two workers on loopback with that of one. The options are those of
`python -m train`, the same for both sides. It needs the extra `distribute`. The bar is half the
width of the 95 % interval of one worker's accuracy, because these images cannot show a smaller
difference. Times are printed too, but two workers on one machine share its cores: the times say
nothing about two machines.
"""

import argparse
import json
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.claims.base import Claim, print_claims, run_claim


def main() -> int:
    """Prints the claim; returns 3 if it does not hold."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parsed, options = parser.parse_known_args()
    command = [sys.executable, "-m", "train", str(parsed.data), "--json", *options]
    with tempfile.TemporaryDirectory() as folder:
        single = [*command, "-o", f"{folder}/one", "--cache", f"{folder}/cache-one"]
        (one,) = _results([single])
        shared = [*command, "-o", f"{folder}/two", "--cache", f"{folder}/cache-two"]
        address = f"127.0.0.1:{_free_port()}"
        workers = [
            [*shared, "--distribute", address, "--worker", f"{number}/2"] for number in (1, 2)
        ]
        two = _results(workers)[0]
    accuracies = one["test_accuracy"], two["test_accuracy"]
    bar = (one["test_accuracy_high"] - one["test_accuracy_low"]) / 2
    unit = (
        f"less than one worker's {accuracies[0]:.4f} "
        f"({accuracies[1]:.4f}; {one['seconds']:.0f} and {two['seconds']:.0f} s)"
    )
    return print_claims(Claim("two-workers", accuracies[0] - accuracies[1], unit, bar, least=False))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _results(commands: list[list[str]]) -> list[dict[str, Any]]:
    """Runs the commands together and returns what each printed, if it printed anything."""
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for command in commands
    ]
    printed = [process.communicate()[0] for process in processes]
    codes = [process.returncode for process in processes]
    if any(codes):
        raise SystemExit(f"expected exit code 0, found {codes}: {commands[0]}")
    return [json.loads(text) for text in printed if text]


if __name__ == "__main__":
    run_claim(__spec__.name, main)
