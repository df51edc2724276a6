"""Tests that the doctor's tiny models are the network defined here, with the scores of numpy.

To write them again, run this file with pytest and QUINCE_WRITE_TINY=1.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from warm_python import ROOT, WarmPython

from runtime.commands import doctor
from runtime.commands.doctor.interpreter_probe import IMAGE, SCORES

FOLDER = Path(str(doctor.__file__)).parent
KERNEL = np.sin(np.arange(3 * 3 * 3 * 4, dtype=np.float32)).reshape(3, 3, 3, 4)
DENSE = (4 * np.cos(1.7 * np.arange(4 * 3, dtype=np.float32))).reshape(4, 3)

KERAS = """
import numpy as np
from workstation.keras_setup import prepare_tensorflow
prepare_tensorflow()
import keras
import tensorflow as tf
folder = "."
kernel, dense, image = (np.load(f"{folder}/{name}.npy") for name in ("kernel", "dense", "image"))
model = keras.Sequential([
    keras.Input((8, 8, 3), batch_size=1),
    keras.layers.Conv2D(4, 3, activation="relu", use_bias=False),
    keras.layers.GlobalAveragePooling2D(),
    keras.layers.Dense(3, activation="softmax", use_bias=False),
])
model.set_weights([kernel, dense])
converter = tf.lite.TFLiteConverter.from_keras_model(model)
converter.optimizations = [tf.lite.Optimize.DEFAULT]
samples = (image / np.float32(255), np.zeros_like(image), np.ones_like(image))
converter.representative_dataset = lambda: ([sample] for sample in samples)
converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
converter.inference_input_type = converter.inference_output_type = tf.uint8
open(f"{folder}/tiny.tflite", "wb").write(converter.convert())
"""


def numpy_scores() -> np.ndarray:
    image = np.array(IMAGE, np.float32).reshape(8, 8, 3) / 255
    windows = np.lib.stride_tricks.sliding_window_view(image, (3, 3, 3)).reshape(6, 6, 27)
    means = np.maximum(windows @ KERNEL.reshape(27, 4), 0).mean((0, 1))
    powers = np.exp(means @ DENSE)
    return powers / powers.sum()


def onnx_bytes() -> bytes:
    constants = {"kernel": KERNEL.transpose(3, 2, 0, 1) / 255, "dense": DENSE}
    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "kernel"], ["features"]),
        helper.make_node("Relu", ["features"], ["positive"]),
        helper.make_node("ReduceMean", ["positive"], ["means"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["means", "dense"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["scores"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, (1, 8, 8, 3))],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, (1, 3))],
        [
            numpy_helper.from_array(np.ascontiguousarray(values, np.float32), name)
            for name, values in constants.items()
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    return bytes(model.SerializeToString(deterministic=True))


def tflite_bytes(folder: Path, python: WarmPython) -> bytes:
    image = np.array(IMAGE, np.float32).reshape(1, 8, 8, 3)
    for name, values in (("kernel", KERNEL), ("dense", DENSE), ("image", image)):
        np.save(folder / name, values)
    (folder / "write_tiny.py").write_text(KERAS)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with python.start(["write_tiny"], cwd=folder, env=environment) as process:
        _, errors = process.communicate()
    assert process.returncode == 0, errors
    return (folder / "tiny.tflite").read_bytes()


def test_expected_scores_are_those_of_the_network_defined_here() -> None:
    assert np.abs(numpy_scores() - SCORES).max() < 1e-4
    assert 0.5 < max(SCORES) < 0.9, "far from uniform, and not saturated"


def test_onnx_file_is_the_network_defined_here() -> None:
    if os.environ.get("QUINCE_WRITE_TINY"):
        (FOLDER / "tiny.onnx").write_bytes(onnx_bytes())
    assert (FOLDER / "tiny.onnx").read_bytes() == onnx_bytes()
    assert onnx.load(FOLDER / "tiny.onnx").ir_version == 7


def test_tflite_file_is_the_network_defined_here(tmp_path: Path, warm_python: WarmPython) -> None:
    content = tflite_bytes(tmp_path, warm_python)
    if os.environ.get("QUINCE_WRITE_TINY"):
        (FOLDER / "tiny.tflite").write_bytes(content)
    assert (FOLDER / "tiny.tflite").read_bytes() == content


@pytest.mark.parametrize("module", ["ai_edge_litert.interpreter", "onnxruntime"])
def test_interpreters_give_the_expected_scores(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-P", str(FOLDER / "interpreter_probe.py"), module],
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout.splitlines()[-1])
    assert np.abs(np.subtract(answer["scores"], SCORES)).max() < (
        0.02 if "litert" in module else 1e-4
    )
