"""Claim: int8 costs a trained run at most half a point of accuracy. `python benchmarks/claims/int8_drop.py RUN [RUN ...] [-- OPTIONS]`

Prints for each run folder the drop on its whole test split as the parity gate measures it, the bar, and whether it holds. OPTIONS go
to `python -m export tflite RUN`, as `-- --precision auto`.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

BAR = 0.005


def measure(run: str, options: list[str]) -> tuple[str, bool]:
    """A line with the figure, the bar and the answer; and the answer."""
    with tempfile.TemporaryDirectory() as folder:
        limits = ["--max-drop", str(BAR), "--min-agreement", "0"] if options else ["--max-drop", "1", "--min-agreement", "0"]
        command = [sys.executable, "-m", "export", "tflite", run, "-o", f"{folder}/bundle", "--json", *limits, *options]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result = json.loads(done.stdout.splitlines()[0])
    parity = result["record"]["parity"]
    holds = parity["drop"] <= BAR
    interval = f"95 % interval {parity['drop_low']:+.4f} to {parity['drop_high']:+.4f}, {parity['pictures']} pictures"
    figure = f"Keras {parity['reference_accuracy']:.4f}, {result['artifact']} {parity['candidate_accuracy']:.4f}"
    return f"{Path(run).name}: {figure}, drop {parity['drop']:+.4f} ({interval}); bar {BAR}: {'holds' if holds else 'DOES NOT HOLD'}", holds


def main() -> int:
    """Exit code 0 if the claim holds for every run, else 3."""
    words = sys.argv[1:]
    runs, options = (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, [])
    answers = []
    for run in runs:
        line, holds = measure(run, options)
        print(line, flush=True)
        answers.append(holds)
    return 0 if answers and all(answers) else 3


if __name__ == "__main__":
    sys.exit(main())
