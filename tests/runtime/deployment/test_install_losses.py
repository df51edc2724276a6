"""Tests that install loses no folder and no bundle, whenever it is interrupted."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.bundles.bundle import Bundle
from runtime.deployment.install import install, roll_back
from runtime.errors import InputRefused

MakeBundle = Callable[..., Path]
STOPPED = """
import os, sys
from pathlib import Path
from runtime.deployment import install
from runtime.system import atomic_files
left, action, exchanging = int(sys.argv[1]), sys.argv[2], sys.argv[3] == "exchange"
arguments = [Path(path) for path in sys.argv[4:]]

def stopping(call):
    def counted(*arguments):
        global left
        if left == 0:
            os.kill(os.getpid(), int(os.environ["SIGNAL"]))
        left -= 1
        return call(*arguments)
    return counted

os.rename = stopping(os.rename)
exchange = stopping(atomic_files._exchange)
atomic_files._exchange = exchange if exchanging else lambda first, second: False
getattr(install, action)(*arguments)
"""


@pytest.fixture
def bundles(make_bundle: MakeBundle) -> list[Path]:
    return [make_bundle(f"bundle-{factor}", factor=factor) for factor in (0.5, 1.0, 2.0)]


def ids(in_use: Path) -> tuple[str, str]:
    return Bundle.open(in_use).id, Bundle.open(in_use.with_name("fruit.previous")).id


def stop(calls: int, number: int, how: str, action: str, *paths: Path) -> int:
    """Kills the action after so many moves; returns the exit code, 0 where it had ended before."""
    command = [sys.executable, "-c", STOPPED, str(calls), action, how, *map(str, paths)]
    return subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": os.getcwd(), "SIGNAL": str(number)},
        stderr=subprocess.DEVNULL,
    ).returncode


def test_folder_of_somebody_beside_the_place_is_not_replaced(
    bundles: list[Path], in_use: Path
) -> None:
    install(bundles[0], in_use)
    mine = in_use.with_name("fruit.previous")
    mine.mkdir()
    (mine / "thesis.doc").write_text("mine")
    with pytest.raises(
        InputRefused, match=r"fruit\.previous: is there already and is not a bundle"
    ):
        install(bundles[1], in_use)
    assert (mine / "thesis.doc").read_text() == "mine"
    assert Bundle.open(in_use).id == Bundle.open(bundles[0]).id
    (mine / "thesis.doc").unlink()
    assert install(bundles[1], in_use).previous_id == Bundle.open(bundles[0]).id


@pytest.mark.parametrize(
    ("number", "how"),
    [(signal.SIGKILL, "exchange"), (signal.SIGINT, "exchange"), (signal.SIGKILL, "rename")],
)
def test_interrupted_rollback_loses_none(
    bundles: list[Path], in_use: Path, number: int, how: str
) -> None:
    for bundle in bundles[:2]:
        install(bundle, in_use)
    both = set(ids(in_use))
    moves = 0
    while stop(moves, number, how, "roll_back", in_use) != 0:
        roll_back(in_use)
        assert set(ids(in_use)) == both
        moves += 1
    assert moves >= (1 if how == "exchange" else 3)
    assert set(ids(in_use)) == both


@pytest.mark.parametrize(
    ("number", "how"),
    [(signal.SIGKILL, "exchange"), (signal.SIGINT, "exchange"), (signal.SIGKILL, "rename")],
)
def test_interrupted_install_loses_neither_the_one_in_use_nor_its_way_back(
    bundles: list[Path], in_use: Path, number: int, how: str
) -> None:
    """Whatever the step: after the next run it is as before, or as after the whole install."""
    oldest, used, new = (Bundle.open(bundle).id for bundle in bundles)
    moves = 0
    for bundle in bundles[:2]:
        install(bundle, in_use)
    while stop(moves, number, how, "install", bundles[2], in_use) != 0:
        if how == "exchange":
            assert Bundle.open(in_use).id in (used, new)
        went_back_to = roll_back(in_use).bundle_id
        assert ids(in_use) == ((used, new) if went_back_to == used else (oldest, used))
        for bundle in bundles[:2]:
            install(bundle, in_use)
        assert ids(in_use) == (used, oldest)
        assert sorted(file.name for file in in_use.parent.iterdir()) == ["fruit", "fruit.previous"]
        moves += 1
    assert moves >= 4
    assert ids(in_use) == (new, used)
