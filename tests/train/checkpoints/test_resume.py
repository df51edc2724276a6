"""Tests the checkpoint beside a run, and which commands may continue it."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from runtime.bundles.bundle import Bundle
from runtime.errors import InputRefused, MachineError
from train.checkpoints.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from train.checkpoints.history import Epoch
from train.checkpoints.resume import (
    OLD_OPTIONS,
    UnfinishedRun,
    find_unfinished,
    option_differences,
    prepare_resume,
)
from train.configuration.options import TrainOptions

EPOCH = Epoch("head", 3, 0.1, 1 / 3, 0.2, 2 / 3, 1.5)


DEFAULTS = TrainOptions()


def _made_by(
    options: TrainOptions = DEFAULTS, data: str = "a", source: str = "b"
) -> dict[str, object]:
    return {"options": asdict(options), "data_digest": data, "code_sha256": source}


def _checkpoint(made_by: dict[str, object]) -> Checkpoint:
    weights = [np.arange(6, dtype=np.float32).reshape(2, 3), np.zeros((), np.int64)]
    return Checkpoint((EPOCH,), 12.5, weights, weights[:1], weights[1:], made_by)


@pytest.fixture
def partial(tmp_path: Path) -> UnfinishedRun:
    """One with a checkpoint of the default command."""
    left = find_unfinished(tmp_path / "run", _made_by())
    left.write(_checkpoint(dict(left.made_by)))
    return left


def test_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = _checkpoint(_made_by())
    write_checkpoint(tmp_path / "c.npz", written)
    read = read_checkpoint(tmp_path / "c.npz")
    assert (read.history, read.seconds, read.made_by) == (
        written.history,
        written.seconds,
        written.made_by,
    )
    for group in ("weights", "best", "optimizer"):
        for array, expected in zip(getattr(read, group), getattr(written, group), strict=True):
            assert array.dtype == expected.dtype
            assert np.array_equal(array, expected)


@pytest.mark.parametrize("cut", [0, 10, 200, -1])
def test_damaged_checkpoint_is_refused_by_name(partial: UnfinishedRun, cut: int) -> None:
    partial.path.write_bytes(partial.path.read_bytes()[:cut])
    with pytest.raises(InputRefused, match="not a whole checkpoint") as caught:
        prepare_resume(partial, resume=True, overwrite=False)
    assert caught.value.thing == str(partial.path)


def test_full_disk_leaves_the_old_checkpoint(small_disk) -> None:
    partial = find_unfinished(small_disk("64k") / "run", _made_by())
    partial.write(_checkpoint(_made_by()))
    before = partial.path.read_bytes()
    large = replace(_checkpoint(_made_by()), weights=[np.random.default_rng(7).random(100_000)])
    with pytest.raises(MachineError, match="the disk is full"):
        partial.write(large)
    assert partial.path.read_bytes() == before
    assert [path.name for path in partial.folder.iterdir()] == ["checkpoint.npz"], (
        "no temporary file"
    )


def test_full_disk_at_the_first_checkpoint_leaves_no_folder(small_disk) -> None:
    partial = find_unfinished(small_disk("64k") / "run", _made_by())
    with pytest.raises(MachineError):
        partial.write(replace(_checkpoint(_made_by()), weights=[np.zeros(100_000)]))
    assert not partial.folder.exists()


def test_it_is_no_run(partial: UnfinishedRun) -> None:
    with pytest.raises(InputRefused, match="not a bundle or run folder"):
        Bundle.open(partial.folder)


def test_removal_leaves_what_a_user_put_there(partial: UnfinishedRun) -> None:
    (partial.folder / "notes.txt").touch()
    partial.remove()
    assert [path.name for path in partial.folder.iterdir()] == ["notes.txt"]
    (partial.folder / "notes.txt").unlink()
    partial.remove()
    assert not partial.folder.exists()


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("overwrite", [False, True])
def test_same_command_goes_on_and_says_so(
    partial: UnfinishedRun, capsys: pytest.CaptureFixture[str], resume: bool, overwrite: bool
) -> None:
    prepare_resume(partial, resume=resume, overwrite=overwrite)
    assert partial.read() is not None
    assert (
        capsys.readouterr().err
        == f"{partial.folder}: continues an unfinished training, after head epoch 3\n"
    )


OTHER = [
    (_made_by(TrainOptions(batch=64)), "--batch 64 instead of 32"),
    (
        _made_by(TrainOptions(batch=64, rate=1e-5)),
        "--batch 64 instead of 32; --rate 1e-05 instead of the default",
    ),
    (_made_by(data="other"), "other images"),
    (_made_by(source="other"), "other code of Quince"),
]


@pytest.mark.parametrize(("made_by", "words"), OTHER)
@pytest.mark.parametrize("resume", [False, True])
def test_another_command_is_refused_in_one_line_that_names_what_differs(
    partial: UnfinishedRun, made_by: dict[str, object], words: str, resume: bool
) -> None:
    before = partial.path.read_bytes()
    with pytest.raises(InputRefused) as caught:
        prepare_resume(UnfinishedRun(partial.folder, made_by), resume=resume, overwrite=False)
    assert f"({words})" in caught.value.reason
    assert "\n" not in str(caught.value)
    assert partial.path.read_bytes() == before


def test_names_of_an_earlier_version_are_no_difference(partial: UnfinishedRun) -> None:
    options = TrainOptions(variants=2, width_factor=0.5, region=(0, 0, 1, 0.5))
    now = {**_made_by(options), "weights_sha256": "w"}
    old = {"views": 2, "width": 0.5, "region": "0,0,1,0.5"}
    kept = {
        name: value for name, value in asdict(options).items() if name not in OLD_OPTIONS.values()
    }
    before = {"options": kept | old, "data_digest": "a", "source": "older", "weights": "w"}
    assert option_differences(now, before) == {"code_sha256": "other code of Quince"}
    other = {**_made_by(), "weights_sha256": "w"}
    assert option_differences(other, before)["region"] == "--region by default instead of 0,0,1,0.5"


@pytest.mark.parametrize(("made_by", "words"), OTHER)
def test_another_command_begins_anew_where_it_may_overwrite(
    partial: UnfinishedRun, made_by: dict[str, object], words: str
) -> None:
    prepare_resume(UnfinishedRun(partial.folder, made_by), resume=False, overwrite=True)
    assert not partial.folder.exists()


def test_other_rates_go_on_with_resume_alone(
    partial: UnfinishedRun, capsys: pytest.CaptureFixture[str]
) -> None:
    slower = UnfinishedRun(partial.folder, _made_by(TrainOptions(rate=1e-5)))
    with pytest.raises(InputRefused, match=r"--rate 1e-05 instead of the default"):
        prepare_resume(slower, resume=False, overwrite=False)
    prepare_resume(slower, resume=True, overwrite=False)
    assert slower.read() is not None
    assert "after head epoch 3, now with --rate 1e-05 instead of" in capsys.readouterr().err


def test_nothing_there_is_nothing_to_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare_resume(find_unfinished(tmp_path / "run", _made_by()), resume=True, overwrite=False)
    assert capsys.readouterr().err == ""
    assert list(tmp_path.iterdir()) == []
