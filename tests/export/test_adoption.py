"""Adopts finished model files of other makers; the commands of a device check the bundles."""

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from runtime.bundles.bundle import Bundle
from runtime.classifier import Classifier
from runtime.images.preprocessing import preprocess
from runtime.models.model_spec import ModelSpec
from runtime.models.normalization import parse_normalization


@pytest.fixture(scope="module")
def adopted(float_onnx, cells: Path, run_cli, tmp_path_factory: pytest.TempPathFactory):
    bundle = tmp_path_factory.mktemp("adopted") / "bundle"
    done = run_cli(
        *("export", "adopt", float_onnx.path, "--test-data", cells, "-o", bundle, "--json"),
        *float_onnx.options,
    )
    assert done.returncode == 0, done.stderr
    return bundle, json.loads(done.stdout)


def test_bundle_holds_the_file_as_it_is_and_what_was_measured(adopted, float_onnx) -> None:
    bundle, result = adopted
    assert (bundle / "cells.onnx").read_bytes() == float_onnx.path.read_bytes()
    manifest = Bundle.open(bundle).manifest
    assert manifest.adopted is not None
    assert manifest.adopted.scores == "logits"
    assert manifest.provenance["measured"]["accuracy"] == result["accuracy"]
    assert result["accuracy_low"] < 0.98 < result["accuracy_high"] <= 1
    assert result["images"] == 120
    card = (bundle / "README.md").read_text()
    assert f"{result['accuracy']:.4f}" in card


def test_bundle_answers_as_the_file_with_its_options(adopted, float_onnx, cells: Path) -> None:
    bundle, _ = adopted
    photo = next(cells.rglob("*.png"))
    spec = ModelSpec(("mono", "poly"), normalization=parse_normalization(float_onnx.normalize))
    alone = Classifier(float_onnx.path, spec=spec, checked=True)
    in_bundle = Classifier(bundle)
    assert in_bundle.classify(photo)[0].label == alone.classify(photo)[0].label
    pixels = preprocess(photo, in_bundle.preprocessing)
    assert (in_bundle.scores(pixels) == alone.scores(pixels)).all()
    assert in_bundle.confidence is not None


def test_device_verifies_installs_describes_and_measures_it(
    adopted, cells: Path, run_cli, tmp_path: Path
) -> None:
    bundle, result = adopted
    done = run_cli("runtime", "verify", bundle)
    assert (done.returncode, done.stderr) == (0, "")
    assert "16 golden images, same top-1 100.0%" in done.stdout
    done = run_cli("runtime", "install", bundle, tmp_path / "place")
    assert done.returncode == 0, done.stderr
    done = run_cli("runtime", "info", tmp_path / "place")
    assert done.returncode == 0, done.stderr
    assert "cells.onnx: onnx fp32" in done.stdout
    done = run_cli("benchmarks", "accuracy", bundle, cells)
    assert done.returncode == 0, done.stderr
    assert f"accuracy {result['accuracy']:.4f} on 120 images" in done.stdout


def test_verify_finds_another_normalization_in_the_manifest(
    adopted, run_cli, tmp_path: Path
) -> None:
    bundle = Path(shutil.copytree(adopted[0], tmp_path / "bundle"))
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["adopted"]["mean"] = [0.0]
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    done = run_cli("runtime", "verify", bundle)
    assert done.returncode == 3
    assert "DIFFERS at the stage 'model'" in done.stdout


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("layout", "hwc"),
        ("mean", ["a"]),
        ("mean", 3),
        ("std", [0]),
        ("output", 3),
        ("channel_order", None),
        ("more", 1),
    ],
)
def test_damaged_description_of_the_input_is_refused_in_one_line(
    adopted, run_cli, tmp_path: Path, field: str, value: object
) -> None:
    bundle = Path(shutil.copytree(adopted[0], tmp_path / "bundle"))
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["adopted"][field] = value
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    done = run_cli("runtime", "verify", bundle)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "manifest" in done.stderr


def test_bundle_of_an_earlier_version_says_channels(adopted, tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(adopted[0], tmp_path / "bundle"))
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["adopted"]["channels"] = manifest["adopted"].pop("channel_order")
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    assert Bundle.open(bundle).manifest == Bundle.open(adopted[0]).manifest


def test_folders_inside_a_class_count_as_objects_and_the_report_shows_wrong_answers(
    float_onnx, cells: Path, run_cli, tmp_path: Path
) -> None:
    for number, photo in enumerate(sorted(cells.rglob("*.png"))):
        label = "poly" if number < 2 else photo.parent.name  # two labels are wrong
        folder = tmp_path / "images" / label / f"cell{number % 4}"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, folder)
    done = run_cli(
        *("export", "adopt", float_onnx.path, "--test-data", tmp_path / "images"),
        *("-o", tmp_path / "bundle", *float_onnx.options),
    )
    assert done.returncode == 0, done.stderr
    assert "on 120 images of 8 objects" in done.stdout
    page = (tmp_path / "bundle" / "report.html").read_text()
    assert page.count('<div class="card">') == page.count('<span class="wrong">') == 2
    assert page.count('alt="where it speaks for the answer"') == 2
    assert "poly\n      (2)" in page or "mono\n      (2)" in page


def test_poor_model_is_adopted_only_on_request(
    float_onnx, cells: Path, run_cli, tmp_path: Path
) -> None:
    model = onnx.load(float_onnx.path)
    weight = _last_weight(model)
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * 0, weight.name))
    path = tmp_path / "poor.onnx"
    onnx.save(model, path)
    words = ("export", "adopt", path, "--test-data", cells, "--bundle", tmp_path / "bundle")
    done = run_cli(*words, *float_onnx.options)
    assert done.returncode == 3
    assert "the model itself answers" in done.stderr
    assert not (tmp_path / "bundle").exists()
    done = run_cli(*words, *float_onnx.options, "--allow-poor-model")
    assert done.returncode == 0, done.stderr
    assert "A poor model" in (tmp_path / "bundle" / "README.md").read_text()


def _last_weight(model: onnx.ModelProto) -> onnx.TensorProto:
    dense = [node for node in model.graph.node if node.op_type in ("MatMul", "Gemm")][-1]
    weights = {weight.name: weight for weight in model.graph.initializer}
    return weights[dense.input[1]]


def test_place_that_is_taken_is_left_alone(adopted, float_onnx, cells: Path, run_cli) -> None:
    bundle, _ = adopted
    before = (bundle / "manifest.json").read_bytes()
    words = ("export", "adopt", float_onnx.path, "--test-data", cells, "-o", bundle)
    done = run_cli(*words, *float_onnx.options)
    assert done.returncode == 2
    assert "is there already; use --overwrite or another -o" in done.stderr
    assert (bundle / "manifest.json").read_bytes() == before
    done = run_cli(*words, *float_onnx.options, "--overwrite")
    assert done.returncode == 0, done.stderr


def test_memory_bomb_is_refused_in_a_child(
    float_onnx, cells: Path, run_cli, tmp_path: Path
) -> None:
    """A small file that asks for 400 GB when it is loaded or run."""
    shape = numpy_helper.from_array(np.array([1, 100_000, 1_000_000]), "shape")
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["pixels"], ["means"], axes=[2, 3], keepdims=0),
            helper.make_node("ConstantOfShape", ["shape"], ["large"]),
            helper.make_node("ReduceSum", ["large"], ["sum"], keepdims=0),
            helper.make_node("Add", ["means", "sum"], ["scores"]),
        ],
        "bomb",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 3])],
        [shape],
    )
    path = tmp_path / "bomb.onnx"
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path
    )
    done = run_cli(
        *("export", "adopt", path, "--test-data", cells, "-o", tmp_path / "bundle"),
        *float_onnx.options,
    )
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert not (tmp_path / "bundle").exists()
