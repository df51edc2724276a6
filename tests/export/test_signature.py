"""What is not one picture in and one vector out is refused by name (FAULTS E6)."""

import keras
import pytest
from keras import layers

from export.signature import Signature, read_signature
from runtime.errors import InputRefused


def model(shape: tuple[int | None, ...], units: int = 3, inputs: int = 1, outputs: int = 1) -> keras.Model:
    given = [keras.Input(shape, name=f"input{number}") for number in range(inputs)]
    joined = layers.Add()(given) if inputs > 1 else given[0]
    pooled = layers.GlobalAveragePooling2D()(joined) if len(shape) == 3 else joined
    found = [layers.Dense(units, name=f"output{number}")(pooled) for number in range(outputs)]
    return keras.Model(given if inputs > 1 else given[0], found if outputs > 1 else found[0])


def test_one_picture_in_and_one_vector_out() -> None:
    assert read_signature(model((48, 64, 3)), "m", None) == Signature(48, 64, 3)
    assert read_signature(model((48, 64, 3)), "m", (48, 64)) == Signature(48, 64, 3)
    assert read_signature(model((None, None, 3)), "m", (48, 64)) == Signature(48, 64, 3)
    assert read_signature(model((48, None, 3)), "m", (48, 64)) == Signature(48, 64, 3)


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (model((32, 32, 3), inputs=2), r"has 2 inputs \(input0 \(\?, 32, 32, 3\), input1"),
        (model((32, 32, 3), outputs=2), "has 2 outputs"),
        (model((None, None, 3)), "leaves the picture's size open; give one with --input-size"),
        (model((32, 32, 1)), r"found \(\?, 32, 32, 1\) \(grey\)"),
        (model((32, 32, 4)), r"found \(\?, 32, 32, 4\)"),
        (model((3, 32, 32)), "channels first"),
        (model((32,)), r"found \(\?, 32\)"),
        (model((32, 32, 3), units=1), "single output .*sigmoid"),
        (keras.Sequential([layers.Dense(2)]), "does not say what shape its input has"),
        (keras.Sequential([keras.Input((32, 32, 3)), layers.Conv2D(2, 3)]), r"found an output of \(\?, 30, 30, 2\)"),
        (model((5000, 32, 3)), "1 to 4096 pixels"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_anything_else_is_refused_naming_it(made: keras.Model, reason: str) -> None:
    with pytest.raises(InputRefused, match=reason):
        read_signature(made, "model.keras", None)


def test_a_size_that_the_model_does_not_take_is_refused() -> None:
    with pytest.raises(InputRefused, match="the model takes 32x32 pixels, found 64x64"):
        read_signature(model((32, 32, 3)), "m", (64, 64))
