"""Tests a quantized MobileNet like Coral's: uint8, 1001 classes, labels in an appended archive."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime import Classifier
from runtime.errors import InputRefused
from runtime.system.terminal import quiet
from workstation.keras_setup import prepare_tensorflow

prepare_tensorflow()

import keras
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

SIDE, CLASSES = 64, 1001
LABELS = ("background", *(f"class {number}, or another name" for number in range(1, CLASSES)))


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Returns (8, 64, 64, 3) uint8 noise at several scales, which random weights can tell apart."""
    generator = np.random.default_rng(1)
    coarse = [
        Image.fromarray(generator.integers(0, 256, (side, side, 3)).astype(np.uint8))
        for side in (1, 2, 3, 4, 6, 8, 12, 16)
    ]
    return np.stack(
        [np.array(image.resize((SIDE, SIDE), Image.Resampling.BILINEAR)) for image in coarse]
    )


@pytest.fixture(scope="module")
def network(images: np.ndarray) -> keras.Model:
    """Returns MobileNet v1 with random weights and a last layer that tells these images apart."""
    keras.utils.set_random_seed(2)
    model = keras.applications.MobileNet((SIDE, SIDE, 3), alpha=0.25, weights=None, classes=CLASSES)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(images / np.float32(127.5) - 1, training=True)
    pool = next(
        layer for layer in model.layers if isinstance(layer, keras.layers.GlobalAveragePooling2D)
    )
    pooled = keras.Model(model.input, pool.output)
    features = np.asarray(pooled(images / np.float32(127.5) - 1)).reshape(len(images), -1)
    kernel = (
        np.random.default_rng(3).normal(0, 0.5, (features.shape[1], CLASSES))
        / features.std(0)[:, np.newaxis]
    )
    model.get_layer("conv_preds").kernel.assign(kernel[np.newaxis, np.newaxis])
    model.get_layer("conv_preds").bias.assign(-features.mean(0) @ kernel)
    return model


@pytest.fixture(scope="module")
def content(network: keras.Model, images: np.ndarray) -> bytes:
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: (
        [image[np.newaxis] / np.float32(127.5) - 1] for image in images
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    with quiet(1, 2):
        return converter.convert()


def write(
    path: Path, content: bytes, pack_zip: Callable[..., bytes], labels: tuple[str, ...]
) -> Path:
    text = "".join(f"{place}  {label}\n" for place, label in enumerate(labels))
    path.write_bytes(content + pack_zip({"labels_mobilenet_quant_v1_224.txt": text}))
    return path


def as_corals_example_does(content: bytes, image: np.ndarray) -> np.ndarray:
    """Works like pycoral's classify_image.py: raw pixels in, scores by scale and zero point."""
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[np.newaxis])
    interpreter.invoke()
    (details,) = interpreter.get_output_details()
    scale, zero_point = details["quantization"]
    return np.float32(scale) * (
        interpreter.get_tensor(details["index"])[0].astype(np.int32) - zero_point
    )


def test_it_runs_with_nothing_beside_it(
    tmp_path: Path, content: bytes, images: np.ndarray, pack_zip
) -> None:
    classifier = Classifier(write(tmp_path / "mobilenet.tflite", content, pack_zip, LABELS))
    assert classifier.labels == LABELS
    assert (classifier.preprocessing.height, classifier.preprocessing.width) == (SIDE, SIDE)
    scores = np.stack([classifier.scores(image) for image in images])
    assert (scores == np.stack([as_corals_example_does(content, image) for image in images])).all()
    assert scores.sum(1) == pytest.approx(1, abs=0.1)
    assert len(set(scores.argmax(1))) > 2, "or the images say nothing"


def test_list_without_the_background_is_refused_with_both_numbers(
    tmp_path: Path, content: bytes, pack_zip
) -> None:
    path = write(tmp_path / "mobilenet.tflite", content, pack_zip, LABELS[1:])
    with pytest.raises(InputRefused, match="has 1000 labels, but the model has 1001 outputs"):
        Classifier(path)
