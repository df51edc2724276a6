"""The report is one reproducible file that shows hostile labels as text (FAULTS T10, W8)."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from export.parity.artifact_record import ArtifactRecord
from export.report.report import render
from runtime.shared.parity import LabelChange

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def models(exported: Path) -> dict[str, Path]:
    return {path.name: path for path in exported.glob("model.*")}


def with_flips(
    records: dict[str, ArtifactRecord], flips: tuple[LabelChange, ...]
) -> dict[str, ArtifactRecord]:
    return {
        file: replace(record, parity=replace(record.parity, flips=flips))
        for file, record in records.items()
    }


def test_needs_no_other_file_and_no_script(exported: Path) -> None:
    page = (exported / "report.html").read_text()
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert not re.findall(r"url\((?!#)|@import|<script", page)
    for artifact in ("model.int8.tflite", "model.fp32.onnx"):
        assert artifact in page


def test_tells_what_was_measured_of_each_artifact(
    exported: Path, opened, records, elements
) -> None:
    text = elements((exported / "report.html").read_text()).text
    for file, record in records.items():
        assert file in text
        parity = record.parity
        for figure in (
            parity.candidate_accuracy,
            parity.agreement,
            parity.mean_score_error,
        ):
            assert f"{figure:.4f}" in text
        assert f"{100 * parity.drop_low:+.2f} to {100 * parity.drop_high:+.2f}" in text
        assert f"python -m export {file.split('.')[-1]} " in text
    assert "Error of each layer" in text
    assert "conv1" in text
    assert all(label in text for label in opened.manifest.labels)
    assert "keras 3." in text


def test_same_records_give_the_same_bytes(opened, records, sets, models) -> None:
    assert render(opened, records, sets, models) == render(opened, records, sets, models)


def test_shows_labels_and_file_names_as_text(opened, records, sets, models, elements) -> None:
    before = elements(render(opened, records, sets, models)).tags.count("img")
    flip = LabelChange(HOSTILE, HOSTILE, HOSTILE, 0.9, HOSTILE, 0.8)
    records = {
        file: replace(
            record,
            parity=replace(record.parity, flips=(flip,), worst_class=HOSTILE),
            command=f"python -m export tflite '{HOSTILE}'",
            reasons=(HOSTILE,),
            doubts=(HOSTILE,),
            warnings=(HOSTILE,),
            layers=tuple(
                replace(error, layer=HOSTILE, input_layer=HOSTILE) for error in record.layers
            ),
        )
        for file, record in records.items()
    }
    for calibration_set in sets.values():
        calibration_set["classes"] = {HOSTILE: calibration_set["count"]}
        calibration_set["doubts"] = [HOSTILE]
        calibration_set["images"] = [
            {**image, "label": HOSTILE} for image in calibration_set["images"]
        ]
        calibration_set["stability"]["worst_layer"] = HOSTILE
    page = render(
        replace(opened, manifest=replace(opened.manifest, name=HOSTILE)), records, sets, models
    )
    assert HOSTILE not in page
    shown = elements(page)
    assert shown.tags.count("img") <= before + 4, "no more images than the calibration sheet's"
    assert shown.text.count(HOSTILE) >= 20


def test_a_flipped_image_is_shown_once_with_the_answer_of_each_artifact(
    opened, records, sets, models
) -> None:
    image = opened.split("test")[0]
    other_label = next(label for label in opened.manifest.labels if label != image.label)
    flip = LabelChange(image.path, image.label, image.label, 0.61, other_label, 0.57)
    records = with_flips(records, (flip,))
    page = render(opened, records, sets, models)
    assert page.count(f'<div class="path">{image.path}</div>') == 1
    card = page.split('<div class="card">')[1].split('class="path"')[0]
    assert card.count("data:image/jpeg") == 5, "the image, its heat map and three training images"
    assert re.findall(r"<dt>(.*?)</dt>", card) == [
        "label",
        "Keras",
        *(file.removeprefix("model.") for file in records),
    ]
    assert (card.count("✓"), card.count("✗")) == (1, len(records))


def test_images_that_are_gone_are_left_out(opened, records, sets, models, tmp_path: Path) -> None:
    gone = replace(opened, data=tmp_path)
    assert "data:image" not in render(gone, records, sets, models)
    first = opened.split("train")[0]
    (tmp_path / first.path).parent.mkdir(parents=True)
    shutil.copy(opened.data / first.path, tmp_path / first.path)
    render(gone, records, sets, models)


def test_many_flips_many_classes_and_many_layers_are_cut_and_said(
    opened, records, sets, models
) -> None:
    labels = tuple(f"class {number}" for number in range(300))
    flips = tuple(LabelChange(f"{number}.jpg", "a", "b", 0.5, "c", 0.5) for number in range(500))
    records = with_flips(records, flips)
    int8 = records["model.int8.tflite"]
    records["model.int8.tflite"] = replace(int8, layers=int8.layers[:1] * 100)
    for calibration_set in sets.values():
        calibration_set["classes"] = dict.fromkeys(labels, 1)
    page = render(
        replace(opened, manifest=replace(opened.manifest, labels=labels)), records, sets, models
    )
    assert page.count('<div class="card">') == 48
    assert "500 in all, the first 48 of them shown" in page
    assert "80 more lose less than" in page
    assert "And 276 more classes" in page
    assert len(page) < 2_000_000
