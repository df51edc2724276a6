"""Lists the backbones by name: one row each."""

from dataclasses import dataclass

from runtime.models.normalization import Normalization
from runtime.system.lazy_loading import LazyObject, lookup
from train.backbones.keras_applications import APPLICATIONS, Application

EXTRA = "train"
LITE = Normalization((127.0,), (128.0,))
"""Of EfficientNet-Lite. Zero is a whole pixel value, so a raw pixel can be the quantized input."""


@dataclass(frozen=True)
class Backbone:
    """Describes one backbone.

    network: loads a function from a normalized float tensor (batch, height, width, 3) to a feature
        map. If `application` is set, it loads the function of keras.applications instead.
    imagenet: loads a function that puts ImageNet weights from an installed package into a model.
        None: Keras fetches the weights on first use; if `application` is not set there are none.
    normalization: how the network wants RGB pixels 0..255 scaled. None: the network does it itself.
    input_size: the side of the images it was trained on, in pixels.
    thaw: how many of its last blocks are fine-tuned by default.
    min_input_size: the smallest side it takes, in pixels.
    widths: the width multipliers (alpha) that have ImageNet weights; empty if it has no multiplier.
    """

    network: LazyObject
    imagenet: LazyObject | None
    normalization: Normalization | None
    input_size: int
    thaw: int
    min_input_size: int = 32
    widths: tuple[float, ...] = ()
    application: bool = False

    @property
    def pretrained(self) -> bool:
        """Returns whether it has ImageNet weights."""
        return self.application or self.imagenet is not None


def _lite(module: str, input_size: int, thaw: int) -> Backbone:
    imagenet = LazyObject(f"train.backbones.{module}:load_imagenet_weights", EXTRA)
    return Backbone(
        LazyObject(f"train.backbones.{module}:{module}", EXTRA), imagenet, LITE, input_size, thaw
    )


def _application(row: Application) -> Backbone:
    network = LazyObject(f"keras.applications:{row.function}", EXTRA)
    return Backbone(
        network,
        None,
        row.normalization,
        row.input_size,
        row.thaw,
        row.min_input_size,
        row.widths,
        application=True,
    )


BACKBONES = {
    "efficientnet-lite0": _lite("efficientnet_lite", 224, thaw=8),
    "efficientnet-lite1": _lite("efficientnet_lite1", 240, thaw=10),
    "efficientnet-lite2": _lite("efficientnet_lite2", 260, thaw=10),
    "simple-cnn": Backbone(
        LazyObject("train.backbones.simple_cnn:simple_cnn", EXTRA),
        None,
        LITE,
        input_size=96,
        thaw=1,
    ),
    **{name: _application(row) for name, row in APPLICATIONS.items()},
}
OFFLINE = tuple(name for name, row in BACKBONES.items() if row.imagenet)
"""The backbones whose ImageNet weights are in an installed package."""


def find_backbone(name: str) -> Backbone:
    """Returns the row called `name`.

    The name of a function of keras.applications works too: `ResNet50V2` for `resnet50-v2`.

    Raises:
        InputRefused: there is no such row; the message lists all names and the nearest one.
    """
    name_of_function = {row.function: row_name for row_name, row in APPLICATIONS.items()}
    return lookup(BACKBONES, name_of_function.get(name, name), "backbone")
