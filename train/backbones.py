"""The backbones by name: a row says how to build one, how its input is normalised, where its weights come from, what of it is thawed."""

from dataclasses import dataclass

from runtime.plugins import Plugin, choose
from train.applications import APPLICATIONS, Application
from train.normalisation import Normalisation

EXTRA = "train"
LITE = Normalisation((127.0,), (128.0,))
"""What EfficientNet-Lite was trained on; its zero is a whole pixel value, so the raw pixel can be the quantized input."""


@dataclass(frozen=True)
class Backbone:
    """One row.

    network: loads a function from a normalised float tensor (batch, height, width, 3) to a feature map; or where `application` is set,
        the function of keras.applications that builds the network.
    imagenet: loads a function that puts ImageNet weights from an installed package into a model built on it. None: Keras fetches them
        on first use, or where it is no application there are none.
    normalisation: what the network takes of RGB pixels in 0..255.
    input_size: the side it was trained at, in pixels.
    thaw: how many of its last blocks are fine-tuned, where the user does not say.
    smallest: the smallest side it takes, in pixels.
    widths: the width multipliers (alpha) it has ImageNet weights for; empty where it has no such multiplier.
    """

    network: Plugin
    imagenet: Plugin | None
    normalisation: Normalisation
    input_size: int
    thaw: int
    smallest: int = 32
    widths: tuple[float, ...] = ()
    application: bool = False

    @property
    def pretrained(self) -> bool:
        """Whether there are ImageNet weights of it."""
        return self.application or self.imagenet is not None


def _lite(module: str, input_size: int, thaw: int) -> Backbone:
    imagenet = Plugin(f"train.{module}:load_imagenet_weights", EXTRA)
    return Backbone(Plugin(f"train.{module}:{module}", EXTRA), imagenet, LITE, input_size, thaw)


def _of_keras(row: Application) -> Backbone:
    network = Plugin(f"keras.applications:{row.function}", EXTRA)
    return Backbone(network, None, row.normalisation, row.input_size, row.thaw, row.smallest, row.widths, application=True)


BACKBONES = {
    "efficientnet-lite0": _lite("efficientnet_lite", 224, thaw=8),
    "efficientnet-lite1": _lite("efficientnet_lite1", 240, thaw=10),
    "efficientnet-lite2": _lite("efficientnet_lite2", 260, thaw=10),
    "simple-cnn": Backbone(Plugin("train.simple_cnn:simple_cnn", EXTRA), None, LITE, input_size=96, thaw=1),
    **{name: _of_keras(row) for name, row in APPLICATIONS.items()},
}
OFFLINE = tuple(name for name, row in BACKBONES.items() if row.imagenet)
"""Those whose ImageNet weights come with the installation."""


def find_backbone(name: str) -> Backbone:
    """The row called `name`, which may also be the name of a function of keras.applications (`ResNet50V2` for `resnet50-v2`).

    Raises:
        InputRefused: there is none; the message lists what there is and the nearest name.
    """
    by_function = {row.function: kebab for kebab, row in APPLICATIONS.items()}
    return choose(BACKBONES, by_function.get(name, name), "backbone")
