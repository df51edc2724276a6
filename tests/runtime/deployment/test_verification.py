"""Tests by how much each stage differs, the model by itself, and bundles without pixels."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from runtime.bundles.bundle import Bundle
from runtime.commands import verify as command
from runtime.deployment import golden_check
from runtime.deployment.verification import Difference, Verification, verify
from runtime.errors import InputRefused
from runtime.images.preprocessing import Preprocessing, resize
from runtime.system import machine
from runtime.system.hashing import crc32_of, sha256_of

MakeBundle = Callable[..., Path]


@pytest.fixture
def fruit(make_bundle: MakeBundle) -> Path:
    return make_bundle("fruit")


def verified(path: Path) -> Verification:
    bundle = Bundle.open(path)
    return verify(bundle, bundle.manifest.artifacts[0])


def brighter(image: Image.Image, preprocessing: Preprocessing) -> np.ndarray:
    """Each level 3 higher, which no level here is too high for."""
    return resize(image, preprocessing) + np.uint8(3)


def test_as_exported_nothing_differs(fruit: Path) -> None:
    assert verified(fruit) == Verification("small.onnx", 2, 0.0, 0.0, 1.0, ())


def test_other_resizer_is_measured_in_levels_and_the_model_is_cleared(
    fruit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(golden_check, "resize", brighter)
    result = verified(fruit)
    assert result.differences == (Difference("resize", ("00.png", "01.png"), 3.0, 3.0),)
    assert result.worst_score_difference == pytest.approx(3 / 255, abs=1e-5)
    assert result.mean_score_difference == pytest.approx(3 / 255, abs=1e-5)


def test_other_decoder_is_measured_in_levels(fruit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Preprocessing.decode
    monkeypatch.setattr(
        Preprocessing,
        "decode",
        lambda *arguments: ImageEnhance.Brightness(real(*arguments)).enhance(0.5),
    )
    (difference,) = verified(fruit).differences
    assert (difference.stage, len(difference.image_names)) == ("decode", 2)
    assert difference.mean is not None
    assert difference.worst is not None
    assert 20 < difference.mean < 60 < difference.worst <= 125


def test_other_model_is_measured_in_scores(fruit: Path, edit_json) -> None:
    def shift(data: dict) -> None:
        scores = data["samples"][0]["scores"]["small.onnx"]
        scores[0] += 0.3

    edit_json(fruit / "golden/golden.json", shift)
    (difference,) = verified(fruit).differences
    assert (difference.stage, difference.image_names) == ("model", ("00.png",))
    assert difference.worst == pytest.approx(0.3)
    assert difference.mean == pytest.approx(0.1)


def test_resizer_and_model_are_told_apart_where_both_differ(
    fruit: Path, edit_json, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit_json(
        fruit / "golden/golden.json",
        lambda data: data["samples"][1]["scores"].update({"small.onnx": [0.9, 0.1, 0.1]}),
    )
    monkeypatch.setattr(golden_check, "resize", brighter)
    differences = verified(fruit).differences
    stages = {difference.stage: difference.image_names for difference in differences}
    assert stages == {"resize": ("00.png", "01.png"), "model": ("01.png",)}


def test_changed_image_is_measured_in_levels_too(fruit: Path) -> None:
    path = fruit / "golden/00.png"
    Image.fromarray(np.asarray(Image.open(path)) + np.uint8(2)).save(path)
    assert verified(fruit).differences == (Difference("file", ("00.png",), 2.0, 2.0),)


@pytest.mark.parametrize("damage", ["absent", "of another image", "no image"])
def test_bundle_without_usable_pixels_names_the_stage_and_no_figure(
    fruit: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    for file in (fruit / "golden/pixels").iterdir():
        if damage == "absent":
            file.unlink()
        else:
            Image.new("RGB", (8, 8)).save(file)
            file.write_bytes(file.read_bytes() if damage == "of another image" else b"x")
    assert verified(fruit).passed
    monkeypatch.setattr(golden_check, "resize", brighter)
    assert verified(fruit).differences == (Difference("resize", ("00.png", "01.png"), None, None),)


def test_image_that_does_not_decode_here_has_no_figure_and_the_model_is_judged(
    fruit: Path, edit_json
) -> None:
    (fruit / "golden/00.png").write_bytes(b"x")
    edit_json(
        fruit / "golden/golden.json", lambda data: data["samples"][0].update(sha256=sha256_of(b"x"))
    )
    result = verified(fruit)
    assert result.differences == (Difference("decode", ("00.png",), None, None),)
    assert result.same_top1 == 0.5


def test_command_says_stage_amount_and_what_to_do(fruit: Path, run_cli, edit_json) -> None:
    path = fruit / "golden/00.png"
    Image.fromarray(np.asarray(Image.open(path)) + np.uint8(2)).save(path)
    edit_json(
        fruit / "golden/golden.json",
        lambda data: data["samples"][1]["scores"].update({"small.onnx": [0.9, 0.1, 0.1]}),
    )
    done = run_cli("runtime", "verify", fruit)
    assert (done.returncode, done.stderr) == (3, "")
    first, file, model = done.stdout.splitlines()
    assert "DIFFERS at the stage 'file' on 1: 00.png" in first
    amount = "pixels at the model's input differ by 2 on average, at most 2 of 255"
    assert file == f"  file: 1 image, {amount}; changed since export: copy the bundle again"
    assert model.startswith("  model: 1 image, scores differ by ")
    assert model.endswith(f"python -m runtime doctor {fruit}")
    record = json.loads(run_cli("runtime", "verify", fruit, "--json").stdout)
    assert (record["stage"], record["details"], record["passed"], record["bundle_id"]) == (
        "file",
        ["00.png"],
        False,
        Bundle.open(fruit).id,
    )
    assert [difference["stage"] for difference in record["differences"]] == ["file", "model"]


def test_processor_files_that_are_hidden_are_mentioned(
    fruit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    root = tmp_path / "root"
    monkeypatch.setattr(command, "missing_cpu_files", lambda: machine.missing_cpu_files(root))
    (root / "proc").mkdir(parents=True)
    assert command.main([str(fruit)]) == 0
    assert "/sys/devices/system/cpu/possible: not found" in capsys.readouterr().err


def test_id_is_that_of_the_manifest_file(make_bundle: MakeBundle, fruit: Path) -> None:
    bundle = Bundle.open(fruit)
    assert bundle.id == sha256_of((fruit / "manifest.json").read_bytes())[:12]
    assert Bundle.open(Path(shutil.copytree(fruit, fruit.with_name("copy")))).id == bundle.id
    assert Bundle.open(make_bundle("other", factor=0.5)).id != bundle.id


def test_verify_checks_the_sha256_where_the_crc32_agrees(fruit: Path, edit_json) -> None:
    model = fruit / "small.onnx"
    model.write_bytes(model.read_bytes() + b"\0")
    checksums = {"small.onnx": crc32_of(model.read_bytes())}
    edit_json(fruit / "manifest.json", lambda data: data["provenance"].update(crc32=checksums))
    with pytest.raises(InputRefused, match="its sha256 differs"):
        verified(fruit)
