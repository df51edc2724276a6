"""Checks that nested, wrapped or mixed-precision models become one flat model with equal scores."""

from dataclasses import replace

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from keras import layers
from keras.src.applications.efficientnet_v2 import EfficientNetV2

from export.formats.artifact_spec import ArtifactSpec
from export.formats.tflite.convert import convert
from export.graph.flatten import TRAINING_ONLY, flatten
from export.graph.input_normalization import split_input_normalization
from export.graph.input_quantization import RAW, InputQuantization
from export.graph.model_signature import ModelSignature
from export.graph.wrapping import Wrapping
from export.inputs.keras_loader import check_probabilities, load_flat_model, scores
from runtime.classifier import Classifier
from runtime.errors import CheckFailed, InputRefused
from runtime.images.preprocessing import Preprocessing
from runtime.models.normalization import MODES, Normalization, parse_normalization

SIDE = 32
SIGNATURE = ModelSignature(SIDE, SIDE, 3)
APPLICATIONS = {
    "MobileNetV2": keras.applications.MobileNetV2,
    "MobileNetV3Small": keras.applications.MobileNetV3Small,
    "EfficientNetV2": EfficientNetV2,
}


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (4, SIDE, SIDE, 3)).astype(np.uint8)


def body(x, name: str = "conv"):
    x = layers.Conv2D(8, 3, 2, activation="relu", name=name)(x)
    return layers.Dense(3, activation="softmax", name="scores")(layers.GlobalMaxPooling2D()(x))


def functional(before, **options) -> keras.Model:
    inputs = keras.Input((SIDE, SIDE, 3), **options)
    return keras.Model(inputs, body(before(inputs)))


def scores_of(model: keras.Model, values: np.ndarray) -> np.ndarray:
    return np.asarray(model(values.astype(np.float32), training=False))


def adapted() -> layers.Layer:
    layer = layers.Normalization()
    layer.adapt(np.random.default_rng(1).normal(100, 30, (50, SIDE, SIDE, 3)).astype(np.float32))
    return layer


def rescale_twice(x):
    return layers.Rescaling(2.0, -1.0)(layers.Rescaling(1 / 255)(x))


HEADS = {
    "nothing": (lambda x: x, RAW, "conv"),
    "one Rescaling": (
        layers.Rescaling(1 / 128, -127 / 128),
        InputQuantization(1 / 128, 127),
        "normalize",
    ),
    "preprocess_input, mode tf": (
        keras.applications.mobilenet_v2.preprocess_input,
        RAW,
        "normalize",
    ),
    "preprocess_input, mode torch": (
        keras.applications.densenet.preprocess_input,
        RAW,
        "normalize",
    ),
    "preprocess_input, mode caffe": (
        keras.applications.resnet50.preprocess_input,
        RAW,
        "normalize",
    ),
    "an adapted Normalization": (adapted(), RAW, "normalize"),
    "two Rescalings": (rescale_twice, RAW, "normalize"),
    "a Rescaling and an augmentation": (
        lambda x: layers.Rescaling(1 / 255)(layers.RandomFlip()(x)),
        InputQuantization(1 / 255, 0),
        "rescaling",
    ),
}


@pytest.mark.parametrize("head", HEADS)
def test_pixel_arithmetic_becomes_one_layer_with_the_same_scores(
    pixels: np.ndarray, head: str
) -> None:
    before, normalization, first = HEADS[head]
    model = functional(before)
    flat = flatten(model, SIGNATURE, Wrapping())
    np.testing.assert_allclose(scores_of(flat, pixels), scores_of(model, pixels), atol=1e-5)
    split, inner = split_input_normalization(flat)
    assert split.scale == pytest.approx(normalization.scale)
    assert split.zero_point == normalization.zero_point
    np.testing.assert_allclose(
        scores_of(inner, split.apply(pixels)), scores_of(model, pixels), atol=1e-5
    )
    if first == "normalize" and head != "one Rescaling":
        assert flat.layers[1].name == first
        assert type(flat.layers[2]).__name__ == "Conv2D"


def test_an_operation_that_moves_pixels_is_left_alone(pixels: np.ndarray) -> None:
    """It reverses the rows with the indexing that could also reverse channels."""
    model = functional(lambda x: (x[:, ::-1] - 127.0) / 128.0)
    flat = flatten(model, SIGNATURE, Wrapping())
    np.testing.assert_allclose(scores_of(flat, pixels), scores_of(model, pixels), atol=1e-6)
    assert split_input_normalization(flat)[0] == RAW


def test_a_model_with_two_uses_of_its_pixels_is_not_split(pixels: np.ndarray) -> None:
    def two_ways(x):
        return layers.Concatenate()(
            [layers.Rescaling(1 / 255)(x), layers.MaxPooling2D(3, 1, "same")(x)]
        )

    flat = flatten(functional(two_ways), SIGNATURE, Wrapping())
    assert split_input_normalization(flat) == (RAW, flat)


def test_nested_models_that_share_layer_names_are_unfolded(pixels: np.ndarray) -> None:
    inner = functional(lambda x: x)
    features = keras.Model(inner.input, inner.layers[1].output, name="features")
    outer = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            keras.Sequential([layers.RandomRotation(0.1), layers.RandomZoom(0.1)]),
            layers.Rescaling(1 / 255),
            features,
            layers.Conv2D(4, 3, name="conv"),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.5),
            layers.Dense(3, activation="softmax"),
        ]
    )
    flat = flatten(outer, SIGNATURE, Wrapping())
    np.testing.assert_allclose(scores_of(flat, pixels), scores_of(outer, pixels), atol=1e-6)
    assert {type(layer).__name__ for layer in flat.layers} == {
        "InputLayer",
        "Rescaling",
        "Conv2D",
        "GlobalAveragePooling2D",
        "Dense",
    }
    assert len({layer.name for layer in flat.layers}) == len(flat.layers)


@pytest.mark.parametrize("base", ["MobileNetV2", "MobileNetV3Small", "EfficientNetV2"])
def test_a_transfer_model_of_keras_applications_keeps_its_scores(
    pixels, base: str, manifest, tmp_path
) -> None:
    options = {"alpha": 0.35} if base == "MobileNetV2" else {"include_preprocessing": True}
    if base == "EfficientNetV2":  # B0 with one block of each of its six kinds
        options |= {"width_coefficient": 1.0, "depth_coefficient": 0.1, "default_size": SIDE}
        options |= {"name": "efficientnetv2-b0"}
    keras.utils.set_random_seed(1)
    network = APPLICATIONS[base](
        input_shape=(SIDE, SIDE, 3), weights=None, include_top=False, **options
    )
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 3)),
            network,
            layers.GlobalAveragePooling2D(),
            layers.Dense(2, activation="softmax"),
        ]
    )
    model.save(tmp_path / "model.keras")
    loaded = load_flat_model(tmp_path / "model.keras")
    expected = scores_of(model, pixels)
    np.testing.assert_allclose(scores_of(loaded, pixels), expected, atol=1e-5)
    file = tmp_path / "model.fp32.tflite"
    file.write_bytes(
        convert(
            loaded,
            ArtifactSpec("tflite", "fp32"),
            pixels[:0],
            replace(manifest, preprocessing=Preprocessing(SIDE, SIDE)),
        ).content
    )
    np.testing.assert_allclose(Classifier(file).scores(pixels[0]), expected[0], atol=1e-5)


@pytest.mark.parametrize("text", ["127,128", "127.5,127.5", "1,2,3,4,5,6", "tf", "torch", "caffe"])
def test_normalize_computes_pixel_minus_mean_over_std(pixels: np.ndarray, text: str) -> None:
    model, normalization = functional(lambda x: x), parse_normalization(text)
    assert isinstance(normalization, Normalization)
    flat = flatten(model, SIGNATURE, Wrapping(normalization))
    values = pixels[..., ::-1] if normalization.bgr else pixels
    np.testing.assert_allclose(
        scores_of(flat, pixels),
        scores_of(model, (values - np.array(normalization.mean)) / np.array(normalization.std)),
        atol=1e-5,
    )


def test_modes_are_those_of_keras_applications(pixels: np.ndarray) -> None:
    for mode, normalization in MODES.items():
        values = pixels[..., ::-1] if normalization.bgr else pixels
        expected = keras.applications.imagenet_utils.preprocess_input(
            pixels.astype(np.float32), mode=mode
        )
        np.testing.assert_allclose(
            (values - np.array(normalization.mean)) / np.array(normalization.std),
            expected,
            atol=1e-4,
        )


@pytest.mark.parametrize("name", sorted(TRAINING_ONLY))
def test_training_only_layers_change_nothing_at_inference(pixels: np.ndarray, name: str) -> None:
    options = {"brightness_factor": 0.5} if name == "RandomColorJitter" else {}
    with_one_factor = {
        "RandomBrightness",
        "RandomContrast",
        "RandomErasing",
        "RandomGrayscale",
        "RandomHue",
        "RandomRotation",
        "RandomSaturation",
        "RandomSharpness",
        "RandomShear",
        "RandomZoom",
        "GaussianNoise",
        "GaussianDropout",
        "Dropout",
        "AlphaDropout",
        "SpatialDropout1D",
        "SpatialDropout2D",
    }
    factors: list[float] = []
    if name in with_one_factor:
        factors = [0.5]
    elif name == "RandomTranslation":
        factors = [0.2, 0.2]
    layer = getattr(layers, name)(*factors, **options)
    values = pixels.astype(np.float32)
    values = values[0] if name == "SpatialDropout1D" else values
    np.testing.assert_array_equal(np.asarray(layer(values, training=False)), values)


def test_an_open_size_is_closed_and_a_fixed_batch_opened(pixels: np.ndarray) -> None:
    inputs = keras.Input((None, None, 3))
    open_size = keras.Model(inputs, body(inputs))
    inputs = keras.Input((SIDE, SIDE, 3), batch_size=1)
    fixed_batch = keras.Model(inputs, body(inputs))
    for model in (open_size, fixed_batch):
        flat = flatten(model, SIGNATURE, Wrapping(input_size=(SIDE, SIDE)))
        assert flat.input_shape == (None, SIDE, SIDE, 3)
        np.testing.assert_allclose(
            scores_of(flat, pixels)[:1], scores_of(model, pixels[:1]), atol=1e-6
        )


def test_mixed_precision_becomes_float32(pixels: np.ndarray) -> None:
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = functional(layers.Rescaling(1 / 255))
    finally:
        keras.config.set_dtype_policy("float32")
    flat = flatten(model, SIGNATURE, Wrapping())
    assert {layer.compute_dtype for layer in flat.layers} == {"float32"}
    np.testing.assert_allclose(scores_of(flat, pixels), scores_of(model, pixels), atol=0.01)


def test_inputs_and_outputs_in_a_dict_are_taken_out_of_it(pixels: np.ndarray) -> None:
    inputs = keras.Input((SIDE, SIDE, 3), name="image")
    model = keras.Model({"image": inputs}, {"scores": body(inputs)})
    flat = flatten(model, SIGNATURE, Wrapping())
    expected = model({"image": pixels.astype(np.float32)}, training=False)["scores"]
    np.testing.assert_allclose(scores_of(flat, pixels), np.asarray(expected), atol=1e-6)


def test_a_flat_model_is_returned_as_it_is() -> None:
    model = functional(layers.Rescaling(1 / 255))
    assert flatten(model, SIGNATURE, Wrapping()) is model


def test_int8_takes_raw_pixels_whatever_the_normalization(pixels: np.ndarray, manifest) -> None:
    for before in (
        lambda x: x,
        keras.applications.mobilenet_v2.preprocess_input,
        keras.applications.resnet50.preprocess_input,
    ):
        flat = flatten(functional(before), SIGNATURE, Wrapping())
        (details,) = Interpreter(
            model_content=convert(flat, ArtifactSpec("tflite", "int8"), pixels, manifest).content
        ).get_input_details()
        assert (details["dtype"], details["quantization"]) == (np.uint8, (1.0, 0))


def test_nan_in_a_nested_model_names_the_layer(tmp_path) -> None:
    inner = functional(lambda x: x)
    kernel, bias = inner.get_layer("conv").get_weights()
    kernel[0, 0, 0, 0] = np.inf
    inner.get_layer("conv").set_weights([kernel, bias])
    keras.Sequential([keras.Input((SIDE, SIDE, 3)), inner]).save(tmp_path / "nan.keras")
    with pytest.raises(CheckFailed, match="layer 'conv' has weights that are NaN or infinite"):
        load_flat_model(tmp_path / "nan.keras")


def test_scores_that_are_no_probabilities_are_refused(pixels: np.ndarray) -> None:
    inputs = keras.Input((SIDE, SIDE, 3))
    features = layers.GlobalMaxPooling2D()(layers.Rescaling(1 / 255)(inputs))
    for activation in (None, "sigmoid", "relu"):
        model = keras.Model(inputs, layers.Dense(3, activation=activation)(features))
        with pytest.raises(InputRefused, match="not probabilities.*--scores logits"):
            check_probabilities(model, pixels, "model.keras", softmax_added=False)
        flat = flatten(model, SIGNATURE, Wrapping(softmax=True))
        check_probabilities(flat, pixels, "model.keras", softmax_added=True)
        np.testing.assert_allclose(scores(flat, pixels).sum(1), 1, atol=1e-5)
    flat = flatten(functional(lambda x: x), SIGNATURE, Wrapping(softmax=True))
    with pytest.raises(InputRefused, match="leave out --scores logits"):
        check_probabilities(flat, pixels, "model.keras", softmax_added=True)
