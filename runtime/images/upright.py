"""Turns a decoded image into upright 8-bit RGB, by the rules in `runtime.images.preprocessing`."""

from PIL import ExifTags, Image

from runtime.errors import ImageRefused
from runtime.images.grey16 import Grey16, is_grey16, is_signed_grey16, to_8_bits


def upright_rgb(image: Image.Image, grey16: Grey16 | None = None) -> Image.Image:
    """Returns the image as 8-bit RGB with its EXIF orientation applied.

    `grey16` is the range of 16-bit grey that becomes 0 to 255; None keeps the upper 8 bits.

    Raises:
        ImageRefused: no rule covers its mode (float, 32-bit integer, signed 16-bit without range).
    """
    has_16_bits, signed = is_grey16(image), is_signed_grey16(image)
    if image.mode != "RGB" or image.getexif().get(ExifTags.Base.Orientation, 1) != 1:
        # Imported late: it takes a hundredth of the runtime's start, and upright RGB photos,
        # which `exif_transpose` would only copy, do not need it.
        from PIL import ImageOps

        image = ImageOps.exif_transpose(image)
    if has_16_bits:
        image = to_8_bits(image, grey16, signed=signed)
    if image.mode in ("F", "I"):
        raise ImageRefused(
            "image",
            f"mode {image.mode} (float or 32-bit pixels) has no fixed range; save it as 8-bit",
        )
    if _has_transparency(image):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _has_transparency(image: Image.Image) -> bool:
    """Finds an alpha channel, a palette with one, or one colour that is declared transparent.

    Pillow has such a property, but Debian 12's Pillow 9 lacks it.
    """
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        return True
    return image.mode == "P" and image.palette is not None and image.palette.mode.endswith("A")
