"""Exports an external float ONNX classifier from the command line, and hostile files beside it."""

import json
import os
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from export.parity.artifact_record import read_records
from runtime.classifier import Classifier


@pytest.fixture(scope="module")
def made(float_onnx, cells: Path, run_cli, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("made")
    calib = folder / "calib"
    calib.mkdir()
    package = Path(str(find_spec("elpv_dataset").origin)).parent / "data"
    for line in (package / "labels.csv").read_text().splitlines()[1200:1260]:
        name = line.split()[0]
        (calib / Path(name).name).write_bytes((package / name).read_bytes())
    done = run_cli(
        *("export", "all", float_onnx.path, "--test-data", cells, "--calibration-data", calib),
        *("-o", folder / "bundle", *float_onnx.options),
    )
    return folder / "bundle", done


def test_every_precision_passes_and_tensorflow_is_not_loaded(made) -> None:
    bundle, done = made
    assert done.returncode == 0, done.stderr
    assert "TensorFlow" not in done.stderr
    records = read_records(bundle)
    assert sorted(records) == [
        f"model.{precision}.onnx" for precision in ("dynamic", "fp16", "fp32", "int8")
    ]
    for record in records.values():
        assert record.reference == "float ONNX"
        assert record.parity.drop <= 0.01
        assert record.similarity_figures is not None


def test_float_file_gives_the_scores_of_the_original(made, float_onnx, cells: Path) -> None:
    golden = json.loads((made[0] / "golden" / "golden.json").read_text())["samples"]
    for sample in golden:
        before, after = (
            np.array(sample["scores"][name]) for name in ("model.keras", "model.fp32.onnx")
        )
        assert np.abs(before - after).max() < 1e-5


def test_pages_name_the_float_onnx_and_no_keras(made) -> None:
    for page in ("report.html", "README.md"):
        text = (made[0] / page).read_text()
        assert "float ONNX" in text
        assert "Keras" not in text


def test_device_verifies_it(made, run_cli) -> None:
    done = run_cli("runtime", "verify", made[0])
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("as exported") == 4


def test_same_command_gives_the_same_bytes(
    made, float_onnx, cells: Path, run_cli, tmp_path
) -> None:
    done = run_cli(
        *("export", "onnx", float_onnx.path, "--test-data", cells, "-o", tmp_path / "bundle"),
        *("--calibration-data", made[0].parent / "calib", *float_onnx.options),
    )
    assert done.returncode == 0, done.stderr
    same = (
        path.joinpath("model.fp32.onnx").read_bytes() for path in (tmp_path / "bundle", made[0])
    )
    assert len(set(same)) == 1


def test_wrong_normalization_is_named(float_onnx, cells: Path, run_cli, tmp_path: Path) -> None:
    done = run_cli(
        *("export", "onnx", float_onnx.path, "--test-data", cells, "-o", tmp_path / "bundle"),
        *("--labels", float_onnx.labels, "--normalize", "127,12800"),
    )
    assert done.returncode == 3, done.stderr
    assert "the float ONNX model itself" in done.stderr


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (
            ["export", "onnx", "--precision", "int8", "--equalize"],
            2,
            "--equalize: expected with a Keras",
        ),
        (["export", "tflite"], 2, "becomes .onnx files only: python -m export onnx"),
        (["export", "onnx", "--data", "."], 2, "use --calibration-data and --test-data"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    float_onnx, cells: Path, run_cli, tmp_path: Path, words: list[str], code: int, reason: str
) -> None:
    done = run_cli(
        *(*words[:2], float_onnx.path, *words[2:], "--test-data", cells, "-o", tmp_path / "bundle"),
        *float_onnx.options,
    )
    assert done.returncode == code
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_options_of_onnx_files_are_refused_with_a_run(trained: Path, run_cli) -> None:
    done = run_cli("export", "onnx", trained, "--layout", "nhwc")
    assert done.returncode == 2
    assert "--layout: expected with" in done.stderr


# hostile files


def small(nodes: list[onnx.NodeProto], stored: list[onnx.TensorProto], **more) -> onnx.ModelProto:
    """Returns a model from (1, 3, 8, 8) to two scores that these nodes make of `means`."""
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["pixels"], ["means"], axes=[1, 2], keepdims=0), *nodes],
        "hostile",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, 3, 8, 2])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 2])],
        stored,
    )
    more = {"opset_imports": [helper.make_opsetid("", 17)], "ir_version": 8} | more
    return helper.make_model(graph, **more)


def memory_bomb(folder: Path) -> Path:
    shape = numpy_helper.from_array(np.array([1, 100_000, 1_000_000]), "shape")
    nodes = [
        helper.make_node("ConstantOfShape", ["shape"], ["large"]),
        helper.make_node("ReduceSum", ["large"], ["sum"], keepdims=0),
        helper.make_node("Add", ["means", "sum"], ["scores"]),
    ]
    return saved(folder, small(nodes, [shape]))


def function_chain(folder: Path) -> Path:
    """Functions that each call the one before ten times: 10 ** 20 nodes once they are inlined."""
    functions = []
    for number in range(20):
        inner = ("Identity", "") if number == 0 else (f"f{number - 1}", "bomb")
        names = ["x", *(f"v{step}" for step in range(9)), "y"]
        nodes = [
            helper.make_node(inner[0], [before], [after], domain=inner[1])
            for before, after in pairwise(names)
        ]
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("bomb", 1)]
        functions.append(helper.make_function("bomb", f"f{number}", ["x"], ["y"], nodes, opsets))
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("bomb", 1)]
    nodes = [helper.make_node("f19", ["means"], ["scores"], domain="bomb")]
    return saved(folder, small(nodes, [], functions=functions, opset_imports=opsets))


def future_operators(folder: Path) -> Path:
    nodes = [helper.make_node("Identity", ["means"], ["scores"])]
    return saved(folder, small(nodes, [], opset_imports=[helper.make_opsetid("", 999)]))


def unknown_operator(folder: Path) -> Path:
    nodes = [helper.make_node("Evil", ["means"], ["scores"], domain="evil")]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("evil", 1)]
    return saved(folder, small(nodes, [], opset_imports=opsets))


def data_outside(folder: Path) -> Path:
    weight = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[1, 2])
    weight.data_location = TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="../../etc/hostname")
    nodes = [helper.make_node("Add", ["means", "w"], ["scores"])]
    return saved(folder, small(nodes, [weight]))


def cut_file(folder: Path) -> Path:
    path = memory_bomb(folder)
    path.write_bytes(path.read_bytes()[:-40])
    return path


def two_inputs(folder: Path) -> Path:
    model = small([helper.make_node("Add", ["means", "more"], ["scores"])], [])
    model.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1, 2]))
    return saved(folder, model)


def saved(folder: Path, model: onnx.ModelProto) -> Path:
    path = folder / "hostile.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    "make",
    [
        memory_bomb,
        function_chain,
        future_operators,
        unknown_operator,
        data_outside,
        cut_file,
        two_inputs,
    ],
)
def test_hostile_file_is_refused_in_one_line(make, cells: Path, run_cli, tmp_path: Path) -> None:
    path = make(tmp_path)
    (tmp_path / "labels.txt").write_text("mono\npoly\n")
    done = run_cli(
        *("export", "onnx", path, "--test-data", cells, "-o", tmp_path / "bundle"),
        *("--labels", tmp_path / "labels.txt", "--normalize", "none", "--layout", "nchw"),
    )
    lines = [line for line in done.stderr.splitlines() if not line.startswith("try the model:")]
    assert done.returncode == 2, done.stderr
    assert len(lines) == 1, done.stderr
    assert str(path) in lines[0]
    assert not (tmp_path / "bundle").exists()


def test_external_data_beside_the_file_become_part_of_it(
    float_onnx, cells: Path, run_cli, tmp_path: Path
) -> None:
    model = onnx.load(float_onnx.path)
    onnx.save(
        model,
        tmp_path / "cells.onnx",
        save_as_external_data=True,
        location="cells.onnx.data",
        size_threshold=0,
    )
    assert os.path.getsize(tmp_path / "cells.onnx.data") > 10_000
    done = run_cli(
        *("export", "onnx", tmp_path / "cells.onnx", "--test-data", cells),
        *("-o", tmp_path / "bundle", *float_onnx.options),
    )
    assert done.returncode == 0, done.stderr
    assert Classifier(tmp_path / "bundle" / "model.fp32.onnx", checked=True).labels[0] == "mono"
