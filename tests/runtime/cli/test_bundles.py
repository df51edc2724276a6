"""Tests that predict and verify report a fault of a bundle or model file in one line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.cli.output import JSON_SCHEMA

INT8, FP32 = "model.int8.tflite", "model.fp32.onnx"
Edit = Callable[[Path, Callable[[dict], object]], None]
MakeModel = Callable[..., Path]


def damage_manifest(bundle: Path, edit_json: Edit) -> None:
    edit_json(
        bundle / "manifest.json", lambda data: data["artifacts"][0].update(file="../x.tflite")
    )


def add_a_label(bundle: Path, edit_json: Edit) -> None:
    edit_json(bundle / "manifest.json", lambda data: data["labels"].append("third"))


def drop_the_labels(bundle: Path, edit_json: Edit) -> None:
    edit_json(bundle / "manifest.json", lambda data: data.pop("labels"))


def flip_a_bit(bundle: Path, edit_json: Edit) -> None:
    content = bytearray((bundle / INT8).read_bytes())
    content[5000] ^= 4
    (bundle / INT8).write_bytes(content)


def zero_a_page(bundle: Path, edit_json: Edit) -> None:
    content = (bundle / INT8).read_bytes()
    (bundle / INT8).write_bytes(content[:4096] + bytes(4096) + content[8192:])


def remove_the_model(bundle: Path, edit_json: Edit) -> None:
    (bundle / INT8).unlink()


def remove_the_manifest(bundle: Path, edit_json: Edit) -> None:
    (bundle / "manifest.json").unlink()


def cut_the_golden_images(bundle: Path, edit_json: Edit) -> None:
    path = bundle / "golden/golden.json"
    path.write_text(path.read_text()[:700])


BUNDLE_FAULTS = [
    (damage_manifest, ["manifest.json", "plain file name", "../x.tflite"]),
    (add_a_label, [INT8, "2 outputs", "3 labels"]),
    (drop_the_labels, ["manifest.json", "labels"]),
    (flip_a_bit, [INT8, "CRC-32"]),
    (zero_a_page, [INT8, "CRC-32"]),
    (remove_the_model, [INT8, "no such file"]),
    (remove_the_manifest, ["no manifest.json"]),
]


@pytest.mark.parametrize(
    ("damage", "words"), BUNDLE_FAULTS, ids=lambda part: getattr(part, "__name__", "")
)
def test_damaged_bundle_is_refused_by_predict(
    bundle: Path, photo: Path, run_cli, refuses, edit_json: Edit, damage, words: list[str]
) -> None:
    damage(bundle, edit_json)
    done = run_cli("runtime", "predict", bundle, photo)
    refuses(done, 2, *words)
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("damage", "words"),
    [(flip_a_bit, [INT8, "sha256"]), (cut_the_golden_images, ["golden.json", "not valid JSON"])],
    ids=["model", "golden"],
)
def test_damaged_bundle_is_refused_by_verify(
    bundle: Path, run_cli, refuses, edit_json: Edit, damage, words: list[str]
) -> None:
    damage(bundle, edit_json)
    refuses(run_cli("runtime", "verify", bundle, "--artifact", INT8), 2, *words)


@pytest.mark.parametrize(
    "name",
    [
        "cut.tflite",
        "page.tflite",
        "html.onnx",
        "cut.onnx",
        "missing.onnx",
        "photo.tflite",
        "photo.png",
    ],
)
def test_file_that_is_no_model_is_refused(
    exported: Path, photo: Path, tmp_path: Path, run_cli, refuses, name: str
) -> None:
    tflite, onnx = (exported / INT8).read_bytes(), (exported / FP32).read_bytes()
    files = {
        "cut.tflite": tflite[: len(tflite) // 2],
        "page.tflite": b"\0" * 4096 + tflite[4096:],
        "html.onnx": b"<!DOCTYPE html>",
        "cut.onnx": onnx[: len(onnx) // 2],
        "photo.tflite": photo.read_bytes(),
        "photo.png": photo.read_bytes(),
    }
    if name in files:
        (tmp_path / name).write_bytes(files[name])
    refuses(run_cli("runtime", "predict", tmp_path / name, photo), 2, name)


def test_model_that_answers_nan_is_exit_3(
    onnx_model: MakeModel, photo: Path, run_cli, refuses
) -> None:
    done = run_cli("runtime", "predict", onnx_model(factor=float("nan")), photo)
    refuses(done, 3, "small.onnx", "NaN")
    assert done.stdout == ""


def test_verify_reports_each_artifact_as_json(exported: Path, run_cli) -> None:
    done = run_cli("runtime", "verify", exported, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [result["artifact"] for result in results] == [FP32, INT8]
    assert all(
        result["passed"] and result["stage"] == "" and result["schema"] == JSON_SCHEMA
        for result in results
    )


@pytest.mark.parametrize("field", ["sha256", "decoded_sha256"])
def test_verify_that_fails_names_the_stage_and_the_image_with_exit_3(
    bundle: Path, run_cli, edit_json: Edit, field: str
) -> None:
    stage = {"sha256": "file", "decoded_sha256": "decode"}[field]
    edit_json(
        bundle / "golden/golden.json", lambda data: data["samples"][0].update({field: "0" * 64})
    )
    done = run_cli("runtime", "verify", bundle)
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert "changed since export, in one of parity.json" in line
    assert done.stdout.count(f"DIFFERS at the stage '{stage}' on 1: 00-") == 2


def test_verify_finds_changed_records_although_everything_still_fits(
    bundle: Path, run_cli, refuses
) -> None:
    """Somebody may have written this machine's own answers into it."""
    (bundle / "parity.json").write_text((bundle / "parity.json").read_text() + " ")
    done = run_cli("runtime", "verify", bundle)
    assert done.stdout.count(": as exported") == 2
    refuses(done, 3, "parity.json", "copy the bundle again")


def test_verify_of_a_missing_artifact_is_refused(exported: Path, run_cli, refuses) -> None:
    refuses(
        run_cli("runtime", "verify", exported, "--artifact", "model.fp16.onnx"),
        2,
        "has no artifact model.fp16.onnx",
    )
