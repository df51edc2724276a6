"""python -m benchmarks.claims.scripts.int8_drop RUN ... [--seeds N] [-- OPTIONS]

Measures how many points of accuracy int8 costs a trained run. The drop is that on the whole test
split, as the parity gate measures it; with --seeds it is the mean over N representative datasets.
OPTIONS go to `python -m export tflite RUN`, for example `-- --precision auto`.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.claims.base import Claim, claim_parser, print_claims, run_claim

BAR_POINTS = 0.5
FIRST_SEED = 7


def main() -> int:
    """Prints a claim for each run; returns 3 if one loses more."""
    words, options = sys.argv[1:], []
    if "--" in words:
        end = words.index("--")
        words, options = words[:end], words[end + 1 :]
    parser = claim_parser(__doc__)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    parser.add_argument(
        "--seeds",
        type=int,
        default=1,
        metavar="N",
        help="representative datasets, each drawn with a seed of its own",
    )
    parsed = parser.parse_args(words)
    return print_claims(*(_drop(run, parsed.seeds, options) for run in parsed.runs))


def _drop(run: Path, seeds: int, options: list[str]) -> Claim:
    results = [_export(run, ["--seed", str(FIRST_SEED + n), *options]) for n in range(seeds)]
    parities = [result["record"]["parity"] for result in results]
    drops = [100 * parity["drop"] for parity in parities]
    first = parities[0]
    if seeds > 1:
        agreement = mean(parity["agreement"] for parity in parities)
        shown = ", ".join(f"{drop:.2f}" for drop in drops)
        detail = f"mean of {shown}; same top-1 {agreement:.4f}"
    else:
        interval = f"{100 * first['drop_low']:+.2f} to {100 * first['drop_high']:+.2f}"
        detail = f"95 % interval {interval}, {first['images']} images"
    figures = (
        f"Keras {first['reference_accuracy']:.4f}, "
        f"{results[0]['artifact']} {first['candidate_accuracy']:.4f}"
    )
    unit = f"points ({detail}; {figures})"
    return Claim(f"int8-drop {run.name}", mean(drops), unit, BAR_POINTS, least=False)


def _export(run: Path, options: list[str]) -> Any:
    max_drop = str(BAR_POINTS / 100) if "auto" in options else "1"
    with tempfile.TemporaryDirectory() as folder:
        words = ["tflite", str(run), "-o", f"{folder}/bundle", "--json"]
        limits = ["--max-drop", max_drop, "--min-agreement", "0"]
        done = subprocess.run(
            [sys.executable, "-m", "export", *words, *limits, *options],
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return json.loads(done.stdout.splitlines()[0])


if __name__ == "__main__":
    run_claim(__spec__.name, main)
