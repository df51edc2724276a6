"""Tests a bundle that is replaced while it runs, by a program and by hand (FAULTS R25)."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from runtime.deployment.hot_reload import ReloadingClassifier
from runtime.errors import InputRefused
from runtime.system.atomic_files import _exchange

MakeBundle = Callable[..., Path]
RED = np.full((8, 8, 3), (200, 20, 100), np.uint8)
SWAPPER = """
import os, sys, time
from pathlib import Path
from runtime.system.atomic_files import _exchange
how, place, other, seconds = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4])
end, swaps = time.monotonic() + seconds, 0
while time.monotonic() < end:
    if how == "exchange":
        assert _exchange(place, other)
    else:
        link = place.with_name("link")
        link.symlink_to(place.with_name("one" if swaps % 2 else "two"))
        os.replace(link, place)
    swaps += 1
    time.sleep(0.01)
print(swaps)
"""


@pytest.fixture
def messages() -> list[str]:
    return []


@pytest.fixture
def reloading(make_bundle: MakeBundle, messages: list[str]) -> ReloadingClassifier:
    make_bundle("place")
    return ReloadingClassifier(
        make_bundle("unused").with_name("place"), every_s=0, report=messages.append
    )


@pytest.mark.parametrize(
    ("how", "labels"), [("exchange", "abc"), ("exchange", "cba"), ("link", "cba")]
)
def test_every_result_is_of_one_bundle_while_they_are_swapped_all_the_time(
    make_bundle: MakeBundle, how: str, labels: str, messages: list[str]
) -> None:
    """For two seconds of swaps every answer has the labels and scores of the bundle it names."""
    first, second = (
        make_bundle("one", labels=("a", "b", "c")),
        make_bundle("two", labels=tuple(labels), factor=0.5),
    )
    in_use, other = (first, second) if how == "exchange" else (first.with_name("place"), second)
    if how == "link":
        in_use.symlink_to(first)
    answers = {}
    for name in (first, second):
        classifier = ReloadingClassifier(name).current()
        answers[classifier.id] = (classifier.labels, classifier.scores(RED).tolist())
    assert len(answers) == 2
    reloading = ReloadingClassifier(in_use, every_s=0.02, report=messages.append)
    command = [sys.executable, "-c", SWAPPER, how, str(in_use), str(other), "2"]
    swapping = subprocess.Popen(
        command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.getcwd()}, text=True
    )
    seen = []
    while swapping.poll() is None:
        classifier = reloading.current()
        assert (classifier.labels, classifier.scores(RED).tolist()) == answers[classifier.id]
        seen.append(classifier.id)
    out, _ = swapping.communicate()
    assert int(out) > 10
    assert set(seen) == set(answers)
    assert sum(before != after for before, after in pairwise(seen)) > 3
    assert not [line for line in messages if "not used" in line]


def break_manifest(in_use: Path) -> None:
    (in_use / "manifest.json").write_text("{")


def break_model(in_use: Path) -> None:
    content = bytearray((in_use / "small.onnx").read_bytes())
    content[100] ^= 1
    (in_use / "small.onnx").write_bytes(content)


def remove_folder(in_use: Path) -> None:
    shutil.rmtree(in_use)


def remove_model(in_use: Path) -> None:
    (in_use / "small.onnx").unlink()


@pytest.mark.parametrize("damage", [break_manifest, break_model, remove_model, remove_folder])
def test_broken_new_bundle_leaves_the_old_one_running_with_one_line(
    reloading: ReloadingClassifier,
    make_bundle: MakeBundle,
    tmp_path: Path,
    messages: list[str],
    damage: Callable[[Path], None],
) -> None:
    old = reloading.current()
    damage(tmp_path / "place")
    for _ in range(5):
        assert reloading.current() is old
    (line,) = messages
    assert old.id in line
    assert "is not used" in line
    assert str(tmp_path / "place") in line
    shutil.rmtree(tmp_path / "place", ignore_errors=True)
    assert reloading.current() is old
    make_bundle("place", factor=0.25)
    assert reloading.current().id != old.id
    assert "has taken the place of" in messages[-1]


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_bundle_that_answers_no_numbers_is_not_used(
    reloading: ReloadingClassifier,
    make_bundle: MakeBundle,
    onnx_model,
    tmp_path: Path,
    messages: list[str],
    factor: float,
    edit_json,
) -> None:
    from runtime.system.hashing import sha256_of

    old = reloading.current()
    content = onnx_model(factor=factor).read_bytes()
    (tmp_path / "place/small.onnx").write_bytes(content)
    edit_json(
        tmp_path / "place/manifest.json",
        lambda data: data["artifacts"][0].update(sha256=sha256_of(content)),
    )
    assert [reloading.current() for _ in range(5)] == [old] * 5
    assert len(messages) == 1
    assert "NaN" in messages[0]


def test_bundle_copied_over_file_by_file_is_taken_when_it_is_whole(
    reloading: ReloadingClassifier, make_bundle: MakeBundle, tmp_path: Path, messages: list[str]
) -> None:
    """As `scp -r` does it: for a while the manifest is the new one's and the model cut."""
    old, new = reloading.current(), make_bundle("new", labels=("a", "b", "c"), factor=0.5)
    shutil.copy(new / "manifest.json", tmp_path / "place")
    content = (new / "small.onnx").read_bytes()
    for size in range(0, len(content), 50):
        (tmp_path / "place/small.onnx").write_bytes(content[:size])
        assert reloading.current() is old
    (tmp_path / "place/small.onnx").write_bytes(content)
    assert reloading.current().labels == ("a", "b", "c")
    assert len(messages) == 1


def test_it_looks_at_the_folder_no_more_often_than_asked(
    make_bundle: MakeBundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "time", lambda: pytest.fail("a clock that can jump (R27)"))
    reloading = ReloadingClassifier(make_bundle("place"), every_s=1)
    old = reloading.current()
    assert _exchange(make_bundle("other", factor=0.5), Path(reloading._path))
    now[0] += 0.99
    assert reloading.current() is old
    now[0] += 0.02
    assert reloading.current() is not old


def test_lone_model_file_is_followed_too(onnx_model: Callable[..., Path]) -> None:
    reloading = ReloadingClassifier(onnx_model(), every_s=0)
    before = reloading.current()
    onnx_model(factor=0.5)
    assert reloading.current().id != before.id


def test_first_bundle_must_be_good(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="no such folder|no such file"):
        ReloadingClassifier(tmp_path / "nothing")


def test_new_bundle_with_bytes_that_are_no_text_leaves_the_old_one_running_with_one_line(
    reloading: ReloadingClassifier, tmp_path: Path, messages: list[str], edit_json
) -> None:
    from runtime.system.hashing import sha256_of

    old, file = reloading.current(), tmp_path / "place/small.onnx"
    content = file.read_bytes().replace(b"red", b"\xffed")
    file.write_bytes(content)
    edit_json(
        tmp_path / "place/manifest.json",
        lambda data: data["artifacts"][0].update(sha256=sha256_of(content)),
    )
    assert [reloading.current() for _ in range(5)] == [old] * 5
    (line,) = messages
    assert "not UTF-8" in line


def test_failure_that_nobody_foresaw_leaves_the_old_one_running_with_one_line(
    reloading: ReloadingClassifier,
    make_bundle: MakeBundle,
    tmp_path: Path,
    messages: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Here a TypeError of the loader itself, with a line break in it."""
    from runtime.deployment import hot_reload

    old = reloading.current()
    with monkeypatch.context() as broken:
        broken.setattr(hot_reload, "Classifier", _unforeseen)
        assert _exchange(make_bundle("other", factor=0.5), tmp_path / "place")
        assert [reloading.current() for _ in range(5)] == [old] * 5
    (line,) = messages
    assert "is not used" in line
    assert "TypeError: not foreseen" in line


def _unforeseen(*_: object, **__: object) -> None:
    raise TypeError("not foreseen")
