"""What an unfinished training leaves beside the run, and which commands may go on with it."""

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from runtime.bundle import Bundle
from runtime.errors import InputRefused, MachineError
from train.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from train.epoch import Epoch
from train.options import TrainOptions
from train.unfinished import Unfinished, claim, unfinished

EPOCH = Epoch("head", 3, 0.1, 1 / 3, 0.2, 2 / 3, 1.5)


def _made_by(options: TrainOptions = TrainOptions(), data: str = "a", source: str = "b") -> dict[str, object]:  # noqa: B008
    return {"options": asdict(options), "data_digest": data, "source": source}


def _checkpoint(made_by: dict[str, object]) -> Checkpoint:
    weights = [np.arange(6, dtype=np.float32).reshape(2, 3), np.zeros((), np.int64)]
    return Checkpoint((EPOCH,), 12.5, weights, weights[:1], weights[1:], made_by)


@pytest.fixture
def partial(tmp_path: Path) -> Unfinished:
    """One with a checkpoint of the default command."""
    left = unfinished(tmp_path / "run", _made_by())
    left.write(_checkpoint(dict(left.made_by)))
    return left


def test_checkpoint_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = _checkpoint(_made_by())
    write_checkpoint(tmp_path / "c.npz", written)
    read = read_checkpoint(tmp_path / "c.npz")
    assert (read.history, read.seconds, read.made_by) == (written.history, written.seconds, written.made_by)
    for group in ("weights", "best", "optimizer"):
        for one, other in zip(getattr(read, group), getattr(written, group), strict=True):
            assert one.dtype == other.dtype
            assert np.array_equal(one, other)


@pytest.mark.parametrize("cut", [0, 10, 200, -1])
def test_damaged_checkpoint_is_refused_by_name(partial: Unfinished, cut: int) -> None:
    partial.path.write_bytes(partial.path.read_bytes()[:cut])
    with pytest.raises(InputRefused, match="not a whole checkpoint") as caught:
        claim(partial, resume=True, overwrite=False)
    assert caught.value.thing == str(partial.path)


def test_full_disk_leaves_the_old_checkpoint(small_disk) -> None:
    partial = unfinished(small_disk("64k") / "run", _made_by())
    partial.write(_checkpoint(_made_by()))
    before = partial.path.read_bytes()
    large = replace(_checkpoint(_made_by()), weights=[np.random.default_rng(7).random(100_000)])
    with pytest.raises(MachineError, match="the disk is full"):
        partial.write(large)
    assert partial.path.read_bytes() == before
    assert [path.name for path in partial.folder.iterdir()] == ["checkpoint.npz"], "no temporary file"


def test_full_disk_at_the_first_checkpoint_leaves_no_folder(small_disk) -> None:
    partial = unfinished(small_disk("64k") / "run", _made_by())
    with pytest.raises(MachineError):
        partial.write(replace(_checkpoint(_made_by()), weights=[np.zeros(100_000)]))
    assert not partial.folder.exists()


def test_it_is_no_run(partial: Unfinished) -> None:
    with pytest.raises(InputRefused, match="not a bundle or run folder"):
        Bundle.open(partial.folder)


def test_removal_leaves_what_a_user_put_there(partial: Unfinished) -> None:
    (partial.folder / "notes.txt").touch()
    partial.remove()
    assert [path.name for path in partial.folder.iterdir()] == ["notes.txt"]
    (partial.folder / "notes.txt").unlink()
    partial.remove()
    assert not partial.folder.exists()


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("overwrite", [False, True])
def test_same_command_goes_on_and_says_so(partial: Unfinished, capsys: pytest.CaptureFixture[str], resume: bool, overwrite: bool) -> None:
    claim(partial, resume=resume, overwrite=overwrite)
    assert partial.read() is not None
    assert capsys.readouterr().err == f"{partial.folder}: goes on with an unfinished training, after head epoch 3\n"


OTHER = [
    (_made_by(TrainOptions(batch=64)), "--batch 64, there 32"),
    (_made_by(TrainOptions(batch=64, rate=1e-5)), "--batch 64, there 32; --rate 1e-05, there by default"),
    (_made_by(data="other"), "other pictures"),
    (_made_by(source="other"), "other code of Quince"),
]


@pytest.mark.parametrize(("made_by", "words"), OTHER)
@pytest.mark.parametrize("resume", [False, True])
def test_another_command_is_refused_in_one_line_that_names_what_differs(
    partial: Unfinished, made_by: dict[str, object], words: str, resume: bool
) -> None:
    before = partial.path.read_bytes()
    with pytest.raises(InputRefused) as caught:
        claim(Unfinished(partial.folder, made_by), resume=resume, overwrite=False)
    assert f"({words})" in caught.value.reason
    assert "\n" not in str(caught.value)
    assert partial.path.read_bytes() == before


@pytest.mark.parametrize(("made_by", "words"), OTHER)
def test_another_command_begins_anew_where_it_may_overwrite(partial: Unfinished, made_by: dict[str, object], words: str) -> None:
    claim(Unfinished(partial.folder, made_by), resume=False, overwrite=True)
    assert not partial.folder.exists()


def test_other_rates_go_on_with_resume_alone(partial: Unfinished, capsys: pytest.CaptureFixture[str]) -> None:
    slower = Unfinished(partial.folder, _made_by(TrainOptions(rate=1e-5)))
    with pytest.raises(InputRefused, match=r"--rate 1e-05, there by default"):
        claim(slower, resume=False, overwrite=False)
    claim(slower, resume=True, overwrite=False)
    assert slower.read() is not None
    assert "after head epoch 3, now with --rate 1e-05, there by default" in capsys.readouterr().err


def test_nothing_there_is_nothing_to_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    claim(unfinished(tmp_path / "run", _made_by()), resume=True, overwrite=False)
    assert capsys.readouterr().err == ""
    assert list(tmp_path.iterdir()) == []
