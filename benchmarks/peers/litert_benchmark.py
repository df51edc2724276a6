"""`litert-benchmark`, which comes with LiteRT: the median of one inference without any picture."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

RUNS, WARMUP = 200, 10


def load(model: str, threads: int) -> Callable[[str], tuple[str, float]]:
    """From anything to no label and its median in ms: every question is a process of its own."""

    def ask(picture: str) -> tuple[str, float]:
        with tempfile.TemporaryDirectory() as folder:
            result = Path(folder) / "result.json"
            words = ["--num_runs", RUNS, "--warmup_runs", WARMUP, "--num_threads", threads, "--result_json", result]
            command = [sys.executable, "-m", "ai_edge_litert.tools.benchmark_litert_model", "--model", model, *map(str, words)]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            return "", float(json.loads(result.read_text())["latency"]["median_ms"])

    return ask
