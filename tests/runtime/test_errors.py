"""runtime.errors: each error is `thing: reason` on one line and carries its exit code."""

import pickle

import pytest

from runtime.errors import CheckFailed, InputRefused, MachineError, PictureRefused, QuinceError


@pytest.mark.parametrize(("kind", "code"), [(InputRefused, 2), (PictureRefused, 2), (CheckFailed, 3), (MachineError, 4)])
def test_error_says_thing_and_reason_and_has_its_code(kind: type[QuinceError], code: int) -> None:
    error = kind("a.jpg", "empty file")
    assert str(error) == "a.jpg: empty file"
    assert error.exit_code == code
    assert isinstance(error, QuinceError)


def test_error_survives_the_way_out_of_a_worker_process() -> None:
    error = pickle.loads(pickle.dumps(PictureRefused("a.jpg", "empty file")))
    assert (type(error), error.thing, error.reason) == (PictureRefused, "a.jpg", "empty file")
