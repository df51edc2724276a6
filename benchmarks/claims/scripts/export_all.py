"""python -m benchmarks.claims.scripts.export_all RUN

Measures how long `python -m export all` takes, which checks each model on every test image.
"""

import subprocess
import sys
import tempfile
import time

from benchmarks.claims.base import Claim, print_claims, run_claim

BAR_S = 300


def main() -> int:
    """Prints the seconds; returns 3 if they are too many."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["-m", "export", "all", sys.argv[1], "-o", f"{folder}/bundle"]
        start = time.monotonic()
        subprocess.run([sys.executable, *words], check=True)
        seconds = time.monotonic() - start
    return print_claims(Claim("export-all", seconds, "s", BAR_S, least=False))


if __name__ == "__main__":
    run_claim(__spec__.name, main)
