"""Checks the written rule of runtime.images.preprocessing for each kind of image."""

import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from runtime.errors import ImageRefused
from runtime.images.preprocessing import Preprocessing, preprocess

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
BROAD = Preprocessing(224, 224)


def mean_difference(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.abs(first.astype(int) - second.astype(int)).mean())


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def same_size(image: Image.Image) -> Preprocessing:
    return Preprocessing(image.height, image.width, "squash")


def noise(width: int = 40, height: int = 30) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8))


def test_grey_16_bit_keeps_its_upper_8_bits() -> None:
    values = np.arange(0, 65536, 64, dtype=np.uint16).reshape(32, 32)
    image = Image.fromarray(values)
    expected = np.repeat((values // 256).astype(np.uint8)[..., np.newaxis], 3, axis=2)
    assert (preprocess(encoded(image), same_size(image)) == expected).all()
    assert (preprocess(encoded(image, "TIFF"), same_size(image)) == expected).all()


def test_grey_16_bit_of_the_other_byte_order_is_the_same_image() -> None:
    values = np.arange(0, 65536, 64, dtype=np.uint16).reshape(32, 32)
    little = encoded(Image.fromarray(values), "TIFF")
    big = encoded(Image.frombytes("I;16B", (32, 32), values.astype(">u2").tobytes()), "TIFF")
    assert little != big
    assert (
        preprocess(little, Preprocessing(32, 32)) == preprocess(big, Preprocessing(32, 32))
    ).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_laid_over_white(mode: str) -> None:
    alpha = np.repeat(np.arange(256, dtype=np.uint8)[np.newaxis], 4, axis=0)
    image = Image.new(
        "RGB" if mode == "RGBA" else "L", (256, 4), 60 if mode == "LA" else (200, 60, 0)
    )
    image.putalpha(Image.fromarray(alpha))
    assert image.mode == mode
    part = alpha[..., np.newaxis] / 255
    expected = np.array((60, 60, 60) if mode == "LA" else (200, 60, 0)) * part + 255 * (1 - part)
    assert np.abs(preprocess(encoded(image), same_size(image)) - expected).max() <= 1


@pytest.mark.parametrize("kind", ["GIF", "PNG"])
def test_transparent_palette_colour_becomes_white(kind: str) -> None:
    image = Image.new("P", (20, 10), 0)
    image.putpalette([*RED, *BLUE])
    image.paste(1, (10, 0, 20, 10))
    pixels = preprocess(encoded(image, kind, transparency=0), same_size(image))
    assert (pixels[:, :10] == (255, 255, 255)).all()
    assert (pixels[:, 10:] == BLUE).all()


def test_rgb_png_with_a_transparent_colour_becomes_white_there() -> None:
    image = Image.new("RGB", (20, 10), RED)
    image.paste(BLUE, (10, 0, 20, 10))
    pixels = preprocess(encoded(image, transparency=RED), same_size(image))
    assert (pixels[:, :10] == (255, 255, 255)).all()
    assert (pixels[:, 10:] == BLUE).all()


@pytest.mark.parametrize(("kind", "tolerance"), [("TIFF", 0), ("JPEG", 3)])
def test_cmyk_becomes_rgb(kind: str, tolerance: int) -> None:
    image = Image.new("CMYK", (32, 16))
    image.paste((255, 0, 0, 0), (0, 0, 16, 16))
    image.paste((0, 0, 0, 255), (16, 0, 32, 16))
    pixels = preprocess(encoded(image, kind), same_size(image)).astype(int)
    assert np.abs(pixels[:, :16] - (0, 255, 255)).max() <= tolerance
    assert np.abs(pixels[:, 16:]).max() <= tolerance


def test_1_bit_becomes_black_and_white() -> None:
    image = Image.new("1", (16, 16), 0)
    image.paste(1, (8, 0, 16, 16))
    pixels = preprocess(encoded(image), same_size(image))
    assert (pixels[:, :8] == 0).all()
    assert (pixels[:, 8:] == 255).all()


def test_animation_gives_its_first_frame() -> None:
    frames = [Image.new("P", (16, 16), index) for index in range(3)]
    for frame in frames:
        frame.putpalette([*RED, *GREEN, *BLUE])
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    with Image.open(BytesIO(content)) as image:
        assert image.n_frames == 3
    assert (preprocess(content, Preprocessing(16, 16)) == RED).all()


@pytest.mark.parametrize("mode", ["F", "I"])
def test_float_and_32_bit_tiff_are_refused(tmp_path: Path, mode: str) -> None:
    (tmp_path / "deep.tif").write_bytes(encoded(Image.new(mode, (8, 8), 1), "TIFF"))
    with pytest.raises(ImageRefused, match=rf"deep\.tif: mode {mode} .*save it as 8-bit"):
        preprocess(tmp_path / "deep.tif", BROAD)


@pytest.mark.parametrize(
    ("kind", "options"), [("BMP", {}), ("PPM", {}), ("TIFF", {}), ("WEBP", {"lossless": True})]
)
def test_lossless_formats_give_the_pixels_of_the_png(kind: str, options: dict[str, object]) -> None:
    image = noise()
    assert (
        preprocess(encoded(image, kind, **options), BROAD) == preprocess(encoded(image), BROAD)
    ).all()


def test_phone_mpo_is_read_as_the_jpeg_it_begins_with() -> None:
    image = noise()
    content = encoded(
        image, "MPO", save_all=True, append_images=[Image.new("RGB", image.size, RED)], quality=90
    )
    with Image.open(BytesIO(content)) as opened:
        assert opened.format == "MPO"
    assert (
        preprocess(content, BROAD) == preprocess(encoded(image, "JPEG", quality=90), BROAD)
    ).all()


@pytest.mark.parametrize(
    ("most", "values"), [(65535, [0, 255, 256, 65535]), (1023, [0, 3, 4, 1023])]
)
def test_grey_16_bit_pgm_has_the_rule_of_the_others(most: int, values: list[int]) -> None:
    content = b"P5\n4 1\n%d\n" % most + np.array(values, ">u2").tobytes()
    assert preprocess(content, Preprocessing(1, 4))[0, :, 0].tolist() == [0, 0, 1, 255]


def test_transparent_value_of_16_bit_grey_is_a_value_like_others() -> None:
    image = Image.fromarray(np.full((8, 8), 0x1234, np.uint16))
    assert (preprocess(encoded(image, transparency=0x1234), BROAD) == 0x12).all()


@pytest.mark.parametrize(
    ("content", "expected"), [(b"P6\n1 1\n65535\n\x12\x34\x56\x78\xff\xff", (0x12, 0x56, 255))]
)
def test_colour_16_bit_becomes_8_bit(content: bytes, expected: tuple[int, ...]) -> None:
    assert preprocess(content, Preprocessing(1, 1))[0, 0].tolist() == list(expected)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_later_frames_and_pages_are_not_looked_at(kind: str) -> None:
    image, options = noise(), {"lossless": True} if kind == "WEBP" else {}
    content = encoded(
        image, kind, save_all=True, append_images=[Image.new("RGB", image.size, RED)], **options
    )
    with Image.open(BytesIO(content)) as opened:
        assert opened.n_frames == 2
    assert (preprocess(content, BROAD) == preprocess(encoded(image), BROAD)).all()


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_orientation_counts_in_every_format_that_has_it(kind: str) -> None:
    image, exif, options = noise(), Image.Exif(), {"lossless": True} if kind == "WEBP" else {}
    exif[ExifTags.Base.Orientation] = 6
    turned = preprocess(encoded(image.rotate(-90, expand=True)), BROAD)
    assert (preprocess(encoded(image, kind, exif=exif, **options), BROAD) == turned).all()


def test_orientation_in_xmp_counts_where_exif_has_none() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="3"/></x:xmpmeta>'
    turned = preprocess(encoded(noise().rotate(180)), BROAD)
    assert (
        mean_difference(
            preprocess(encoded(noise(), "JPEG", xmp=xmp, quality=100, subsampling=0), BROAD), turned
        )
        < 2
    )


EXIF_THAT_IS_NONE = {
    "garbage": b"garbage",
    "empty": b"",
    "no directory": b"II*\0\xff\xff\xff\xff",
    "cut": b"II*\0\x08\0\0\0\xff\xff",
    "no such orientation": b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x63\0\0\0\0\0\0",
}


@pytest.mark.parametrize("exif", EXIF_THAT_IS_NONE.values(), ids=EXIF_THAT_IS_NONE)
def test_exif_that_cannot_be_read_counts_as_upright(exif: bytes) -> None:
    plain = preprocess(encoded(noise(), "JPEG"), BROAD)
    assert (preprocess(encoded(noise(), "JPEG", exif=b"Exif\0\0" + exif), BROAD) == plain).all()


def test_colour_profile_and_gamma_are_ignored() -> None:
    """A profile that is none would stop whoever applied it."""
    plain = encoded(noise())
    gamma = b"\0\0\0\4gAMA" + (20_000).to_bytes(4, "big")
    with_gamma = plain[:33] + gamma + zlib.crc32(gamma[4:]).to_bytes(4, "big") + plain[33:]
    with Image.open(BytesIO(with_gamma)) as opened:
        assert opened.info["gamma"] == 0.2
    for content in (with_gamma, encoded(noise(), icc_profile=b"no profile")):
        assert (preprocess(content, BROAD) == preprocess(plain, BROAD)).all()


def test_image_given_is_not_changed() -> None:
    image, exif = noise(), Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    opened = Image.open(BytesIO(encoded(image, "JPEG", exif=exif)))
    first, size = preprocess(opened, BROAD), opened.size
    assert opened.size == size == (40, 30)
    assert (preprocess(opened, BROAD) == first).all()
