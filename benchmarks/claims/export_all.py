"""python -m benchmarks.claims.export_all RUN: how long `python -m export all` takes, judged on every test picture."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.claims import Claim, run, show

BAR_S = 300


def main() -> int:
    """Prints the seconds; 3 if they are too many."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        subprocess.run([sys.executable, "-m", "export", "all", sys.argv[1], "-o", str(Path(folder) / "bundle")], check=True)
        return show(Claim("export-all", time.monotonic() - start, "s", BAR_S, least=False))


if __name__ == "__main__":
    run(__spec__.name, main)
