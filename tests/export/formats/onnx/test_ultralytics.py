"""Checks that Ultralytics' loader reads our ONNX file with float planes and gives our labels.

It runs only if the package ultralytics is installed.
"""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

LOAD = """
import json, sys
from ultralytics import YOLO
results = YOLO(sys.argv[1]).predict(sys.argv[2:], verbose=False)
print(json.dumps([result.names[result.probs.top1] for result in results]))
"""


def test_ultralytics_gives_our_labels(trained: Path, opened, run_cli, tmp_path: Path) -> None:
    if find_spec("ultralytics") is None:
        pytest.skip("the package ultralytics is not installed")
    made = run_cli(
        "export",
        "onnx",
        trained,
        "-o",
        tmp_path / "bundle",
        "--precision",
        "fp32",
        "--io",
        "float",
        "--max-drop",
        "0.1",
    )
    assert made.returncode == 0, made.stderr
    model = tmp_path / "bundle" / "model.fp32-float-io.onnx"
    images = [str(opened.data / image.path) for image in opened.split("test")[::8]]
    ours = run_cli("runtime", "predict", model, *images, "--json")
    theirs = subprocess.run(
        [sys.executable, "-c", LOAD, model, *images],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert theirs.returncode == 0, theirs.stderr
    labels = [json.loads(line)["predictions"][0]["label"] for line in ours.stdout.splitlines()]
    assert json.loads(theirs.stdout.splitlines()[-1]) == labels
    assert len(set(labels)) > 1
