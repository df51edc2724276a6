"""runtime.preprocess: one written rule per kind of picture, geometry, limits from the header, refusals by name."""

import os
import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from runtime.errors import InputRefused, PictureRefused
from runtime.preprocess import (
    MAX_PIXELS,
    MAX_SIDE,
    Preprocessing,
    decode,
    decoded_size,
    digest,
    header_size,
    preprocess,
    read_picture,
    resize,
    upright_rgb,
)

ROOT = Path(__file__).parents[2]
RED, GREEN, BLUE, YELLOW, GREY = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (127, 127, 127)
BROAD = Preprocessing(224, 224)


def mean_difference(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def same_size(image: Image.Image) -> Preprocessing:
    return Preprocessing(image.height, image.width, "squash")


def noise(width: int = 40, height: int = 30) -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8))


# orientation and the decoder's own scaling, on real photographs


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("kind", ["Landscape", "Portrait"])
def test_every_exif_orientation_gives_the_upright_picture(camera_jpegs: Path, kind: str, orientation: int) -> None:
    """The files are separate JPEG encodings: up to 1.4 of 255 apart on average; the stored way up they are 38 and more apart."""
    folder = camera_jpegs / "exif_orientation_examples"
    upright = preprocess(folder / f"{kind}_1.jpg", BROAD)
    assert mean_difference(preprocess(folder / f"{kind}_{orientation}.jpg", BROAD), upright) < 2


@pytest.mark.parametrize("name", ["image-rs_test.jpg", "iphone7_9mp_exif6/IMG_5874.JPG", "iphone7_9mp_exif6/IMG_5978.JPG"])
def test_big_jpeg_is_decoded_small_and_stays_close_to_the_full_decode(camera_jpegs: Path, name: str) -> None:
    content = (camera_jpegs / name).read_bytes()
    with Image.open(BytesIO(content)) as whole:
        drafted = decode(content, BROAD)
        assert max(drafted.size) < max(whole.size) / 2
        assert min(drafted.size) >= 2 * 224
        assert mean_difference(resize(drafted, BROAD), resize(upright_rgb(whole), BROAD)) < 0.3


def test_small_jpeg_is_not_scaled_by_the_decoder() -> None:
    content = encoded(noise(400, 300), "JPEG")
    assert decode(content, Preprocessing(151, 100)).size == (400, 300)
    assert decode(content, Preprocessing(75, 75)).size == (200, 150)


# geometry


def patches() -> Image.Image:
    """400x200: a red quarter, a middle half that is green above and blue below, a yellow quarter."""
    image = Image.new("RGB", (400, 200), GREEN)
    image.paste(RED, (0, 0, 100, 200))
    image.paste(BLUE, (100, 100, 300, 200))
    image.paste(YELLOW, (300, 0, 400, 200))
    return image


def colour(pixels: np.ndarray, row: int, column: int) -> tuple[int, ...]:
    return tuple(pixels[row, column].tolist())


def test_crop_takes_the_centred_square_and_nothing_else() -> None:
    pixels = preprocess(patches(), Preprocessing(50, 50, "crop"))
    assert pixels.shape == (50, 50, 3)
    assert pixels.dtype == np.uint8
    assert (pixels[:23, 1:49] == GREEN).all()
    assert (pixels[27:, 1:49] == BLUE).all()


def test_crop_of_a_tall_picture_takes_the_middle_rows() -> None:
    pixels = preprocess(patches().rotate(90, expand=True), Preprocessing(50, 50, "crop"))
    assert (pixels[1:49, :23] == GREEN).all()
    assert (pixels[1:49, 27:] == BLUE).all()


def test_crop_to_a_wide_target_keeps_the_whole_wide_picture() -> None:
    pixels = preprocess(patches(), Preprocessing(height=50, width=100, fit="crop"))
    assert pixels.shape == (50, 100, 3)
    assert colour(pixels, 25, 0) == RED
    assert colour(pixels, 25, 99) == YELLOW
    assert colour(pixels, 5, 50) == GREEN


def test_pad_keeps_all_and_adds_equal_grey_borders() -> None:
    pixels = preprocess(patches(), Preprocessing(100, 100, "pad"))
    assert (pixels[:25] == GREY).all()
    assert (pixels[75:] == GREY).all()
    assert colour(pixels, 50, 2) == RED
    assert colour(pixels, 50, 97) == YELLOW
    assert colour(pixels, 30, 50) == GREEN
    assert colour(pixels, 70, 50) == BLUE


def test_squash_shows_the_whole_picture_in_the_whole_target() -> None:
    pixels = preprocess(patches(), Preprocessing(100, 100, "squash"))
    assert (pixels[:, :24] == RED).all()
    assert (pixels[:, 76:] == YELLOW).all()
    assert (pixels[:48, 27:73] == GREEN).all()
    assert (pixels[52:, 27:73] == BLUE).all()


@pytest.mark.parametrize(("side", "target"), [(29, 7), (58, 7), (2037, 480)])
def test_crop_works_where_the_box_rounds_past_the_picture(side: int, target: int) -> None:
    assert preprocess(Image.new("RGB", (side, side + 1)), Preprocessing(target, target)).shape == (target, target, 3)


@pytest.mark.parametrize("fit", ["crop", "pad", "squash"])
@pytest.mark.parametrize("size", [(1, 1), (20_000, 3), (3, 20_000)])
def test_extreme_shapes_are_accepted(size: tuple[int, int], fit: str) -> None:
    assert preprocess(encoded(Image.new("RGB", size, RED)), Preprocessing(64, 64, fit)).shape == (64, 64, 3)


def test_downscaling_is_antialiased() -> None:
    stripes = np.zeros((640, 640, 3), np.uint8)
    stripes[:, ::2] = 255
    pixels = preprocess(Image.fromarray(stripes), Preprocessing(64, 64))
    assert np.abs(pixels.astype(int) - 127).max() <= 8, "a resizer that skips pixels shows black or white stripes"


# one rule per mode


def test_grey_16_bit_keeps_its_upper_8_bits() -> None:
    values = np.arange(0, 65536, 64, dtype=np.uint16).reshape(32, 32)
    image = Image.fromarray(values)
    expected = np.repeat((values // 256).astype(np.uint8)[..., np.newaxis], 3, axis=2)
    assert (preprocess(encoded(image), same_size(image)) == expected).all()
    assert (preprocess(encoded(image, "TIFF"), same_size(image)) == expected).all()


def test_grey_16_bit_of_the_other_byte_order_is_the_same_picture() -> None:
    values = np.arange(0, 65536, 64, dtype=np.uint16).reshape(32, 32)
    little = encoded(Image.fromarray(values), "TIFF")
    big = encoded(Image.frombytes("I;16B", (32, 32), values.astype(">u2").tobytes()), "TIFF")
    assert little != big
    assert (preprocess(little, Preprocessing(32, 32)) == preprocess(big, Preprocessing(32, 32))).all()


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_alpha_is_laid_over_white(mode: str) -> None:
    alpha = np.repeat(np.arange(256, dtype=np.uint8)[np.newaxis], 4, axis=0)
    image = Image.new("RGB" if mode == "RGBA" else "L", (256, 4), 60 if mode == "LA" else (200, 60, 0))
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
    with pytest.raises(PictureRefused, match=rf"deep\.tif: mode {mode} .*save it as 8-bit"):
        preprocess(tmp_path / "deep.tif", BROAD)


@pytest.mark.parametrize(("kind", "options"), [("BMP", {}), ("PPM", {}), ("TIFF", {}), ("WEBP", {"lossless": True})])
def test_lossless_formats_give_the_pixels_of_the_png(kind: str, options: dict[str, object]) -> None:
    image = noise()
    assert (preprocess(encoded(image, kind, **options), BROAD) == preprocess(encoded(image), BROAD)).all()


def test_phone_mpo_is_read_as_the_jpeg_it_begins_with() -> None:
    image = noise()
    content = encoded(image, "MPO", save_all=True, append_images=[Image.new("RGB", image.size, RED)], quality=90)
    with Image.open(BytesIO(content)) as opened:
        assert opened.format == "MPO"
    assert (preprocess(content, BROAD) == preprocess(encoded(image, "JPEG", quality=90), BROAD)).all()


def test_path_text_content_and_image_give_identical_pixels(photo: Path) -> None:
    pixels = [preprocess(form, BROAD) for form in (photo, str(photo), photo.read_bytes(), Image.open(photo))]
    assert len({digest(one) for one in pixels}) == 1


# limits and refusals


def white_png(width: int, height: int) -> bytes:
    """A whole 1-bit PNG, written without an image of that size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    pixels = zlib.compressobj(9)
    rows = (b"\0" + b"\xff" * -(-width // 8)) * min(height, 1000)
    packed = b"".join(pixels.compress(rows) for _ in range(max(1, height // 1000))) + pixels.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def jpeg_header(width: int, height: int) -> bytes:
    content = bytearray(encoded(noise(64, 64), "JPEG"))
    place = content.index(b"\xff\xc0") + 5
    content[place : place + 4] = struct.pack(">HH", height, width)
    return bytes(content)


def webp_header(width: int, height: int) -> bytes:
    content = bytearray(encoded(noise(64, 64), "WEBP", lossless=True, exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"))
    place = content.index(b"VP8X") + 12
    content[place : place + 6] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(content)


BOMBS = {
    "pixels.png": white_png(9000, 9000),
    "wide.png": white_png(60_000_000, 1),
    "tall.png": white_png(1, 20_000_000),
    "huge.png": white_png(20_000, 10_000),
    "pixels.jpg": jpeg_header(15_000, 12_000),
    "huge.jpg": jpeg_header(60_000, 10_000),
    "canvas.webp": webp_header(16_000, 16_000),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_refused_by_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(BOMBS[name])
    assert len(BOMBS[name]) < 50_000
    with pytest.raises(PictureRefused, match=name):
        preprocess(tmp_path / name, BROAD)


def test_bombs_are_refused_from_the_header_without_memory(tmp_path: Path) -> None:
    """A decoded bomb takes 180 MB and more."""
    for name, content in BOMBS.items():
        (tmp_path / name).write_bytes(content)
    code = """
import resource, sys
from pathlib import Path
from runtime import Preprocessing, preprocess
from runtime.errors import PictureRefused
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
before, refused = peak(), 0
for path in Path(sys.argv[1]).iterdir():
    try:
        preprocess(path, Preprocessing(224, 224))
    except PictureRefused:
        refused += 1
print(refused, (peak() - before) // 1024)
"""
    done = subprocess.run([sys.executable, "-c", code, tmp_path], cwd=ROOT, capture_output=True, text=True, check=True)
    refused, grown_mb = map(int, done.stdout.split())
    assert refused == len(BOMBS)
    assert grown_mb < 40
    assert done.stderr == ""


def test_limits_are_where_they_are_written() -> None:
    assert decode(encoded(Image.new("1", (MAX_SIDE, 1))), BROAD).size == (MAX_SIDE, 1)
    for width, height in ((MAX_SIDE + 1, 1), (8001, MAX_PIXELS // 8000)):
        with pytest.raises(PictureRefused, match=f"{width}x{height} pixels"):
            decode(white_png(width, height), BROAD)


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"
BROKEN = {
    "empty.jpg": (b"", "empty file"),
    "text.jpg": (b"hello", "not a picture"),
    "eps.jpg": (EPS, "not a picture"),
    "pdf.jpg": (b"%PDF-1.4\n", "not a picture"),
    "cut.jpg": (encoded(noise(200, 200), "JPEG")[:9000], "broken .*truncated"),
    "cut.png": (encoded(noise(200, 200))[:9000], "broken"),
    "cut.gif": (encoded(noise(200, 200).convert("P"), "GIF")[:3000], "broken"),
    "cut.webp": (encoded(noise(200, 200), "WEBP")[:3000], "broken|not a picture"),
    "cut.tif": (encoded(noise(200, 200), "TIFF")[:3000], "broken|not a picture"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_file_is_refused_with_its_name_and_a_reason(tmp_path: Path, name: str) -> None:
    content, reason = BROKEN[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PictureRefused, match=reason) as refusal:
        preprocess(tmp_path / name, BROAD)
    assert refusal.value.thing == str(tmp_path / name)


def test_flipped_bits_are_refused_or_decoded_but_never_a_crash(photo: Path) -> None:
    content, random, refused = photo.read_bytes(), np.random.default_rng(7), 0
    for _ in range(60):
        broken = bytearray(content)
        broken[random.integers(len(broken))] ^= 1 << int(random.integers(8))
        try:
            assert preprocess(bytes(broken), BROAD).shape == (224, 224, 3)
        except PictureRefused:
            refused += 1
    assert refused > 30, "PNG has checksums: most flips are to be noticed"


def test_what_is_not_a_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    for path in (tmp_path / "fifo.jpg", tmp_path / "zero.jpg", tmp_path):
        with pytest.raises(PictureRefused, match=r"not a regular file|Is a directory"):
            preprocess(path, BROAD)


def test_missing_dangling_and_looping_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("nowhere")
    for name, reason in (("missing", "No such file"), ("dangling", "No such file"), ("loop", "symbolic links"), ("n" * 300, "too long")):
        with pytest.raises(PictureRefused, match=reason):
            read_picture(tmp_path / name)
    with pytest.raises(PictureRefused, match="null byte"):
        read_picture(tmp_path / "a\0b")


def test_file_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "sparse.jpg").open("wb") as file:
        file.truncate(8 * 2**30)
    with pytest.raises(PictureRefused, match="8589934592 bytes"):
        read_picture(tmp_path / "sparse.jpg")


def test_decoded_size_is_that_of_the_decoder_at_its_scale() -> None:
    for kind, expected in (("JPEG", (250, 150)), ("PNG", (1000, 600))):
        buffer = BytesIO()
        Image.new("RGB", (1000, 600)).save(buffer, kind)
        assert decoded_size(buffer.getvalue(), Preprocessing(60, 60)) == expected
        assert decode(buffer.getvalue(), Preprocessing(60, 60)).size == expected
    with pytest.raises(PictureRefused):
        decoded_size(b"no picture", Preprocessing(60, 60))


def test_header_size_reads_a_cut_file_and_refuses_none() -> None:
    assert header_size(encoded(noise(200, 100))[:500]) == (200, 100)
    with pytest.raises(PictureRefused):
        header_size(b"hello")


@pytest.mark.parametrize(
    "wrong", [{"height": 0}, {"height": 5000}, {"width": "8"}, {"width": 8.0}, {"width": True}, {"fit": "stretch"}, {"fit": []}]
)
def test_preprocessing_refuses_what_it_cannot_do(wrong: dict[str, object]) -> None:
    with pytest.raises(InputRefused, match=next(iter(wrong))):
        Preprocessing(**{"height": 8, "width": 8, **wrong})
