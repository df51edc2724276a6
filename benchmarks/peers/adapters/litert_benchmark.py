"""Runs `litert-benchmark`, which comes with LiteRT and times one inference without any image."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

RUNS, WARMUP = 200, 10
MODULE = "ai_edge_litert.tools.benchmark_litert_model"


def load(model: str, threads: int) -> Callable[[str], tuple[str, float]]:
    """Returns a function from any text to no label and the median ms; each call is a process."""

    def benchmark(image: str) -> tuple[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            result = Path(folder) / "result.json"
            options = {
                "--model": model,
                "--num_runs": RUNS,
                "--warmup_runs": WARMUP,
                "--num_threads": threads,
                "--result_json": result,
            }
            words = [str(word) for pair in options.items() for word in pair]
            command = [sys.executable, "-m", MODULE, *words]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            return "", float(json.loads(result.read_text())["latency"]["median_ms"])

    return benchmark
