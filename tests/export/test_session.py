"""What is made once for all artifacts of a command is made once."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from export.keras_model import check_probabilities
from export.kind import Kind
from export.session import Session
from runtime.errors import CheckFailed, InputRefused
from runtime.preprocess import Preprocessing


@pytest.fixture
def session(opened, tmp_path: Path):
    with ExitStack() as ending:
        yield Session(opened, tmp_path, ending, calibration=20, seed=1, epochs=1)


def test_the_model_its_scores_and_its_equalized_form_are_made_once(session: Session, calibration) -> None:
    assert session.model is session.model
    assert session.calibration is session.calibration
    pixels = calibration[:3]
    scores = session.reference(pixels)
    assert session.reference(pixels.copy()) is scores
    assert not np.array_equal(session.reference(calibration[3:6]), scores)
    plain, equalized = Kind("tflite", "int8"), Kind("tflite", "int8", equalized=True)
    assert session.prepared(plain) is session.model
    assert session.prepared(equalized) is session.prepared(equalized)
    assert session.prepared(equalized) is not session.model


def test_model_files_go_when_the_session_ends(opened, tmp_path: Path) -> None:
    with ExitStack() as ending:
        session = Session(opened, tmp_path, ending, calibration=20, seed=1, epochs=1)
        kind = Kind("tflite", "int8")
        one, two = (session.write(kind.file, session.convert(kind)) for _ in range(2))
        assert one != two
        assert one.name == two.name == kind.file
        assert one.read_bytes() == two.read_bytes()
    assert not list(tmp_path.iterdir())


def test_a_manifest_that_gives_another_size_than_the_model_is_refused(opened, tmp_path: Path) -> None:
    manifest = replace(opened.manifest, preprocessing=Preprocessing(32, 64))
    with ExitStack() as ending, pytest.raises(InputRefused, match="takes 64x64 pixels, its manifest.json says 32x64"):
        _ = Session(replace(opened, manifest=manifest), tmp_path, ending, calibration=20, seed=1, epochs=1).model


def test_a_keras_model_that_says_the_same_of_every_picture_is_named_as_what_is_wrong(keras_model, calibration) -> None:
    constant = keras.models.clone_model(keras_model)
    constant.set_weights([np.zeros_like(weight) for weight in constant.get_weights()])
    with pytest.raises(CheckFailed, match="Keras model itself gives the same scores"):
        check_probabilities(constant, calibration[:4], "m", softmax_added=False)
    check_probabilities(constant, np.repeat(calibration[:1], 4, axis=0), "m", softmax_added=False)
