"""What is made once for all artifacts of a command is made once."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from export.formats.artifact_spec import ArtifactSpec
from export.inputs.keras_loader import check_scores_differ
from export.options import ExportOptions
from export.session import Session
from runtime.errors import CheckFailed, InputRefused
from runtime.images.preprocessing import Preprocessing

OPTIONS = ExportOptions(calibration_images=20, seed=1, qat_epochs=1)


@pytest.fixture
def session(opened, tmp_path: Path):
    with Session(opened, OPTIONS, tmp_path) as session:
        yield session


def test_the_model_its_scores_and_its_equalized_form_are_made_once(
    session: Session, calibration
) -> None:
    assert session.model is session.model
    assert session.calibration is session.calibration
    pixels = calibration[:3]
    scores = session.reference(pixels)
    assert session.reference(pixels.copy()) is scores
    assert not np.array_equal(session.reference(calibration[3:6]), scores)
    plain, equalized = (
        ArtifactSpec("tflite", "int8"),
        ArtifactSpec("tflite", "int8", equalized=True),
    )
    assert session.prepared(plain) is session.model
    assert session.prepared(equalized) is session.prepared(equalized)
    assert session.prepared(equalized) is not session.model


def test_model_files_go_when_the_session_ends(opened, tmp_path: Path) -> None:
    with Session(opened, OPTIONS, tmp_path) as session:
        first, second = (session.write("model.tflite", b"model") for _ in range(2))
        assert first != second
        assert first.name == second.name == "model.tflite"
        assert first.read_bytes() == second.read_bytes()
    assert not list(tmp_path.iterdir())


def test_a_manifest_that_gives_another_size_than_the_model_is_refused(
    opened, tmp_path: Path
) -> None:
    manifest = replace(opened.manifest, preprocessing=Preprocessing(32, 64))
    reason = r"\(32, 64, 3\), as manifest.json says, found one of \(64, 64, 3\)"
    with (
        Session(replace(opened, manifest=manifest), OPTIONS, tmp_path) as session,
        pytest.raises(InputRefused, match=reason),
    ):
        _ = session.model


def test_a_keras_model_that_says_the_same_of_every_image_is_named_as_what_is_wrong(
    keras_model, calibration
) -> None:
    constant = keras.models.clone_model(keras_model)
    constant.set_weights([np.zeros_like(weight) for weight in constant.get_weights()])
    with pytest.raises(CheckFailed, match="Keras model itself gives the same scores"):
        check_scores_differ(constant, calibration[:4], "m")
    check_scores_differ(constant, np.repeat(calibration[:1], 4, axis=0), "m")
