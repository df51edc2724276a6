"""Computes the outputs of a model's frozen layers, for images and augmented variants of them."""

import functools
import json
import math
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from runtime.images.preprocessing import RULES_VERSION
from runtime.system.provenance import source_digest, versions
from runtime.system.terminal import say
from train.data.dataset import Dataset
from train.data.decoded_cache import PixelCache
from train.distribution.single_device import feature_function
from train.distribution.strategy import FeatureFunctionBuilder, WorkerShard
from train.fitting.batches import reseed
from train.fitting.feature_cache import cache_key, compute_features
from train.fitting.schedule import INPUT
from workstation.run_folder import Split

MUCH_BYTES = 10**9
"""Disk space above this is announced before it is used."""


@dataclass(frozen=True)
class LabelledHashes:
    """Holds the hashes of images in the pixel cache, with their class indices."""

    sha256s: list[str]
    targets: list[int]

    @classmethod
    def of_split(cls, data: Dataset, split: Split) -> "LabelledHashes":
        """Returns the images of a split."""
        return cls([image.sha256 for image in data.split(split)], data.targets(split))

    def shard(self, shard: WorkerShard) -> "LabelledHashes":
        """Returns the images of one worker."""
        return LabelledHashes(shard.part(self.sha256s), shard.part(self.targets))


@dataclass(frozen=True)
class FrozenFeatures:
    """Computes features of images, and keeps them on disk.

    base: the last layer that never learns. Features are its outputs, or those of a later layer.
    build_function: compiles the computation for the devices of the training.
    functions: what is compiled already, by layer names or augmentation; copies share it.
    """

    folder: Path
    model: keras.Model
    base: str
    pixels: PixelCache
    augment: keras.Sequential
    build_function: FeatureFunctionBuilder = feature_function
    functions: dict[Any, Callable[[Any], Any]] = field(default_factory=dict, repr=False)

    def distinct_variants(self, variants: int) -> int:
        """Returns how many of the variants of an image differ; 1 if nothing is augmented."""
        changes = not all(isinstance(layer, keras.layers.Identity) for layer in self.augment.layers)
        return variants if changes else 1

    def announce_disk_space(self, images: int) -> None:
        """Prints what the features of so many images and variants need on disk, if that is much."""
        bytes_needed = 2 * images * math.prod(layer_output(self.model, self.base).shape[1:])
        if bytes_needed > MUCH_BYTES:
            folder = self.folder.parent
            free = shutil.disk_usage(folder).free
            say(
                f"the features need up to {bytes_needed / 1e9:.1f} GB in {folder}, "
                f"where {free / 1e9:.1f} GB are free"
            )

    def variant(
        self, hashes: LabelledHashes, variant: int, boundary: str, label: str = ""
    ) -> NDArray[np.float16]:
        """Returns the (n, ...) outputs of the layer `boundary` for a variant of each image.

        Variant 0 is the image as a device delivers it; the others are augmented. How depends only
        on the image's index, on `variant` and on the seed. `label` names the progress bar.
        """
        return self._features(
            hashes, boundary, variant or None, label or f"features, variant {variant + 1}"
        )

    def plain(
        self, hashes: LabelledHashes, boundary: str, label: str = "validation features"
    ) -> NDArray[np.float32]:
        """Returns the (n, ...) outputs of the layer `boundary` for the unchanged images."""
        return self._features(hashes, boundary, None, label).astype(np.float32)

    def _features(
        self, hashes: LabelledHashes, boundary: str, variant: int | None, label: str
    ) -> NDArray[np.float16]:
        augment = self.augment if variant is not None else None
        frozen = _submodel(self.model, INPUT, self.base)
        geometry = json.dumps([RULES_VERSION, asdict(self.pixels.preprocessing), variant])
        name = cache_key(_identity(frozen), geometry, "\n".join(hashes.sha256s), _describe(augment))
        count = len(hashes.sha256s)

        augmented = feature_function(self.augment, self.pixels.shape, training=True)
        augmented = self.functions.setdefault(self.augment, augmented)

        def read(start: int, stop: int) -> Any:
            images = self.pixels.read(hashes.sha256s[start:stop]).astype(np.float32)
            if variant is None:
                return images
            reseed(self.augment, variant * count + start)
            return augmented(images)

        function = self._function(frozen, (INPUT, self.base))
        features = compute_features(self.folder / name, count, read, function, label)
        if boundary == self.base:
            return features

        def read_features(start: int, stop: int) -> NDArray[np.float32]:
            return features[start:stop].astype(np.float32)

        pooling = _submodel(self.model, self.base, boundary)
        return compute_features(
            self.folder / cache_key(_identity(pooling), name),
            count,
            read_features,
            self._function(pooling, (self.base, boundary)),
            f"{label}, pooled",
        )

    def _function(self, layers: keras.Model | None, name: tuple[str, str]) -> Callable[[Any], Any]:
        """Returns the compiled function of `layers`, the only ones of this name."""
        if layers is None:
            return lambda batch: batch
        return self.functions.setdefault(name, self.build_function(layers, layers.input_shape[1:]))


def layer_output(model: keras.Model, layer: str) -> keras.KerasTensor:
    """Returns the output of the layer called `layer`; for INPUT, the input of the model."""
    return model.input if layer == INPUT else model.get_layer(layer).output


def _submodel(model: keras.Model, start: str, end: str) -> keras.Model | None:
    """Returns the layers after `start` up to `end`, or None if there are none."""
    if start == end:
        return None
    return keras.Model(layer_output(model, start), layer_output(model, end), name="frozen")


@functools.cache
def _code_identity() -> str:
    """Returns what identifies the code that makes features."""
    packages = versions("keras", "tensorflow", "tensorflow-cpu")
    return json.dumps([source_digest("runtime", "workstation", "train"), packages])


def _identity(submodel: keras.Model | None) -> bytes:
    """Returns what identifies the code, the layers and the weights that make features."""
    code = _code_identity()
    if submodel is None:
        return code.encode()
    weights = [np.ascontiguousarray(weight).tobytes() for weight in submodel.get_weights()]
    # Whether a layer learns changes between the comparison of augmentations and the head.
    structure = submodel.to_json().replace('"trainable": false', '"trainable": true')
    return cache_key(code, structure, *weights).encode()


def _describe(augment: keras.Sequential | None) -> str:
    """Returns the layers of an augmentation as JSON, without their names."""
    if augment is None:
        return ""
    layers = [
        (type(layer).__name__, {**layer.get_config(), "name": ""}) for layer in augment.layers
    ]
    return json.dumps(layers, default=str)
