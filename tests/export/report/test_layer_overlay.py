"""The error of each layer as node data that Google's Model Explorer finds in the same graph."""

import json
import re
from base64 import b64decode
from pathlib import Path

import onnx
import pytest

from export.parity.artifact_record import read_records
from export.report.layer_overlay import layer_overlay


@pytest.fixture(scope="module")
def int8_onnx(trained: Path, run_cli, tmp_path_factory: pytest.TempPathFactory) -> Path:
    bundle = tmp_path_factory.mktemp("int8") / "bundle"
    words = ("--precision", "int8", "--max-drop", "0.2", "--min-agreement", "0.8")
    done = run_cli("export", "onnx", trained, "-o", bundle, *words)
    assert done.returncode == 0, done.stderr
    return bundle


def overlay(bundle: Path, file: str) -> dict[str, float]:
    data = json.loads(layer_overlay(bundle / file, read_records(bundle)[file].layers))
    return {name: row["value"] for name, row in data["results"].items()}


def test_each_layer_of_a_tflite_file_is_a_node_with_its_error(exported: Path) -> None:
    file = "model.int8.tflite"
    found = overlay(exported, file)
    layers = read_records(exported)[file].layers
    assert len(layers) == len(found) == 5
    for error in layers:
        (name,) = [name for name in found if f"/{error.layer}_1/" in name]
        assert found[name] == round(error.lost, 4)


def test_each_layer_of_an_onnx_file_is_a_node_with_its_error(int8_onnx: Path) -> None:
    file = "model.int8.onnx"
    found = overlay(int8_onnx, file)
    operators = {node.name: node.op_type for node in onnx.load(int8_onnx / file).graph.node}
    layers = read_records(int8_onnx)[file].layers
    assert sorted((operators[name], lost) for name, lost in found.items()) == sorted(
        (error.operator, round(error.lost, 4)) for error in layers
    )


def test_report_has_it_as_a_download(exported: Path) -> None:
    page = (exported / "report.html").read_text()
    ((name, content),) = re.findall(
        r'<a download="([^"]+)"\s+href="data:application/json;base64,([^"]+)">', page
    )
    assert name == "model.int8.tflite.layers.json"
    file = "model.int8.tflite"
    assert b64decode(content).decode() == layer_overlay(
        exported / file, read_records(exported)[file].layers
    )


def test_model_explorer_reads_it_and_has_such_nodes(exported: Path) -> None:
    """Runs where ai-edge-model-explorer is installed, which is no dependency."""
    builder = pytest.importorskip("model_explorer.node_data_builder")
    from model_explorer.builtin_tflite_flatbuffer_adapter import BuiltinTfliteFlatbufferAdapter

    path = exported / "model.int8.tflite"
    data = json.loads(layer_overlay(path, read_records(exported)[path.name].layers))
    assert builder.GraphNodeData(**data).results == data["results"]
    graphs = json.dumps(BuiltinTfliteFlatbufferAdapter().convert(str(path), {}), default=vars)
    assert all(json.dumps(name) in graphs for name in data["results"])
