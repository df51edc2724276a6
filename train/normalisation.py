"""How a network wants its pixels."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Normalisation:
    """(pixel - mean) / std of RGB pixels in 0..255: one number each, or three, in the order red, green, blue.

    bgr: the network takes what comes of it as blue, green, red.
    inside: the network's own first layers do it, so that the model built on it must not.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    bgr: bool = False
    inside: bool = False

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or len(self.mean) not in (1, 3) or not all(self.std):
            raise ValueError(f"expected one mean and std or three of each, no std of 0, found {self.mean} and {self.std}")


TF = Normalisation((127.5,), (127.5,))
IMAGENET_MEAN, IMAGENET_STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
TORCH = Normalisation(IMAGENET_MEAN, IMAGENET_STD)
CAFFE = Normalisation((123.68, 116.779, 103.939), (1.0, 1.0, 1.0), bgr=True)
"""The modes of `preprocess_input` in keras.applications (keras/src/applications/imagenet_utils.py); CAFFE's means are given there as
blue, green, red. IMAGENET_MEAN and IMAGENET_STD are (0.485, 0.456, 0.406) and (0.229, 0.224, 0.225) times 255."""
