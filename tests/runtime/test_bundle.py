"""runtime.bundle: a folder is a bundle only if its manifest holds up, a model file only with the exported bytes (FAULTS E17, E18)."""

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.bundle import Bundle
from runtime.errors import InputRefused

MODELS = ["model.int8.tflite", "model.fp32.onnx"]
Edit = Callable[[Path, Callable[[dict], object]], None]


def artifact(bundle: Bundle, file: str):
    return next(one for one in bundle.manifest.artifacts if one.file == file)


@pytest.mark.parametrize("file", MODELS)
def test_reads_the_bytes_that_were_exported(exported: Path, file: str) -> None:
    bundle = Bundle.open(exported)
    assert bundle.manifest.labels == ("mono", "poly")
    assert bundle.read(artifact(bundle, file)) == (exported / file).read_bytes()


def test_what_is_no_bundle_folder_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    reasons = {
        "missing": "no such folder",
        "file": "not a folder",
        "loop": "no such folder",
        "n" * 300: "no such folder",
        "empty": "not a bundle",
    }
    for name, reason in reasons.items():
        with pytest.raises(InputRefused, match=f"{name}: {reason}"):
            Bundle.open(tmp_path / name)


def test_manifest_that_is_a_pipe_or_endless_is_refused_without_waiting(bundle: Path) -> None:
    (bundle / "manifest.json").unlink()
    os.mkfifo(bundle / "manifest.json")
    with pytest.raises(InputRefused, match=r"manifest\.json: not a regular file"):
        Bundle.open(bundle)


@pytest.mark.parametrize("file", MODELS)
def test_one_flipped_bit_is_refused(bundle: Path, file: str) -> None:
    content = bytearray((bundle / file).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / file).write_bytes(content)
    opened = Bundle.open(bundle)
    with pytest.raises(InputRefused, match=f"{re.escape(file)}: its sha256 differs"):
        opened.read(artifact(opened, file))


@pytest.mark.parametrize("file", MODELS)
def test_zeroed_page_and_appended_byte_are_refused(bundle: Path, file: str) -> None:
    content, opened = (bundle / file).read_bytes(), Bundle.open(bundle)
    for damaged in (content[:4096] + bytes(4096) + content[8192:], content + b"\0"):
        (bundle / file).write_bytes(damaged)
        with pytest.raises(InputRefused, match="sha256 differs"):
            opened.read(artifact(opened, file))


def test_missing_model_file_is_refused_by_name(bundle: Path) -> None:
    (bundle / MODELS[0]).unlink()
    opened = Bundle.open(bundle)
    with pytest.raises(InputRefused, match=f"{MODELS[0]}: no such file"):
        opened.read(artifact(opened, MODELS[0]))


def test_manifest_cannot_name_a_file_outside(bundle: Path, edit_json: Edit) -> None:
    shutil.copy(bundle / MODELS[0], bundle.parent)
    edit_json(bundle / "manifest.json", lambda data: data["artifacts"][0].update(file=f"../{MODELS[0]}"))
    with pytest.raises(InputRefused, match="plain file name"):
        Bundle.open(bundle)


def test_a_run_folder_says_where_its_exported_models_are(run_copy: Path, exported: Path, run_cli) -> None:
    for words in (("predict", run_copy, "x.jpg"), ("verify", run_copy)):
        assert "make one with: python -m export tflite RUN" in run_cli("runtime", *words).stderr
    shutil.copytree(exported, run_copy / "bundle")
    for words in (("predict", run_copy, "x.jpg"), ("verify", run_copy)):
        done = run_cli("runtime", *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"python -m runtime: {run_copy}: holds no exported model; they are in {run_copy / 'bundle'}\n"


def test_each_answer_as_json_says_which_bundle_gave_it(make_bundle, run_cli) -> None:
    bundle = make_bundle("fruit")
    done = run_cli("runtime", "predict", bundle, bundle / "golden/00.png", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["id"] == Bundle.open(bundle).id
