"""Defines how a model wants its pixels scaled, and reads that from a command-line option."""

from dataclasses import dataclass

from runtime.errors import InputRefused
from runtime.file_formats.tensors import NORMALIZATION_MODES


@dataclass(frozen=True)
class Normalization:
    """Computes (pixel - mean) / std of pixels in 0..255.

    mean, std: one number for all channels, or three in the order in which the model takes them.
    bgr: the model takes blue, green, red; `mean` and `std` then start with blue.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    bgr: bool = False

    def __post_init__(self) -> None:
        if not (len(self.mean) == len(self.std) and len(self.mean) in (1, 3)):
            raise InputRefused(
                "--normalize",
                f"expected one mean and std or three of each,"
                f" found {len(self.mean)} and {len(self.std)}",
            )
        if not all(0 < abs(std) < 1e6 for std in self.std) or not all(
            abs(mean) < 1e6 for mean in self.mean
        ):
            raise InputRefused("--normalize", "expected finite numbers and no std of 0")


UNNORMALIZED = Normalization((0.0,), (1.0,))
"""Pixels stay 0..255, for models that scale them themselves."""

UNIT = Normalization((0.0,), (255.0,))
"""Pixels become 0..1."""

TF = Normalization((127.5,), (127.5,))
TORCH = Normalization((123.675, 116.28, 103.53), (58.395, 57.12, 57.375))
"""The ImageNet mean (0.485, 0.456, 0.406) and std (0.229, 0.224, 0.225), times 255."""
CAFFE = Normalization((103.939, 116.779, 123.68), (1.0, 1.0, 1.0), bgr=True)
MODES = dict(zip(NORMALIZATION_MODES, (TF, TORCH, CAFFE), strict=True))
"""The modes of `preprocess_input` of keras.applications (keras/src/applications/imagenet_utils.py),
which lists the means of CAFFE as blue, green, red too."""


def parse_normalization(text: str) -> Normalization | None:
    """Reads `none`, a mode of keras.applications, `MEAN,STD`, or three means and three stds.

    Raises:
        InputRefused: the text is anything else.
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
        raise InputRefused(
            "--normalize",
            f"expected none, {', '.join(MODES)}, MEAN,STD or MEAN,MEAN,MEAN,STD,STD,STD"
            f" (of pixels 0..255), found {text!r}",
        )
    half = len(numbers) // 2
    return Normalization(tuple(numbers[:half]), tuple(numbers[half:]))
