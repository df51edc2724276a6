"""What is made once for all artifacts of a command is made once."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from export.kind import Kind
from export.session import Session


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
