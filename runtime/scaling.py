"""What a model wants of a pixel, and what size of picture, as people write it in options."""

from collections.abc import Sequence
from dataclasses import dataclass

from runtime.errors import InputRefused


@dataclass(frozen=True)
class Scaling:
    """What the model wants of a pixel: (pixel - mean) / std, one number or one a channel, the channels in the order the model takes them.

    bgr: that order is blue, green, red.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    bgr: bool = False

    def __post_init__(self) -> None:
        if not (len(self.mean) == len(self.std) and len(self.mean) in (1, 3)):
            raise InputRefused("--normalize", f"expected one mean and std or three of each, found {len(self.mean)} and {len(self.std)}")
        if not all(0 < abs(std) < 1e6 for std in self.std) or not all(abs(mean) < 1e6 for mean in self.mean):
            raise InputRefused("--normalize", "expected finite numbers and no std of 0")


UNSCALED = Scaling((0.0,), (1.0,))
"""0..255, as models take it that scale by themselves."""
MODES = {
    "tf": Scaling((127.5,), (127.5,)),
    "torch": Scaling((123.675, 116.28, 103.53), (58.395, 57.12, 57.375)),
    "caffe": Scaling((103.939, 116.779, 123.68), (1.0, 1.0, 1.0), bgr=True),
}
"""What `preprocess_input` of keras.applications does in each of its modes (keras/src/applications/imagenet_utils.py)."""


def parse_scaling(text: str) -> Scaling | None:
    """`none`, a mode of keras.applications, `MEAN,STD`, or three means and three stds.

    Raises:
        InputRefused: anything else.
    """
    if text == "none":
        return None
    if text in MODES:
        return MODES[text]
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 6):
        wanted = f"none, {', '.join(MODES)}, MEAN,STD or MEAN,MEAN,MEAN,STD,STD,STD (of pixels 0..255)"
        raise InputRefused("--normalize", f"expected {wanted}, found {text!r}")
    half = len(numbers) // 2
    return Scaling(tuple(numbers[:half]), tuple(numbers[half:]))


def parse_input_size(text: str | None) -> tuple[int, int] | None:
    """`224` or `HEIGHTxWIDTH` as (height, width) in pixels.

    Raises:
        InputRefused: anything else.
    """
    if text is None:
        return None
    sides: Sequence[str] = text.split("x") if "x" in text else (text, text)
    if len(sides) != 2 or not all(side.isascii() and side.isdigit() and len(side) <= 4 and 0 < int(side) <= 4096 for side in sides):
        raise InputRefused("--input-size", f"expected SIDE or HEIGHTxWIDTH in pixels, 1 to 4096, found {text!r}")
    return int(sides[0]), int(sides[1])
