"""Fine-tuning with int8 in mind brings the int8 model nearer to the float one, the same way every time."""

import numpy as np
import pytest

from export import qat
from export.formats.tflite import convert
from export.keras_model import load, scores
from export.kind import Kind
from export.qat import fine_tune
from runtime.errors import InputRefused

QAT = Kind("tflite", "int8", qat=True)


@pytest.fixture
def hurt(trained, widen):
    """Not destroyed by int8, but hurt."""
    model = load(trained / "model.keras")
    for number in range(3):
        widen(model, number, by=300)
    return model


def test_int8_comes_nearer_to_the_float_scores(hurt, opened, calibration, manifest, answers) -> None:
    expected = scores(hurt, calibration)
    before = np.abs(answers(convert(hurt, Kind("tflite", "int8"), calibration, manifest)) - expected).mean()
    tuned = fine_tune(hurt, opened, calibration, epochs=15, seed=1)
    after = np.abs(answers(convert(tuned, QAT, calibration, manifest)) - expected).mean()
    assert after < 0.8 * before


def test_the_same_seed_gives_the_same_weights(keras_model, opened, calibration) -> None:
    one, two = (fine_tune(keras_model, opened, calibration, epochs=1, seed=3) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), two.get_weights(), strict=True))


def test_a_rate_that_only_harms_leaves_the_network_as_it_was(keras_model, opened, calibration, monkeypatch) -> None:
    untouched = fine_tune(keras_model, opened, calibration, epochs=1, seed=3)
    monkeypatch.setattr(qat, "RATE", 0.9)
    ruined = fine_tune(keras_model, opened, calibration, epochs=3, seed=3)
    first = next(layer for layer in ruined.layers if layer.name == "conv0")
    folded = next(layer for layer in qat.fake_quantize(keras_model, calibration).layers if layer.name == "conv0")
    np.testing.assert_array_equal(first.get_weights()[0], folded.get_weights()[0])
    assert untouched is not ruined


def test_a_run_without_validation_pictures_is_refused(keras_model, opened, calibration) -> None:
    from dataclasses import replace

    run = replace(opened, pictures=tuple(picture for picture in opened.pictures if picture.split != "val"))
    with pytest.raises(InputRefused, match="no val pictures"):
        fine_tune(keras_model, run, calibration, epochs=1, seed=1)
