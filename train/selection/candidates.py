"""Lists the networks to compare: a backbone with a width and an input size each."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from runtime.errors import InputRefused
from train.backbones.registry import OFFLINE, find_backbone
from train.configuration.options import TrainOptions
from train.data.image_folder import STRIDE, ImageFolder, choose_input_size

SMALLER = (1.0, 0.7, 0.45)
"""The input sizes that are compared, as fractions of what a training takes by default."""


@dataclass(frozen=True)
class NetworkCandidate:
    """Names a backbone, its width multiplier (None if it has only one), and an input size."""

    backbone: str
    width: float | None
    input_size: int

    @property
    def name(self) -> str:
        """The name in the table; that of its model file is the same with `.tflite`."""
        width = "" if self.width is None else f"-w{self.width:g}"
        return f"{self.backbone}{width}-{self.input_size}"

    def options(self, common: TrainOptions) -> TrainOptions:
        """Returns the options that train it; the others are those of `common`."""
        return replace(
            common, backbone=self.backbone, width_factor=self.width, input_size=self.input_size
        )


def list_candidates(
    folder: ImageFolder, backbones: Sequence[str], sizes: Sequence[int]
) -> tuple[NetworkCandidate, ...]:
    """Returns the candidates, by backbone and by width, the largest input first.

    Without `backbones` they are those whose weights need no download. Without `sizes` a backbone
    has three: the size that a training takes, and two smaller ones.

    Raises:
        InputRefused: a backbone is unknown or has no pretrained weights, or no size fits.
    """
    candidates = [
        candidate for name in backbones or OFFLINE for candidate in _of(name, folder, sizes)
    ]
    if not candidates:
        raise InputRefused(
            "--input-sizes",
            "expected a size that a backbone takes, "
            f"found {', '.join(map(str, sizes))}, which is too small for all",
        )
    return tuple(dict.fromkeys(candidates))


def _of(name: str, folder: ImageFolder, sizes: Sequence[int]) -> Iterator[NetworkCandidate]:
    backbone = find_backbone(name)
    if not backbone.pretrained:
        raise InputRefused(
            "--backbones", f"{name} has no pretrained weights, so no head can be solved on it"
        )
    if not sizes:
        largest = choose_input_size(folder.files(), backbone.input_size, backbone.min_input_size)
        smaller = (round(largest * part / STRIDE) * STRIDE for part in SMALLER[1:])
        sizes = (largest, *smaller)
    for width in backbone.widths or (None,):
        for size in sorted(set(sizes), reverse=True):
            if size >= backbone.min_input_size:
                yield NetworkCandidate(name, width, size)
