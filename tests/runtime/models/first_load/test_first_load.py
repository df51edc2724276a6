"""Tests that a model file without a checksum is tried in a child process, once."""

import os
import shutil
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runtime.models.first_load.first_load import FOLDER
from runtime.system.subprocesses import child_environment, python_command

START = """
import sys
from runtime import Classifier
from runtime.models.model_spec import ModelSpec
from runtime.models.normalization import UNNORMALIZED
Classifier(sys.argv[1], spec=ModelSpec(("r", "g", "b"), normalization=UNNORMALIZED))
print("runtime.models.first_load.child_process" in sys.modules)
"""
Start = Callable[..., bool]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def start(cache: Path) -> Start:
    """Opens a model in a process of its own; returns whether it was tried in a child."""

    def run(path: Path) -> bool:
        done = subprocess.run(
            python_command("-c", START, path),
            capture_output=True,
            text=True,
            env={**child_environment(), "XDG_CACHE_HOME": str(cache)},
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout == "True\n"

    return run


def entries(cache: Path) -> list[Path]:
    return sorted((cache / "quince" / FOLDER).glob("*"))


@pytest.mark.parametrize("command", ["predict", "info"])
def test_a_file_that_crashes_the_interpreter_is_refused_in_one_line(
    crashing_model: Path, cache: Path, photo: Path, run_cli, refuses, command: str
) -> None:
    labels = crashing_model.with_name("labels.txt")
    labels.write_text("r\ng\nb\n")
    words = [crashing_model, *([photo] if command == "predict" else [])]
    done = run_cli(
        *("runtime", command, *words, "--labels", labels, "--normalize", "none"),
        env={"XDG_CACHE_HOME": str(cache)},
    )
    refuses(done, 2, "crash.tflite: LiteRT", "crashes on it", "signal 11", "copy it again")
    assert not entries(cache)


def test_a_file_is_tried_once_and_again_after_a_change(
    tflite_model: Callable[..., Path], start: Start, cache: Path
) -> None:
    path = tflite_model()
    assert [start(path), start(path)] == [True, False]
    (entry,) = entries(cache)
    assert entry.read_text() == entry.name
    path.write_bytes(path.read_bytes() + b"\0")
    assert [start(path), start(path)] == [True, False]
    assert len(entries(cache)) == 2


def _other_content(entry: Path) -> None:
    entry.write_text("0" * 64)


def _link(entry: Path) -> None:
    entry.rename(entry.with_name("elsewhere"))
    entry.symlink_to("elsewhere")


def _pipe(entry: Path) -> None:
    entry.unlink()
    os.mkfifo(entry)


def _folder(entry: Path) -> None:
    entry.unlink()
    entry.mkdir()


def _writable_file(entry: Path) -> None:
    entry.chmod(0o666)


def _writable_folder(entry: Path) -> None:
    entry.parent.chmod(0o777)


def _linked_folder(entry: Path) -> None:
    entry.parent.rename(entry.parent.with_name("elsewhere"))
    entry.parent.symlink_to("elsewhere")


def test_an_entry_that_was_tampered_with_does_not_count(
    tflite_model: Callable[..., Path], start: Start, cache: Path, tmp_path: Path
) -> None:
    path = tflite_model()
    assert start(path)
    untouched = shutil.copytree(cache, tmp_path / "untouched")
    for tamper in (
        *(_other_content, _link, _pipe, _folder),
        *(_writable_file, _writable_folder, _linked_folder),
    ):
        shutil.rmtree(cache)
        shutil.copytree(untouched, cache)
        tamper(entries(cache)[0])
        assert start(path), tamper.__name__
    shutil.rmtree(cache)
    shutil.copytree(untouched, cache)
    assert not start(path), "the copy counts"


def test_a_cache_that_cannot_be_written_costs_only_time(
    tflite_model: Callable[..., Path], start: Start, cache: Path
) -> None:
    cache.write_text("a file where the folder would be")
    path = tflite_model()
    assert [start(path), start(path)] == [True, True]


def test_starts_at_the_same_time_do_not_disturb_each_other(
    tflite_model: Callable[..., Path], start: Start, cache: Path
) -> None:
    path = tflite_model()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: start(path), range(4)))
    assert len(entries(cache)) == 1
    assert not start(path)


def test_a_bundle_has_checksums_and_is_not_tried(
    make_bundle: Callable[..., Path], cache: Path, photo: Path, run_cli
) -> None:
    bundle = make_bundle("fruit")
    done = run_cli("runtime", "predict", bundle, photo, env={"XDG_CACHE_HOME": str(cache)})
    assert done.returncode == 0, done.stderr
    assert not entries(cache)
    alone = run_cli(
        "runtime", "predict", bundle / "small.onnx", photo, env={"XDG_CACHE_HOME": str(cache)}
    )
    assert (alone.returncode, len(entries(cache))) == (0, 1)


def test_info_refuses_what_predict_refuses_and_shows_what_it_knows(
    tflite_model: Callable[..., Path], photo: Path, run_cli, refuses
) -> None:
    path = tflite_model()
    refusals = [run_cli("runtime", *words) for words in (("predict", path, photo), ("info", path))]
    for done in refusals:
        refuses(done, 2, "external.tflite: has no class names")
    assert refusals[0].stderr == refusals[1].stderr
    assert "input float32 (1, 8, 8, 3)" in refusals[1].stdout
