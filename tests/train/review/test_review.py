"""Tests what the page of a review shows, and how much of it."""

import csv
from pathlib import Path

import pytest

from runtime.images.preprocessing import Preprocessing
from train.data.dataset import Dataset
from train.data.image_folder import scan_image_folder
from train.review.review import MAX_SHOWN, ImageFinding, Review, write_review

PHOTO = "mono/cell0001.png"


@pytest.fixture
def write(cells: Path, tmp_path: Path):
    """Writes the page of a review of `cells`; returns its text."""

    def make(review: Review, findings: tuple[str, ...] = ()) -> str:
        write_review(
            tmp_path / "page.html",
            review,
            scan_image_folder(cells),
            Dataset(cells, ("mono", "poly"), ()),
            Preprocessing(32, 32),
            findings=findings,
            counts={"mono": {"train": 41, "val": 42, "test": 43, "refused": 44}},
            command="the command",
        )
        return (tmp_path / "page.html").read_text()

    return make


def _labels(count: int, kind: str = "label") -> tuple[ImageFinding, ...]:
    return tuple(
        ImageFinding(kind, PHOTO, "mono", "train", n / 1000, f"class {n}.", f"command {n}.")
        for n in range(count)
    )


def test_worst_are_shown_and_the_rest_is_counted_and_in_the_table(write, tmp_path: Path) -> None:
    labels = (*_labels(MAX_SHOWN + 7), *_labels(9, "label fits"))
    text = write(Review(labels, (), ()))
    assert text.count('<div class="card">') == text.count("data:image/jpeg") == MAX_SHOWN
    assert f"command {MAX_SHOWN - 1}." in text
    assert f"command {MAX_SHOWN}." not in text
    assert "7 more are in page.csv" in text
    assert f"{MAX_SHOWN + 7} of {MAX_SHOWN + 16} training and validation\nimages" in text
    with (tmp_path / "page.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(labels)
    assert rows[MAX_SHOWN]["fix_command"] == f"command {MAX_SHOWN}."


def test_image_that_is_gone_is_listed_without_a_thumbnail(write) -> None:
    gone = ImageFinding("dark", "mono/gone.png", "mono", "val", 12.0, fix_command="move it")
    text = write(Review((), (gone,), ("labels were not reviewed: why",)), ("a finding",))
    assert "<img" not in text
    for words in ("mono/gone.png", "move it", "labels were not reviewed: why", "a finding"):
        assert words in text
    assert "training and validation" not in text
    assert "<td>41<td>42<td>43" in text
