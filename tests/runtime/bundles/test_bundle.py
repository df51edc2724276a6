"""Tests that a bundle needs a valid manifest and the exported model bytes (FAULTS E17, E18)."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.bundles.bundle import Bundle
from runtime.errors import InputRefused

MODELS = ["model.int8.tflite", "model.fp32.onnx"]
Edit = Callable[[Path, Callable[[dict], object]], None]


def artifact(bundle: Bundle, file: str):
    return next(artifact for artifact in bundle.manifest.artifacts if artifact.file == file)


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
    edit_json(
        bundle / "manifest.json", lambda data: data["artifacts"][0].update(file=f"../{MODELS[0]}")
    )
    with pytest.raises(InputRefused, match="plain file name"):
        Bundle.open(bundle)


def test_the_id_is_the_start_of_the_sha256_of_manifest_json(bundle: Path, run_cli) -> None:
    # Also of a manifest that a program wrote in another form.
    for indent in (2, None):
        data = json.loads((bundle / "manifest.json").read_text())
        (bundle / "manifest.json").write_text(json.dumps(data, indent=indent) + "\n")
        digest = hashlib.sha256((bundle / "manifest.json").read_bytes()).hexdigest()
        assert Bundle.open(bundle).id == digest[:12]
    done = run_cli("runtime", "install", bundle, bundle.parent / "device", "--json")
    assert json.loads(done.stdout)["bundle_id"] == digest[:12], done.stderr
    assert Bundle.open(bundle.parent / "device").id == digest[:12]


@pytest.mark.parametrize("name", ["extra.bin", "model.int4.tflite", "golden/x.png", "golden/a/b"])
def test_a_file_that_no_list_names_is_refused(bundle: Path, run_cli, refuses, name: str) -> None:
    (bundle / name).parent.mkdir(exist_ok=True)
    (bundle / name).write_bytes(b"x")
    words = ("verify", bundle), ("install", bundle, bundle.parent / "device")
    if "/" not in name:
        words += (("info", bundle), ("predict", bundle, bundle / "golden/golden.json"))
    top = name.rpartition("/")[0] if name.count("/") > 1 else name
    for command in words:
        refuses(run_cli("runtime", *command), 2, top.split("/b")[0], "no part of the bundle")
    assert not (bundle.parent / "device").exists()


def test_what_file_managers_and_git_leave_is_ignored_and_not_copied(bundle: Path, run_cli) -> None:
    for name in (".DS_Store", ".gitattributes", "Thumbs.db", "golden/._00.png", "desktop.ini"):
        (bundle / name).write_bytes(b"x")
    assert run_cli("runtime", "install", bundle, bundle.parent / "device").returncode == 0
    copied = {path.name for path in (bundle.parent / "device").rglob("*")}
    assert not copied & {".DS_Store", ".gitattributes", "Thumbs.db", "._00.png", "desktop.ini"}


@pytest.mark.parametrize("text", ["mono\n", "", "poly\nmono\n", "mono\npoly\nthird\n"], ids=repr)
def test_labels_txt_that_contradicts_the_manifest_is_refused(
    bundle: Path, run_cli, refuses, text: str
) -> None:
    place = bundle.parent / "device"
    assert run_cli("runtime", "install", bundle, place).returncode == 0
    (bundle / "labels.txt").write_text(text)
    for words in (("verify", bundle), ("info", bundle), ("install", bundle, place)):
        refuses(run_cli("runtime", *words), 2, "labels.txt", "2 labels of the manifest")
    assert (place / "labels.txt").read_text() == "mono\npoly\n"
    (bundle / "labels.txt").write_bytes(b"mono\r\npoly\r\n")
    assert run_cli("runtime", "verify", bundle).returncode == 0


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda sample: sample.update(label="third"), "label 'third'"),
        (lambda sample: sample.update(label="x" * 100_000), "at most 1000 characters"),
        (lambda sample: sample.update(file="a\0b"), "without NUL"),
        (lambda sample: sample.update(sha256="x"), "64 hex digits"),
        (lambda sample: sample["scores"].update({"model.keras": [1.0]}), "expected 2 scores"),
    ],
)
def test_a_golden_sample_that_does_not_hold_up_is_refused(
    bundle: Path, edit_json: Edit, run_cli, refuses, change, reason: str
) -> None:
    edit_json(bundle / "golden/golden.json", lambda data: change(data["samples"][0]))
    refuses(run_cli("runtime", "verify", bundle), 2, "golden.json", reason)


def test_a_run_folder_says_where_its_exported_models_are(
    run_copy: Path, exported: Path, run_cli
) -> None:
    for words in (("predict", run_copy, "x.jpg"), ("verify", run_copy)):
        assert "make one with: python -m export tflite RUN" in run_cli("runtime", *words).stderr
    shutil.copytree(exported, run_copy / "bundle")
    for words in (("predict", run_copy, "x.jpg"), ("verify", run_copy)):
        done = run_cli("runtime", *words)
        assert (done.returncode, done.stdout) == (2, "")
        assert (
            done.stderr == f"python -m runtime: {run_copy}: holds no exported model; "
            f"they are in {run_copy / 'bundle'}\n"
        )


def test_each_answer_as_json_says_which_bundle_gave_it(make_bundle, run_cli) -> None:
    bundle = make_bundle("fruit")
    done = run_cli("runtime", "predict", bundle, bundle / "golden/00.png", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["bundle_id"] == Bundle.open(bundle).id


@pytest.mark.parametrize("damage", ["cut", "lost", "another"])
def test_pixels_that_are_not_those_of_a_golden_image_are_refused(
    exported: Path, tmp_path: Path, run_cli, damage: str
) -> None:
    bundle = shutil.copytree(exported, tmp_path / "bundle")
    first, second, *_ = sorted((bundle / "golden" / "pixels").iterdir())
    if damage == "cut":
        first.write_bytes(first.read_bytes()[:99])
    elif damage == "lost":
        first.unlink()
    else:
        shutil.copyfile(second, first)
    for command in (("verify", bundle), ("install", bundle, tmp_path / "place")):
        done = run_cli("runtime", *command)
        assert done.returncode == 2
        assert f"{first.name}: missing, or not the pixels" in done.stderr
    assert not (tmp_path / "place").exists()
