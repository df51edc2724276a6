"""Tests that verify names the stage that differs, and refuses invalid golden images."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime.bundles.bundle import Bundle
from runtime.bundles.golden_images import GoldenImage, read_golden, write_golden
from runtime.deployment.verification import Verification, verify
from runtime.errors import InputRefused
from runtime.images.preprocessing import resize
from runtime.system.hashing import sha256_of

INT8 = "model.int8.tflite"
Edit = Callable[[Path, Callable[[dict], object]], None]


def verified(path: Path, file: str = INT8) -> Verification:
    bundle = Bundle.open(path)
    return verify(
        bundle, next(artifact for artifact in bundle.manifest.artifacts if artifact.file == file)
    )


def first(data: dict) -> dict:
    return data["samples"][0]


@pytest.mark.parametrize("file", [INT8, "model.fp32.onnx"])
def test_untouched_bundle_passes(exported: Path, file: str) -> None:
    result = verified(exported, file)
    assert result.passed
    assert (result.stage, result.details, result.same_top1) == ("", (), 1)
    assert result.images == len(list((exported / "golden").glob("*.png"))) >= 10
    assert result.worst_score_difference < 1e-6


def test_changed_file_is_the_stage_file(bundle: Path) -> None:
    image = sorted((bundle / "golden").glob("*.png"))[0]
    image.write_bytes(image.read_bytes() + b"\0")
    result = verified(bundle)
    assert (result.stage, result.details, result.passed) == ("file", (image.name,), False)


def test_changed_file_that_no_longer_decodes_is_the_stage_file_too(bundle: Path) -> None:
    image = sorted((bundle / "golden").glob("*.png"))[0]
    image.write_bytes(image.read_bytes()[:2000])
    result = verified(bundle)
    assert (result.stage, result.details) == ("file", (image.name,))


def test_file_that_does_not_decode_here_is_the_stage_decode(bundle: Path, edit_json: Edit) -> None:
    """As where this machine's Pillow lacks a codec that the workstation's had."""
    image = sorted((bundle / "golden").glob("*.png"))[0]
    image.write_bytes(b"\x97JB2")
    edit_json(
        bundle / "golden/golden.json", lambda data: first(data).update(sha256=_sha(b"\x97JB2"))
    )
    result = verified(bundle)
    assert (result.stage, result.details) == ("decode", (image.name,))


def _sha(content: bytes) -> str:
    from hashlib import sha256

    return sha256(content).hexdigest()


@pytest.mark.parametrize(
    ("field", "stage"),
    [("sha256", "file"), ("decoded_sha256", "decode"), ("pixels_sha256", "resize")],
)
def test_digest_that_differs_names_its_stage(
    bundle: Path, edit_json: Edit, field: str, stage: str
) -> None:
    edit_json(bundle / "golden/golden.json", lambda data: first(data).update({field: "0" * 64}))
    result = verified(bundle)
    assert (result.stage, len(result.details), result.passed) == (stage, 1, False)


@pytest.mark.parametrize(
    ("file", "small", "large"), [(INT8, 0.003, 0.005), ("model.fp32.onnx", 0.00009, 0.00011)]
)
def test_scores_may_differ_by_the_processor_but_no_more(
    bundle: Path, edit_json: Edit, file: str, small: float, large: float
) -> None:
    original = (bundle / "golden/golden.json").read_text()
    for shift, stage in ((small, ""), (large, "model"), (-large, "model")):
        (bundle / "golden/golden.json").write_text(original)
        edit_json(
            bundle / "golden/golden.json",
            lambda data, shift=shift: _shift(first(data)["scores"][file], shift),
        )
        result = verified(bundle, file)
        assert result.stage == stage
        assert result.worst_score_difference == pytest.approx(abs(shift), rel=0.05)


def _shift(scores: list[float], shift: float) -> None:
    scores[0] += shift


def test_another_top1_counts(bundle: Path, edit_json: Edit) -> None:
    edit_json(bundle / "golden/golden.json", lambda data: first(data)["scores"][INT8].reverse())
    result = verified(bundle)
    assert result.stage == "model"
    assert result.same_top1 == 1 - 1 / result.images


def test_first_stage_wins_and_its_images_are_named(bundle: Path, edit_json: Edit) -> None:
    def change(data: dict) -> None:
        data["samples"][0]["pixels_sha256"] = "0" * 64
        data["samples"][1]["decoded_sha256"] = "0" * 64
        data["samples"][3]["decoded_sha256"] = "0" * 64

    edit_json(bundle / "golden/golden.json", change)
    names = [sample.file for sample in read_golden(bundle)]
    result = verified(bundle)
    assert (result.stage, result.details) == ("decode", (names[1], names[3]))


def test_other_resizing_is_found(bundle: Path, edit_json: Edit) -> None:
    """The pixels recorded are those of another resizer, as they are where two resizers differ."""
    preprocessing = replace(Bundle.open(bundle).manifest.preprocessing, fit="pad")

    def record(data: dict) -> None:
        for sample in data["samples"]:
            with Image.open(bundle / "golden" / sample["file"]) as image:
                wide = image.convert("RGB").resize((400, 300))
            file = BytesIO()
            wide.save(file, "PNG")
            (bundle / "golden" / sample["file"]).write_bytes(file.getvalue())
            sample.update(
                sha256=sha256_of(file.getvalue()),
                decoded_sha256=sha256_of(wide),
                pixels_sha256=sha256_of(resize(wide, preprocessing)),
            )

    edit_json(bundle / "golden/golden.json", record)
    assert verified(bundle).stage == "resize"


def test_model_with_other_weights_is_the_stage_model(bundle: Path, edit_json: Edit) -> None:
    """Weights changed and the manifest's sha256 with them: only the golden scores can tell."""
    import onnx
    from onnx import numpy_helper

    path = bundle / "model.fp32.onnx"
    model = onnx.load(path)
    weights = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
    weights.CopyFrom(
        numpy_helper.from_array(numpy_helper.to_array(weights) * np.float32(1.5), weights.name)
    )
    path.write_bytes(model.SerializeToString())

    def change(data: dict) -> None:
        del data["provenance"]["crc32"]
        (row,) = (row for row in data["artifacts"] if row["file"] == path.name)
        row["sha256"] = _sha(path.read_bytes())

    edit_json(bundle / "manifest.json", change)
    result = verified(bundle, "model.fp32.onnx")
    assert result.stage == "model"
    assert len(result.details) > 0


HOSTILE = {
    "scores are texts": lambda data: first(data)["scores"].update({INT8: ["x", "y"]}),
    "scores are null": lambda data: first(data)["scores"].update({INT8: [None, None]}),
    "scores are nested": lambda data: first(data)["scores"].update({INT8: [[1, 0], [0, 1]]}),
    "scores are ragged": lambda data: first(data)["scores"].update({INT8: [1, [2, 3]]}),
    "scores are NaN": lambda data: first(data)["scores"].update({INT8: [float("nan"), 0.5]}),
    "scores are infinite": lambda data: first(data)["scores"].update({INT8: [float("inf"), 0.5]}),
    "scores are huge": lambda data: first(data)["scores"].update({INT8: [10**400, 0]}),
    "scores are an object": lambda data: first(data)["scores"].update({INT8: {"a": 1}}),
    "scores are too many": lambda data: first(data)["scores"].update({INT8: [0.1, 0.2, 0.7]}),
    "scores are missing": lambda data: first(data)["scores"].pop(INT8),
    "all scores are a list": lambda data: first(data).update(scores=[]),
    "file is above": lambda data: first(data).update(file="../manifest.json"),
    "file is absolute": lambda data: first(data).update(file="/etc/passwd"),
    "file is the parent": lambda data: first(data).update(file=".."),
    "file is empty": lambda data: first(data).update(file=""),
    "file is a number": lambda data: first(data).update(file=5),
    "file holds a NUL": lambda data: first(data).update(file="a\0b"),
    "file is missing": lambda data: first(data).update(file="missing.png"),
    "digest is a number": lambda data: first(data).update(sha256=5),
    "label is a list": lambda data: first(data).update(label=[]),
    "unknown field": lambda data: first(data).update(surprise=1),
    "missing field": lambda data: first(data).pop("pixels_sha256"),
    "sample is a text": lambda data: data.update(samples=["x"]),
    "samples is an object": lambda data: data.update(samples={}),
    "no samples": lambda data: data.update(samples=[]),
    "another schema": lambda data: data.update(schema=2),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_samples_that_do_not_hold_up_are_refused_by_name(
    bundle: Path, edit_json: Edit, case: str
) -> None:
    edit_json(bundle / "golden/golden.json", HOSTILE[case])
    with pytest.raises(InputRefused, match="golden") as refusal:
        verified(bundle)
    assert str(bundle / "golden") in refusal.value.thing


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "[" * 100_000], ids=lambda text: repr(text[:5])
)
def test_golden_json_that_is_none_is_refused_by_name(bundle: Path, text: str) -> None:
    (bundle / "golden/golden.json").write_text(text)
    with pytest.raises(InputRefused, match=r"golden\.json: not usable golden images"):
        verified(bundle)


def test_bundle_without_golden_images_is_refused(bundle: Path) -> None:
    shutil.rmtree(bundle / "golden")
    with pytest.raises(InputRefused, match="golden: has no golden images"):
        verified(bundle)


def test_samples_survive_writing_and_reading(tmp_path: Path) -> None:
    (tmp_path / "golden").mkdir()
    sample = GoldenImage("a.png", "猫", "0" * 64, "1" * 64, "2" * 64, {"m.onnx": [0.125, 1 / 3]})
    write_golden(tmp_path / "golden", (sample,))
    assert read_golden(tmp_path) == (sample,)
    assert json.loads((tmp_path / "golden/golden.json").read_text())["schema"] == 1
