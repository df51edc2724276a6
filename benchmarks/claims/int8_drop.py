"""python -m benchmarks.claims.int8_drop RUN ... [--seeds N] [-- OPTIONS]: int8 costs a trained run at most half a point of accuracy.

The drop on the whole test split of each run, as the parity gate measures it; with --seeds the mean over so many representative datasets.
OPTIONS go to `python -m export tflite RUN`, as `-- --precision auto`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.claims import Claim, run, show

BAR_POINTS = 0.5


def main() -> int:
    """Prints a line a run; 3 if one loses more."""
    words = sys.argv[1:]
    words, options = (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, [])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="representative datasets, each drawn with a seed of its own")
    given = parser.parse_args(words)
    return show(*(_drop(run, given.seeds, options) for run in given.runs))


def _drop(run: Path, seeds: int, options: list[str]) -> Claim:
    results = [_exported(run, ["--seed", str(7 + number), *options]) for number in range(seeds)]
    parities = [result["record"]["parity"] for result in results]
    drops = [100 * parity["drop"] for parity in parities]
    first = parities[0]
    said = f"95 % interval {100 * first['drop_low']:+.2f} to {100 * first['drop_high']:+.2f}, {first['pictures']} pictures"
    if seeds > 1:
        said = f"mean of {', '.join(f'{drop:.2f}' for drop in drops)}; same top-1 {mean(one['agreement'] for one in parities):.4f}"
    figures = f"Keras {first['reference_accuracy']:.4f}, {results[0]['artifact']} {first['candidate_accuracy']:.4f}"
    return Claim(f"int8-drop {run.name}", mean(drops), f"points ({said}; {figures})", BAR_POINTS, least=False)


def _exported(run: Path, options: list[str]) -> Any:
    limits = ["--max-drop", str(BAR_POINTS / 100) if "auto" in options else "1", "--min-agreement", "0"]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "export", "tflite", str(run), "-o", f"{folder}/bundle", "--json", *limits, *options]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[0])


if __name__ == "__main__":
    run(__spec__.name, main)
