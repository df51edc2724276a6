"""Measures images of no class with a real bundle, and refuses what is no folder of images."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from export.parity.artifact_record import read_records
from runtime.classifier import Classifier


@pytest.fixture
def strangers(tmp_path: Path) -> Path:
    """Makes stripes of strong colours, which no cell looks like."""
    folder = tmp_path / "strangers"
    (folder / "below").mkdir(parents=True)
    for number in range(12):
        rows = np.zeros((90, 120, 3), np.uint8)
        rows[:: number + 2] = (255, 20 * number, 0)
        Image.fromarray(rows).save(folder / ("below" if number % 2 else ".") / f"{number}.png")
    return folder


def test_each_image_gets_one_of_the_three_answers(bundle: Path, strangers: Path, run_cli) -> None:
    done = run_cli("export", "judge", bundle, "--strangers", strangers, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    classifier = Classifier(bundle, artifact=result["artifact"])
    answers = [classifier.classify(file) for file in sorted(strangers.rglob("*.png"))]
    verdicts = [answer.verdict for answer in answers]
    assert result["images"] == len(answers) == 12
    assert (result["unknown_images"], result["unsure_images"]) == (
        verdicts.count("unknown"),
        verdicts.count("unsure"),
    )
    assert sum(result["predicted_counts"].values()) == verdicts.count("known")
    assert result["unknown_low"] <= result["unknown_images"] / 12 <= result["unknown_high"]
    record = read_records(bundle)[result["artifact"]].similarity_figures
    assert record is not None
    pairs = [
        (known > answer.similarity) + (known == answer.similarity) / 2
        for known in record.known
        for answer in answers
    ]
    assert result["auroc"] == pytest.approx(np.mean(pairs))


def test_file_that_is_no_image_is_reported(bundle: Path, strangers: Path, run_cli) -> None:
    (strangers / "broken.jpg").write_bytes(b"not an image")
    done = run_cli("export", "judge", bundle, "--strangers", strangers)
    assert done.returncode == 2
    assert "broken.jpg" in done.stderr
    assert "12 images" in done.stdout
    classes = r"0 taken for a class$|[1-9]\d* taken for a class: .+ [1-9]"
    assert re.search(rf"^  \d+ unsure, ({classes})", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("content", [None, "", "text"])
def test_place_without_images_is_refused(
    bundle: Path, tmp_path: Path, run_cli, content: str | None
) -> None:
    folder = tmp_path / "place"
    if content is not None:
        folder.mkdir()
    if content:
        (folder / "notes.txt").write_text(content)
    done = run_cli("export", "judge", bundle, "--strangers", folder)
    assert done.returncode == 2
    assert str(folder) in done.stderr
    assert not done.stdout
