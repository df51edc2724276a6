"""The report explains each mistake by the file that made it."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from export.report.flipped_images import FlippedAnswer, FlippedImage
from export.report.heat_maps import MAX_OCCLUSION_MAPS, heat_maps

FILES = ("model.int8.tflite", "model.fp32.onnx")


def flips(opened, *answers: tuple[str, str], count: int = 1) -> list[FlippedImage]:
    shown = tuple(FlippedAnswer(file, label, 0.6) for file, label in answers)
    return [
        FlippedImage(image.path, image.label, image.label, 0.6, shown)
        for image in opened.split("test")[:count]
    ]


def test_map_is_that_of_the_first_answer(opened, exported: Path) -> None:
    models = {file: exported / file for file in FILES}
    (image,) = flips(opened, (FILES[0], "mono"))
    mono, poly, float_mono = (
        heat_maps(opened, flips(opened, *answers), models, 64)[image.image]
        for answers in (
            [(FILES[0], "mono"), (FILES[1], "poly")],
            [(FILES[0], "poly")],
            [(FILES[1], "mono")],
        )
    )
    assert len({mono, poly, float_mono}) == 3
    assert mono == heat_maps(opened, [image], models, 64)[image.image]


@pytest.mark.parametrize("answer", [("model.fp32.tflite", "mono"), (FILES[0], "no class")])
def test_an_answer_without_its_file_or_label_has_none(opened, exported: Path, answer) -> None:
    models = {FILES[0]: exported / FILES[0]}
    assert heat_maps(opened, flips(opened, answer), models, 64) == {}


def test_an_image_that_is_gone_has_none(opened, exported: Path, tmp_path: Path) -> None:
    gone = replace(opened, data=tmp_path)
    models = {FILES[0]: exported / FILES[0]}
    assert heat_maps(gone, flips(opened, (FILES[0], "mono")), models, 64) == {}
    first = opened.split("test")[0]
    (tmp_path / first.path).parent.mkdir(parents=True)
    shutil.copy(opened.data / first.path, tmp_path / first.path)
    assert len(heat_maps(gone, flips(opened, (FILES[0], "mono"), count=2), models, 64)) == 1


def test_slow_maps_are_few(opened, exported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report of a large model without a linear head would take minutes longer."""
    monkeypatch.setattr("runtime.explanation.explainer.open_linear_head", lambda *_: None)
    shown = flips(opened, (FILES[0], "mono"), count=MAX_OCCLUSION_MAPS + 3)
    assert len(shown) > MAX_OCCLUSION_MAPS
    maps = heat_maps(opened, shown, {FILES[0]: exported / FILES[0]}, 64)
    assert list(maps) == [flip.image for flip in shown[:MAX_OCCLUSION_MAPS]]
