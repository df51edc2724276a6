"""Tests what a text opens, and folders, patterns and standard input (FAULTS R16, R21)."""

import io
import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from runtime.errors import ImageRefused, InputRefused, MachineError
from runtime.sources.base import SOURCES, Frame, open_source


@pytest.mark.parametrize(
    ("text", "kind", "name", "live"),
    [
        ("x.jpg", "image", "x.jpg", False),
        ("no-such-thing", "image", "no-such-thing", False),
        ("clip.MP4", "clip", "clip.MP4", False),
        ("folder", "folder", "folder", False),
        ("*.jpg", "glob", "*.jpg", False),
        ("real[1].jpg", "image", "real[1].jpg", False),
        ("-", "-", "standard input", False),
        ("camera:0", "camera", "camera:0", True),
        ("camera:/dev/video2", "camera", "camera:/dev/video2", True),
        ("picamera2", "picamera2", "picamera2", True),
        ("picamera2:1", "picamera2", "picamera2:1", True),
        ("http://a/b", "http", "http://a/b", True),
        ("HTTPS://me:secret@a/b?c=me", "https", "HTTPS://a/b?c=me", True),
        ("rtsp://me:p@ss@a:554/b", "rtsp", "rtsp://a:554/b", True),
    ],
)
def test_text_opens_its_kind_of_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, kind: str, name: str, live: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("real[1].jpg").touch()
    source = open_source(text)
    assert source.source_type is SOURCES[kind]
    assert (source.name, source.live) == (name, live)


def test_unknown_scheme_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputRefused, match="htp: no such kind of address.*did you mean 'http'"):
        open_source("htp://a/b")


def test_folder_and_pattern_give_their_files_by_the_bytes_of_their_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("b.jpg", "B.jpg", "a10.jpg", "a2.jpg", "é.jpg", "sub/c.jpg", "other.txt"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()
    assert [str(path) for path in open_source("*.jpg").paths()] == [
        "B.jpg",
        "a10.jpg",
        "a2.jpg",
        "b.jpg",
        "é.jpg",
    ]
    assert "sub/c.jpg" in [str(path) for path in open_source("**/*.jpg").paths()]
    assert [path.name for path in open_source(".").paths()] == [
        "B.jpg",
        "a10.jpg",
        "a2.jpg",
        "b.jpg",
        "other.txt",
        "c.jpg",
        "é.jpg",
    ]


def test_empty_folder_and_pattern_without_match_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="holds no files"):
        list(open_source(str(tmp_path)).paths())
    with pytest.raises(InputRefused, match="matches no files"):
        list(open_source(f"{tmp_path}/*.jpg").paths())


def test_frames_of_files_are_images_or_refusals_and_odd_files_block_nothing(
    tmp_path: Path, with_oddities
) -> None:
    folder = with_oddities(tmp_path / "odd")
    Image.new("RGB", (3, 2), "red").save(folder / os.fsdecode(b"good-\xe9.png"))
    arrivals = list(open_source(str(folder)).frames())
    (good,) = [arrival for arrival in arrivals if isinstance(arrival, Frame)]
    assert os.fsencode(good.name) == os.fsencode(folder) + b"/good-\xe9.png"
    assert good.image.tobytes() == bytes([255, 0, 0] * 6)
    assert len([arrival for arrival in arrivals if isinstance(arrival, ImageRefused)]) == 10


def test_missing_package_is_reported_with_the_source_that_needs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    monkeypatch.delitem(sys.modules, "runtime.sources.clip", raising=False)
    with pytest.raises(MachineError, match=r"^clip.mp4: needs the package 'av'.*'\.\[video\]'"):
        list(open_source("clip.mp4").frames())


def paths_from_input(monkeypatch: pytest.MonkeyPatch, content: bytes) -> list[str]:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    return [str(path) for path in open_source("-").paths()]


def test_standard_input_has_one_path_per_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "1.jpg").touch()
    assert paths_from_input(
        monkeypatch, b"a b.jpg\r\n\n  c.jpg\nlatin-\xe9.jpg\n" + os.fsencode(tmp_path)
    ) == [
        "a b.jpg",
        "  c.jpg",
        os.fsdecode(b"latin-\xe9.jpg"),
        str(tmp_path / "1.jpg"),
    ]
    assert paths_from_input(monkeypatch, b"") == []
    with pytest.raises(InputRefused, match="a line over 65536 bytes"):
        paths_from_input(monkeypatch, b"x" * 10**6)


@pytest.mark.parametrize(
    "text", ["http://[::1", "https://me:secret@[::1/", "rtsp://me:secret@\u2100/x"], ids=ascii
)
def test_invalid_address_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(
        InputRefused, match=r"(http|https|rtsp)://\.\.\.: not a valid address"
    ) as refusal:
        open_source(text)
    assert "secret" not in str(refusal.value)
