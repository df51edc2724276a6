"""Tests every frame of clips that PyAV made, and files that are not clips."""

import os
import shutil
import struct
from pathlib import Path

import pytest
from PIL import Image

from runtime.errors import ImageRefused, InputRefused, MachineError
from runtime.sources.base import Frame, open_source

av = pytest.importorskip("av")

UNROTATED = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
QUARTER_TURN = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)
"""Matrices of an MP4 track: unrotated, and rotated clockwise by 90 degrees, as phones write it."""


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve frames of 128x96, red below a blue band, each a little darker than the one before."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        stream.bit_rate = 2_000_000
        for number in range(12):
            image = Image.new("RGB", (128, 96), (250 - 10 * number, 0, 0))
            image.paste((0, 0, 250), (0, 0, 128, 24))
            container.mux(stream.encode(av.VideoFrame.from_image(image)))
        container.mux(stream.encode())
    return path


def frames(path: Path) -> list[Frame | ImageRefused]:
    return list(open_source(str(path)).frames())


def colour(frame: Frame, x: float, y: float) -> str:
    pixel = frame.image.getpixel((int(x * frame.image.width), int(y * frame.image.height)))
    return ("red", "green", "blue")[pixel.index(max(pixel))]  # type: ignore[union-attr, arg-type]


def test_every_frame_is_given_once_and_in_order(clip: Path) -> None:
    clip_frames = frames(clip)
    assert [frame.name for frame in clip_frames] == [f"{clip} #{number}" for number in range(1, 13)]
    reds = [frame.image.getpixel((64, 80))[0] for frame in clip_frames]
    assert reds == sorted(reds, reverse=True)
    assert reds[0] - reds[-1] > 80
    assert not open_source(str(clip)).live


def test_clip_of_an_upright_phone_is_rotated(clip: Path, tmp_path: Path) -> None:
    assert (colour(frames(clip)[0], 0.5, 0.1), colour(frames(clip)[0], 0.9, 0.9)) == ("blue", "red")
    # The first such matrix is the movie's, the last one the track's.
    before, matrix, after = clip.read_bytes().rpartition(UNROTATED)
    assert matrix
    rotated = tmp_path / "rotated.mp4"
    rotated.write_bytes(before + QUARTER_TURN + after)
    first = frames(rotated)[0]
    assert first.image.size == (96, 128)
    assert (colour(first, 0.9, 0.5), colour(first, 0.1, 0.5)) == ("blue", "red")


def test_damaged_packets_are_refused_and_the_others_yielded(clip: Path, tmp_path: Path) -> None:
    content = bytearray(clip.read_bytes())
    start = content.find(b"mdat") + 2000
    content[start : start + 400] = bytes(400)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(content)
    assert len([frame for frame in frames(damaged) if isinstance(frame, Frame)]) >= 5


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty file"),
        (b"hello\n" * 100, "not a clip"),
        (None, "No such file"),
        (b"#EXTM3U\n#EXTINF:1,\nx.ts\n", "not a clip"),
    ],
)
def test_file_that_is_not_a_clip_is_refused_by_name(
    tmp_path: Path, content: bytes | None, words: str
) -> None:
    path = tmp_path / "x.mp4"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputRefused, match=words) as caught:
        frames(path)
    assert caught.value.thing == str(path)


def test_cut_clip_is_refused(clip: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.mp4"
    path.write_bytes(clip.read_bytes()[:3000])  # its index was at the end
    with pytest.raises(InputRefused, match="not a clip"):
        frames(path)


def test_pipe_named_as_a_clip_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(InputRefused, match="not a regular file"):
        frames(tmp_path / "pipe.mp4")


def test_names_that_are_not_unicode_or_look_like_an_address_are_files(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (os.fsdecode(b"latin-\xe9.mp4"), "concat:a|b.mp4"):
        shutil.copy(clip, name)
        assert len(frames(Path(name))) == 12


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become another user")
def test_clip_without_permission_is_an_error_of_the_machine(
    clip: Path, tmp_path: Path, open_to_all
) -> None:
    shutil.copy(clip, tmp_path / "locked.mp4")
    (tmp_path / "locked.mp4").chmod(0)
    open_to_all(tmp_path)
    os.seteuid(65534)
    try:
        with pytest.raises(MachineError, match="Permission denied"):
            frames(tmp_path / "locked.mp4")
    finally:
        os.seteuid(0)
