"""Tests that the texts behind a model are read, whatever wrote the archive."""

import random
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from runtime.file_formats.appended_zip import MAX_TEXT_BYTES, texts_in_tail

TEXTS = {"labels.txt": "cat\ndog\n", "quince.json": '{"name": "Größe"}', "empty": ""}


def archive(
    texts: dict[str, str],
    before: bytes = b"TFL3" * 100,
    method: int = zipfile.ZIP_STORED,
    comment: bytes = b"",
) -> bytes:
    tail = BytesIO()
    with zipfile.ZipFile(tail, "w", method) as file:
        file.comment = comment
        for name, text in texts.items():
            file.writestr(name, text.encode())
    return before + tail.getvalue()


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("comment", [b"", b"made elsewhere"])
@pytest.mark.parametrize("names", [TEXTS, {"größe.txt": "x"}, {}])
def test_texts_come_back(method: int, comment: bytes, names: dict[str, str]) -> None:
    assert texts_in_tail(archive(names, method=method, comment=comment)) == names


def test_a_file_appended_to_by_a_tool_is_read(tmp_path) -> None:
    """Its offsets then count from the start of the whole file, not of the archive."""
    file = tmp_path / "model.tflite"
    file.write_bytes(b"TFL3" * 100)
    with zipfile.ZipFile(file, "a") as added:
        added.writestr("labels.txt", "cat")
    assert texts_in_tail(file.read_bytes()) == {"labels.txt": "cat"}


def test_no_archive_is_no_texts() -> None:
    assert texts_in_tail(b"") == texts_in_tail(b"TFL3" * 1000) == texts_in_tail(b"PK\5\6") == {}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_over_eight_megabytes_are_not_read(method: int) -> None:
    half = "x" * (MAX_TEXT_BYTES // 2)
    assert len(texts_in_tail(archive({"a": half, "b": half}, method=method))) == 2
    assert texts_in_tail(archive({"a": half, "b": half, "c": "x"}, method=method)) == {}


def test_no_damaged_text_is_returned() -> None:
    """A damaged date or version does not matter here, and a damaged name is a name."""
    whole, draw = archive(TEXTS), random.Random(4)
    read_here = 0
    for _ in range(3000):
        content = bytearray(whole)
        for _ in range(draw.randint(1, 3)):
            content[draw.randrange(400, len(content))] = draw.randrange(256)
        damaged = bytes(content[: draw.choice([len(content), draw.randrange(400, len(content))])])
        found = texts_in_tail(damaged)
        assert set(found.values()) <= set(TEXTS.values())
        read_here += bool(found)
    assert read_here > 100


def test_what_export_wrote_needs_no_zipfile(exported: Path) -> None:
    script = (
        "import sys; from runtime.classifier import Classifier; Classifier(sys.argv[1]);"
        " print('zipfile' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, exported / "model.int8.tflite"],
        capture_output=True,
        text=True,
    )
    assert done.stdout == "False\n", done.stderr
