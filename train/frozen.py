"""The frozen part of a model as features: of each picture, of augmented views of each, and of what other features become."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np
from numpy.typing import NDArray

from runtime.preprocess import RULES_VERSION
from runtime.provenance import source_digest, versions
from train.cache import PixelCache
from train.engine import Step
from train.features import compute, key
from train.one_device import step
from train.reseed import reseed
from train.stages import INPUT


@dataclass(frozen=True)
class Examples:
    """Pictures in the cache and their (n,) class indices."""

    sha256s: list[str]
    targets: list[int]


@dataclass(frozen=True)
class Frozen:
    """Features of pictures, in a folder on disk: what the layer `base` gives, the last that never learns, or any later one."""

    folder: Path
    model: keras.Model
    base: str
    cache: PixelCache
    augment: keras.Sequential
    step: Step = step

    def view(self, examples: Examples, number: int, boundary: str) -> NDArray[np.float16]:
        """(n, ...) what the layer `boundary` gives for the augmented view `number` of each picture.

        How a picture is augmented depends on its place among the examples, on the view and on the seed alone.
        """
        return self._features(examples, boundary, number, f"features, view {number + 1}")

    def plain(self, examples: Examples, boundary: str) -> NDArray[np.float32]:
        """(n, ...) what the layer `boundary` gives for each picture as it is."""
        return self._features(examples, boundary, None, "validation features").astype(np.float32)

    def _features(self, examples: Examples, boundary: str, view: int | None, label: str) -> NDArray[np.float16]:
        augment = self.augment if view is not None else None
        part = _part(self.model, INPUT, self.base)
        geometry = json.dumps([RULES_VERSION, asdict(self.cache.preprocessing), view])
        name = key(_identity(part), geometry, "\n".join(examples.sha256s), _augmentation(augment))
        count = len(examples.sha256s)

        def pictures(first: int, last: int) -> NDArray[np.float32]:
            if augment is not None and view is not None:
                reseed(augment, view * count + first)
            return self.cache.read(examples.sha256s[first:last]).astype(np.float32)

        found = compute(self.folder / name, count, pictures, self.step(part, augment), label)
        if boundary == self.base:
            return found

        def features(first: int, last: int) -> NDArray[np.float32]:
            return found[first:last].astype(np.float32)

        later = _part(self.model, self.base, boundary)
        return compute(self.folder / key(_identity(later), name), count, features, self.step(later, None), f"{label}, pooled")


def output(model: keras.Model, layer: str) -> keras.KerasTensor:
    """What the layer called `layer` gives; INPUT is the model's own input."""
    return model.input if layer == INPUT else model.get_layer(layer).output


def _part(model: keras.Model, start: str, end: str) -> keras.Model | None:
    return keras.Model(output(model, start), output(model, end), name="frozen") if start != end else None


def _identity(part: keras.Model | None) -> bytes:
    """Layers and weights of the part, and the code that runs it."""
    made_with = json.dumps([source_digest("runtime", "train"), versions("keras", "tensorflow", "tensorflow-cpu"), keras.backend.backend()])
    if part is None:
        return made_with.encode()
    return key(made_with, part.to_json(), *(np.ascontiguousarray(weight).tobytes() for weight in part.get_weights())).encode()


def _augmentation(augment: keras.Sequential | None) -> str:
    if augment is None:
        return ""
    layers = [(type(layer).__name__, layer.get_config()) for layer in augment.layers]
    return json.dumps([(kind, {**config, "name": ""}) for kind, config in layers], default=str)
