"""Opens the end of a classifier that averages over all places and then has one linear layer.

Its class activation map is exact: the mean of the map and the bias add up to the logit (Zhou et
al., "Learning Deep Features for Discriminative Localization", CVPR 2016, equation 2).
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple, cast

import numpy as np

from runtime.arrays import NDArray
from runtime.backends.base import load_backend
from runtime.classifier import Classifier
from runtime.errors import InputRefused
from runtime.file_formats.output_activation import OutputActivation
from runtime.file_formats.tensors import dequantize
from runtime.system.lazy_loading import LazyObject

FINDERS: Mapping[str, LazyObject] = {
    ".tflite": LazyObject("runtime.explanation.tflite_head:find_head", extra=""),
    ".onnx": LazyObject("runtime.explanation.onnx_head:find_head", extra=""),
}
"""A function `(content, output number) -> FoundHead | None` for each suffix."""


class FoundHead(NamedTuple):
    """Where a model file keeps its head.

    content: of the file, with the features of each place as its last output.
    kernel: returns (features, classes) float32. It takes a function that reads an output by name.
    activation: of the scores.
    """

    content: bytes
    kernel: Callable[[Callable[[str], NDArray[Any]]], NDArray[np.float32]]
    activation: OutputActivation


class LinearHead:
    """Computes class activation maps. Several threads may share it.

    kernel: (features, classes) float32.
    """

    def __init__(self, classifier: Classifier, found: FoundHead) -> None:
        """Loads the file once more, with the features as its output.

        Raises:
            InputRefused: the interpreter does not take it, or the features are no image's.
        """
        self._encode = classifier.model.encode
        threads = classifier.threads // classifier.streams
        self._backend = cast(Any, load_backend(classifier.file, found.content, threads))
        blank = self._encode(np.zeros(classifier.preprocessing.shape, np.uint8))

        def read(output: str) -> NDArray[Any]:
            self._backend.choose_output(output)
            values: NDArray[Any] = self._backend.run(blank)
            return values

        kernel = found.kernel(read)
        shape = read(list(self._backend.outputs)[-1]).shape
        outputs = 1 if classifier.model.is_single else classifier.model.classes
        if kernel.ndim == 2 and kernel.shape[0] == outputs != kernel.shape[1]:
            kernel = kernel.T
        axes = [axis for axis in (1, 3) if len(shape) == 4 and shape[axis] == len(kernel)]
        if kernel.shape[1:] != (outputs,) or len(axes) != 1:
            raise InputRefused(
                str(classifier.file), f"features {shape} do not fit a kernel of {kernel.shape}"
            )
        self._axis = axes[0] - 1
        self.kernel = np.hstack([0 * kernel, kernel]) if classifier.model.is_single else kernel
        self.is_shared = found.activation != "sigmoid" or classifier.model.is_single

    def features(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Returns the (height, width, features) float32 before the average."""
        values = self._backend.run(self._encode(pixels))[0]
        quantization = self._backend.output.quantization
        if quantization is not None:
            values = dequantize(values, quantization)
        features: NDArray[np.float32] = np.moveaxis(values, self._axis, -1).astype(np.float32)
        return features

    def map_of_features(
        self, features: NDArray[np.float32], class_index: int
    ) -> NDArray[np.float32]:
        """Returns what each place adds to a class, (height, width) float32.

        `features` are those of an image, (height, width, features). Scores that add up to 1 do not
        change if every class gets the same more, so the mean over the classes is taken off.
        """
        weights = self.kernel[:, class_index]
        if self.is_shared:
            weights = weights - self.kernel.mean(axis=1)
        values: NDArray[np.float32] = features @ weights
        return values


def open_linear_head(classifier: Classifier, content: bytes) -> LinearHead | None:
    """Returns the head of the classifier's file; None if it ends otherwise."""
    row = FINDERS.get(classifier.file.suffix)
    number = getattr(classifier.backend, "output_number", 0)
    found = row.load()(content, number) if row else None
    with suppress(InputRefused):
        return LinearHead(classifier, found) if found else None
    return None
