"""Tests that each error is `thing: reason` on one line and carries its exit code."""

import errno
import os
import pickle
import shutil
from pathlib import Path

import pytest

from runtime.bundles.bundle import Bundle
from runtime.errors import (
    CheckFailed,
    ImageRefused,
    InputRefused,
    MachineError,
    QuinceError,
    failed_access,
    naming,
)


@pytest.mark.parametrize(
    ("kind", "code"), [(InputRefused, 2), (ImageRefused, 2), (CheckFailed, 3), (MachineError, 4)]
)
def test_error_says_thing_and_reason_and_has_its_code(kind: type[QuinceError], code: int) -> None:
    error = kind("a.jpg", "empty file")
    assert str(error) == "a.jpg: empty file"
    assert error.exit_code == code
    assert isinstance(error, QuinceError)


def test_error_survives_pickling() -> None:
    error = pickle.loads(pickle.dumps(ImageRefused("a.jpg", "empty file")))
    assert (type(error), error.thing, error.reason) == (ImageRefused, "a.jpg", "empty file")


@pytest.mark.parametrize("kind", [InputRefused, ImageRefused, CheckFailed, MachineError])
def test_caller_names_the_file_and_may_add_to_the_reason(kind: type[QuinceError]) -> None:
    with pytest.raises(kind, match=r"^a\.json: no object$"), naming(Path("a.json")):
        raise kind("JSON", "no object")
    with (
        pytest.raises(kind, match=r"^a\.json: not usable: \{x\}; remove it$") as error,
        naming("a.json", "not usable: {}; remove it"),
    ):
        raise kind("JSON", "{x}")
    assert isinstance(error.value.__cause__, kind)


def test_other_errors_keep_their_text() -> None:
    with pytest.raises(ValueError, match="^broken$"), naming("a.json"):
        raise ValueError("broken")


def test_forbidden_file_is_the_machine_s_fault_and_missing_file_the_input_s() -> None:
    assert (
        type(failed_access("a", PermissionError(errno.EACCES, "Permission denied"))) is MachineError
    )
    assert type(failed_access("a", OSError(errno.EIO, "Input/output error"))) is MachineError
    assert (
        type(failed_access("a", FileNotFoundError(errno.ENOENT, "No such file or directory")))
        is InputRefused
    )


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can become somebody who may not read a file"
)
@pytest.mark.parametrize("what", ["manifest.json", "."])
def test_forbidden_bundle_is_the_machine_s_fault(
    exported: Path, tmp_path: Path, open_to_all, what: str
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(exported, bundle)
    open_to_all(tmp_path)
    (bundle / what).chmod(0)
    os.seteuid(65534)
    try:
        with pytest.raises(MachineError, match="Permission denied"):
            Bundle.open(bundle)
    finally:
        os.seteuid(0)
