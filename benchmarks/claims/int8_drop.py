"""python -m benchmarks.claims.int8_drop RUN ... [-- OPTIONS]: int8 costs a trained run at most half a point of accuracy.

The drop on the whole test split of each run, as the parity gate measures it. OPTIONS go to `python -m export tflite RUN`, as
`-- --precision auto`.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.claims import Claim, show

BAR_POINTS = 0.5


def main() -> int:
    """Prints a line a run; 3 if one loses more."""
    words = sys.argv[1:]
    runs, options = (words[: words.index("--")], words[words.index("--") + 1 :]) if "--" in words else (words, [])
    return show(*(_drop(Path(run), options) for run in runs))


def _drop(run: Path, options: list[str]) -> Claim:
    limits = ["--max-drop", str(BAR_POINTS / 100) if options else "1", "--min-agreement", "0"]
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "export", "tflite", str(run), "-o", f"{folder}/bundle", "--json", *limits, *options]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result = json.loads(done.stdout.splitlines()[0])
    parity = result["record"]["parity"]
    interval = f"95 % interval {100 * parity['drop_low']:+.2f} to {100 * parity['drop_high']:+.2f}, {parity['pictures']} pictures"
    figures = f"Keras {parity['reference_accuracy']:.4f}, {result['artifact']} {parity['candidate_accuracy']:.4f}"
    return Claim(f"int8-drop {run.name}", 100 * parity["drop"], f"points ({interval}; {figures})", BAR_POINTS, least=False)


if __name__ == "__main__":
    sys.exit(main())
