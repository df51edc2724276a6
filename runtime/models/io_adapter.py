"""Converts pixels to the values of a model's input, and its output to probabilities."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from runtime.arrays import NDArray
from runtime.backends.base import Backend
from runtime.errors import CheckFailed, InputRefused
from runtime.file_formats.tensors import (
    CHANNEL_AXIS,
    Layout,
    Quantization,
    Shape,
    Tensor,
    count_scores,
    dequantize,
    image_shape,
    quantize,
)
from runtime.images.preprocessing import to_grey

if TYPE_CHECKING:  # an int8 model of ours needs none
    from runtime.models.normalization import Normalization

INTEGERS = (np.uint8, np.int8, np.int16)
FLOATS = (np.float32, np.float16, np.float64)
UNQUANTIZED = Quantization(1.0, 0)
"""Stands for an integer input without a scale, which takes the numbers as they are."""
MAX_CLIPPED_VALUES = 64
ROUNDING = 1e-3
"""How far a probability may lie outside 0..1 after its quantization."""

Pixels = NDArray[np.uint8]


class InputSpec(NamedTuple):
    """Holds what must be known about a model beside its file.

    size: (height, width) of its image.
    normalization: None if the pixel itself is the quantized input: uint8, or int8 less 128.
    bgr: its channels are blue, green, red.
    softmax: its output holds logits.
    grey: its image has one channel, where the file leaves the number of channels open.
    """

    size: tuple[int, int]
    layout: Layout
    normalization: "Normalization | None" = None
    bgr: bool = False
    softmax: bool = False
    grey: bool = False


class ModelAdapter:
    """Runs a backend on (height, width, 3) pixels and returns (classes,) probabilities.

    A grey model takes (height, width, 1), too.
    encode: turns such pixels into the values of the model's input.
    is_single: the model gives one score, the probability of the second of two classes (or its
        logit), as Keras' `Dense(1, "sigmoid")` does. `predict` then returns two.
    """

    def __init__(
        self,
        name: str,
        backend: Any,
        spec: InputSpec,
        second: str | None = None,
        *,
        one_class: bool = False,
    ) -> None:
        """Finds the encoder for the input and the number of classes; errors call the model `name`.

        `second` is the name of a further output that `predict_both` returns. With `one_class` a
        single score is that of the only class.

        Raises:
            InputRefused: no image can go into the input, or the output is no vector of scores.
        """
        self.name, self.backend, self.spec, self.second = name, backend, spec, second
        self.encode = input_encoder(name, backend, spec)
        output = backend.output
        if not holds_scores(output):
            raise InputRefused(
                name,
                "expected scores as floats, or as integers with a scale,"
                f" found an output of {output}",
            )
        self._quantization = output.quantization if output.dtype in INTEGERS else None
        shape = output_shape(backend, self.encode, spec)
        count = count_scores(name, shape, image_shape(backend.input)[0] or 1)
        self.is_single = count == 1 and not one_class
        self.classes = max(1 if one_class else 2, count)

    def predict(self, pixels: Pixels) -> NDArray[np.float32]:
        """Returns (classes,) float32 probabilities of (height, width, 3) uint8 RGB pixels.

        They add up to 1, unless the model ends with a sigmoid that scores each class alone.

        Raises:
            CheckFailed: a single score is no probability.
        """
        return self._scores(self.backend.run(self.encode(pixels)))

    def predict_both(
        self, pixels: Pixels
    ) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
        """Returns what `predict` returns, and the values of the second output, (n,) float32.

        They are None for a model without one.
        """
        if self.second is None:
            return self.predict(pixels), None
        output, second = self.backend.run_both(self.encode(pixels), self.second)
        return self._scores(output), _vector(second).astype(np.float32, copy=False)

    def _scores(self, output: NDArray[Any]) -> NDArray[np.float32]:
        scores = _vector(output)
        if self._quantization is not None:
            scores = dequantize(scores, self._quantization)
        if self.is_single:
            scores = self._two_scores(float(scores[0]))
        return softmax(scores) if self.spec.softmax else scores.astype(np.float32, copy=False)

    def _two_scores(self, score: float) -> NDArray[np.float32]:
        """Returns both logits, or both probabilities; sigmoid(x) is the softmax of 0 and x."""
        if self.spec.softmax:
            return np.array([0.0, score], np.float32)
        if abs(score - 0.5) > 0.5 + ROUNDING:
            raise CheckFailed(
                self.name,
                f"expected a probability from its only output, found {score:.3g}; if that is a"
                " logit, use --scores logits",
            )
        return np.array([1 - score, score], np.float32).clip(0, 1)


def _vector(output: NDArray[Any]) -> NDArray[Any]:
    """Returns the numbers of the first image of a batch, (n,)."""
    first = output[0] if output.ndim > 1 else output
    return first if first.ndim == 1 else first.reshape(-1)


def holds_scores(output: Tensor) -> bool:
    """Whether the numbers in this output can be scores: floats, or integers with a scale."""
    if output.dtype in INTEGERS:
        return output.quantization is not None
    return output.dtype in FLOATS


def output_shape(
    backend: Backend, encode: Callable[[Pixels], NDArray[Any]], spec: InputSpec
) -> Shape:
    """Returns the shape of the output; the model runs on a black image if the file leaves it open.

    Raises:
        InputRefused: the model fails on it.
    """
    shape = backend.output.shape
    if not shape or None in shape[1:]:
        shape = backend.run(encode(np.zeros((*spec.size, 3), np.uint8))).shape
    return shape


def softmax(logits: NDArray[Any]) -> NDArray[np.float32]:
    """Returns (classes,) float32 probabilities; NaN if a logit is NaN or infinite."""
    with np.errstate(invalid="ignore"):
        powers = np.exp(logits.astype(np.float64) - logits.max())
        probabilities: NDArray[np.float32] = (powers / powers.sum()).astype(np.float32)
        return probabilities


def input_encoder(name: str, backend: Backend, spec: InputSpec) -> Callable[[Pixels], NDArray[Any]]:
    """Returns a function from (height, width, 3) pixels to the values of the backend's input.

    A model with a fixed batch gets the image in every place of it. That is right but slow; such
    files are made for other programs.

    Raises:
        InputRefused: the input's dtype and the normalization do not go together.
    """
    tensor = backend.input
    encode_pixels = pixel_encoder(name, backend, spec)
    shape = image_shape(tensor)
    batch = shape[0] or 1
    is_grey = (shape[CHANNEL_AXIS[spec.layout]] or (1 if spec.grey else 3)) == 1
    is_planes = spec.layout == "nchw"
    is_bgr = spec.bgr and not is_grey
    has_no_channels = len(tensor.shape) == 3
    if is_grey and spec.normalization is not None and len(spec.normalization.mean) > 1:
        raise InputRefused(
            name,
            f"its input {tensor} is grey: expected one mean and one std,"
            f" found {len(spec.normalization.mean)} of each",
        )

    def encode(pixels: Pixels) -> NDArray[Any]:
        if is_grey:
            pixels = to_grey(pixels) if pixels.shape[-1] == 3 else pixels
        elif is_bgr:
            pixels = pixels[..., ::-1]
        values = encode_pixels(pixels)
        if is_planes:
            values = values.transpose(2, 0, 1)
        values = values[np.newaxis, ..., 0] if has_no_channels else values[np.newaxis]
        return np.repeat(values, batch, axis=0) if batch > 1 else values

    return encode


def pixel_encoder(name: str, backend: Backend, spec: InputSpec) -> Callable[[Pixels], NDArray[Any]]:
    """Returns a function from pixels, channels in the model's order, to the input's dtype.

    Raises:
        InputRefused: as `input_encoder`.
    """
    tensor, normalization = backend.input, spec.normalization
    dtype: Any = tensor.dtype
    if dtype in FLOATS and normalization is not None:
        mean = np.array(normalization.mean, np.float32)
        std = np.array(normalization.std, np.float32)
        return lambda pixels: ((pixels.astype(np.float32) - mean) / std).astype(dtype, copy=False)
    if dtype is np.uint8 and normalization is None:
        return lambda pixels: pixels
    if dtype is np.int8 and normalization is None:
        return lambda pixels: (pixels ^ 0x80).view(np.int8)
    if dtype not in INTEGERS or normalization is None:
        raise InputRefused(
            name, f"expected an input of float32, uint8, int8 or int16, found {tensor}"
        )
    tables = pixel_tables(name, normalization, tensor.quantization or UNQUANTIZED, dtype)
    if len(tables) == 1:
        return lambda pixels: tables[0][pixels]
    return lambda pixels: np.stack(
        [tables[channel][pixels[..., channel]] for channel in range(3)], axis=-1
    )


def pixel_tables(
    name: str,
    normalization: "Normalization",
    quantization: Quantization,
    dtype: type[np.integer[Any]],
) -> list[NDArray[Any]]:
    """Returns the normalized and quantized value of each pixel value 0..255.

    There is one (256,) array of `dtype` for all channels, or one for each.

    Raises:
        InputRefused: the input cannot hold over a quarter of the pixel values.
    """
    limits, scale = np.iinfo(dtype), quantization.scale
    low, high = (scale * (limit - quantization.zero_point) for limit in (limits.min, limits.max))
    pixels = np.arange(256, dtype=np.float32)
    tables = []
    for mean, std in zip(normalization.mean, normalization.std, strict=True):
        values = ((pixels - np.float32(mean)) / np.float32(std)).astype(np.float32)
        clipped = int(np.sum((values < low - scale) | (values > high + scale)))
        if clipped > MAX_CLIPPED_VALUES:
            advice = "state the normalization it was trained with"
            if dtype is np.uint8:
                advice = "leave --normalize out, then pixels go in as they are"
            raise InputRefused(
                name,
                f"its input of {np.dtype(dtype).name} stands for {low:.3g} to {high:.3g}, and"
                f" --normalize makes pixels {values[0]:.3g} to {values[-1]:.3g}; {advice}",
            )
        tables.append(quantize(values, quantization, dtype))
    return tables
