"""Tests that a JPEG which lacks only its end marker is used, and one that lacks data is not."""

from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from runtime.errors import ImageRefused
from runtime.images.decoding import decode, remark_on
from runtime.images.jpeg_end import lacks_end_marker
from runtime.images.preprocessing import Preprocessing, preprocess

END = b"\xff\xd9"
FULL_SIZE = 100_000
ENCODERS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "fine": {"quality": 97, "subsampling": 0},
    "restarts": {"restart_marker_blocks": 3},
    "thumbnail": {"exif": True},
}


def encoded(photo: Path, encoder: str, mode: str = "RGB") -> bytes:
    content = BytesIO()
    options = dict(ENCODERS[encoder])
    with Image.open(photo) as image:
        small = image.convert(mode).resize((150, 130))
    if options.pop("exif", False):  # an end marker inside the metadata
        options["exif"] = b"Exif\0\0" + END * 9
    small.save(content, "JPEG", **options)
    return content.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_jpeg_without_end_marker_gives_the_same_pixels_and_a_remark(
    photo: Path, encoder: str, mode: str
) -> None:
    whole = encoded(photo, encoder, mode)
    expected = decode(whole, FULL_SIZE)
    assert remark_on(expected) == ""
    for cut in (whole[:-2], whole[:-1], whole[:-2] + bytes(500)):
        assert lacks_end_marker(cut)
        image = decode(cut, FULL_SIZE)
        assert image.tobytes() == expected.tobytes()
        assert "lacks the JPEG end marker" in remark_on(image)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_jpeg_that_lacks_image_data_stays_refused(photo: Path, encoder: str) -> None:
    whole = encoded(photo, encoder)
    cuts = [4, 5, 6, 8, 12, 30, 100, len(whole) // 2]
    cuts += [len(whole) - place for place in _places(whole, b"\xff\xd0")[-1:]]
    cuts += [len(whole) - place for place in _places(whole, b"\xff\xda")[1:]]  # whole scans missing
    for cut in cuts:
        for padding in (b"", b"\xff", bytes(300)):
            with pytest.raises(ImageRefused, match="image data is missing|truncated"):
                decode(whole[:-cut] + padding, FULL_SIZE)


def _places(content: bytes, marker: bytes) -> list[int]:
    places, start = [], 0
    while (start := content.find(marker, start)) >= 0:
        places.append(start)
        start += 1
    return places


def test_end_marker_in_the_metadata_or_before_a_trailer_is_not_mistaken(photo: Path) -> None:
    whole = encoded(photo, "thumbnail")
    assert not lacks_end_marker(whole)
    assert not lacks_end_marker(whole + b"a phone's trailer")
    assert lacks_end_marker(whole[:-2])
    assert not lacks_end_marker(b"not a JPEG")
    assert not lacks_end_marker(whole[:40])


def test_preprocess_reports_the_remark_of_a_file_and_of_a_content(
    photo: Path, tmp_path: Path
) -> None:
    cut = encoded(photo, "baseline")[:-2]
    (tmp_path / "cut.jpg").write_bytes(cut)
    remarks: list[str] = []
    for image in (cut, tmp_path / "cut.jpg", decode(cut, FULL_SIZE)):
        preprocess(image, Preprocessing(8, 8), remarks.append)
    assert len(remarks) == 3
    assert len(set(remarks)) == 1
