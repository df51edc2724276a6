"""Fixtures of the runtime's tests: one-line refusals, a real picture, and small ONNX models made for a test."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

Check = Callable[..., None]
BUFFERED = {"PYTHONUNBUFFERED": ""}


@pytest.fixture(scope="session")
def photo(cells: Path) -> Path:
    return sorted(cells.rglob("*.png"))[0]


@pytest.fixture(scope="session")
def refuses() -> Check:
    """Asserts that a command ended with `code` and one line on stderr that holds every word, and no traceback."""

    def check(done: subprocess.CompletedProcess[str], code: int, *words: str) -> None:
        assert done.returncode == code, done.stdout + done.stderr
        lines = done.stderr.splitlines()
        assert len(lines) == 1, done.stderr
        assert lines[0].startswith("python -m "), done.stderr
        for word in words:
            assert word in lines[0], done.stderr

    return check


@pytest.fixture
def edit_json() -> Callable[[Path, Callable[[dict], object]], None]:
    """Changes a JSON file in place."""

    def edit(path: Path, change: Callable[[dict], object]) -> None:
        data = json.loads(path.read_text())
        change(data)
        path.write_text(json.dumps(data))

    return edit


def manifest_text(labels: tuple[str, ...], side: int = 8) -> str:
    shape = {"height": side, "width": side, "fit": "crop"}
    return json.dumps({"name": "small", "labels": labels, "preprocessing": shape, "artifacts": [], "provenance": {}, "schema": 1})


@pytest.fixture
def onnx_model(tmp_path: Path) -> Callable[..., Path]:
    """Writes an .onnx whose scores are the mean of each colour channel over 255 times a factor: (R, G, B) -> 3 classes."""

    def make(
        *,
        factor: float = 1.0,
        shape: tuple[int | str, ...] = (1, 8, 8, 3),
        kind: int = TensorProto.UINT8,
        op: str = "ReduceMean",
        domain: str = "",
        opset: int = 17,
        labels: tuple[str, ...] = ("red", "green", "blue"),
        keepdims: int = 0,
        axes: tuple[int, int] = (1, 2),
        second_output: bool = False,
    ) -> Path:
        pixels = helper.make_tensor_value_info("pixels", kind, shape)
        outputs = [helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)]
        nodes = [
            helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
            helper.make_node(op, ["floats"], ["means"], domain=domain, **({"axes": axes, "keepdims": keepdims} if not domain else {})),
            helper.make_node("Mul", ["means", "factor"], ["scores"]),
        ]
        if second_output:
            outputs.append(helper.make_tensor_value_info("means", TensorProto.FLOAT, None))
        constant = numpy_helper.from_array(np.array(factor / 255, np.float32), "factor")
        graph = helper.make_graph(nodes, "small", [pixels], outputs, [constant])
        opsets = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, 1)] if domain else [])
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        model = onnx.shape_inference.infer_shapes(model) if opset == 17 else model
        helper.set_model_props(model, {"quince.json": manifest_text(labels)})
        path = tmp_path / "small.onnx"
        path.write_bytes(model.SerializeToString())
        return path

    return make


@pytest.fixture
def open_to_all():
    """Lets another user come to a folder below pytest's own."""

    def change(folder: Path) -> None:
        for one in (folder, *folder.parents):
            if one.name.startswith("pytest-of-"):
                one.chmod(0o755)
                return
            one.chmod(0o755)

    return change
