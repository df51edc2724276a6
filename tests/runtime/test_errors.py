"""runtime.errors: each error is `thing: reason` on one line and carries its exit code."""

import errno
import os
import pickle
import shutil
from pathlib import Path

import pytest

from runtime.bundle import Bundle
from runtime.errors import CheckFailed, InputRefused, MachineError, PictureRefused, QuinceError, failed_access


@pytest.mark.parametrize(("kind", "code"), [(InputRefused, 2), (PictureRefused, 2), (CheckFailed, 3), (MachineError, 4)])
def test_error_says_thing_and_reason_and_has_its_code(kind: type[QuinceError], code: int) -> None:
    error = kind("a.jpg", "empty file")
    assert str(error) == "a.jpg: empty file"
    assert error.exit_code == code
    assert isinstance(error, QuinceError)


def test_error_survives_the_way_out_of_a_worker_process() -> None:
    error = pickle.loads(pickle.dumps(PictureRefused("a.jpg", "empty file")))
    assert (type(error), error.thing, error.reason) == (PictureRefused, "a.jpg", "empty file")


def test_a_file_this_user_may_not_read_is_the_machine_s_fault_and_one_that_is_gone_the_input_s() -> None:
    assert type(failed_access("a", PermissionError(errno.EACCES, "Permission denied"))) is MachineError
    assert type(failed_access("a", OSError(errno.EIO, "Input/output error"))) is MachineError
    assert type(failed_access("a", FileNotFoundError(errno.ENOENT, "No such file or directory"))) is InputRefused


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who may not read a file")
@pytest.mark.parametrize("what", ["manifest.json", "."])
def test_a_bundle_that_this_user_may_not_read_is_the_machine_s_fault(exported: Path, tmp_path: Path, open_to_all, what: str) -> None:
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
