"""Checks that anything but one image in and one vector out is refused by name (FAULTS E6)."""

import keras
import pytest
from keras import layers

from export.graph.model_signature import ModelSignature, read_signature
from runtime.errors import InputRefused


def model(
    shape: tuple[int | None, ...], units: int = 3, inputs: int = 1, outputs: int = 1
) -> keras.Model:
    images = [keras.Input(shape, name=f"input{number}") for number in range(inputs)]
    joined = layers.Add()(images) if inputs > 1 else images[0]
    pooled = layers.GlobalAveragePooling2D()(joined) if len(shape) == 3 else joined
    scores = [layers.Dense(units, name=f"output{number}")(pooled) for number in range(outputs)]
    return keras.Model(images if inputs > 1 else images[0], scores if outputs > 1 else scores[0])


def test_one_image_in_and_one_vector_out() -> None:
    assert read_signature(model((48, 64, 3)), "m", None) == ModelSignature(48, 64, 3)
    assert read_signature(model((48, 64, 3)), "m", (48, 64)) == ModelSignature(48, 64, 3)
    assert read_signature(model((None, None, 3)), "m", (48, 64)) == ModelSignature(48, 64, 3)
    assert read_signature(model((48, None, 3)), "m", (48, 64)) == ModelSignature(48, 64, 3)


def test_a_grey_image_has_one_channel_or_no_axis_for_it() -> None:
    grey = ModelSignature(48, 64, 3, channels=1)
    assert read_signature(model((48, 64, 1)), "m", None) == grey
    flat = keras.Sequential([keras.Input((48, 64)), layers.Flatten(), layers.Dense(3)])
    assert read_signature(flat, "m", None) == grey


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (model((32, 32, 3), inputs=2), r"has 2 inputs \(input0 \(\?, 32, 32, 3\), input1"),
        (model((32, 32, 3), outputs=2), "has 2 outputs"),
        (model((None, None, 3)), "leaves the image's size open; give one with --input-size"),
        (model((32, 32, 4)), r"found \(\?, 32, 32, 4\)"),
        (model((3, 32, 32)), "channels first"),
        (model((32,)), r"found \(\?, 32\)"),
        (keras.Sequential([layers.Dense(2)]), "does not state the shape of its input"),
        (
            keras.Sequential([keras.Input((32, 32, 3)), layers.Conv2D(2, 3)]),
            r"found an output of \(\?, 30, 30, 2\)",
        ),
        (model((5000, 32, 3)), "1 to 4096 pixels"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_anything_else_is_refused_naming_it(made: keras.Model, reason: str) -> None:
    with pytest.raises(InputRefused, match=reason):
        read_signature(made, "model.keras", None)


def test_a_size_that_the_model_does_not_take_is_refused() -> None:
    with pytest.raises(
        InputRefused, match=r"input is \(\?, 32, 32, 3\), expected an image of 64x64 pixels"
    ):
        read_signature(model((32, 32, 3)), "m", (64, 64))
