"""How a model is asked: pixels become the values of its input, and its output becomes probabilities."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from runtime.backends import Backend
from runtime.errors import InputRefused
from runtime.quantization import Quantization, dequantize, quantize
from runtime.scaling import Scaling
from runtime.tensors import CHANNEL_AXIS, Layout, count_classes

INTEGERS = (np.uint8, np.int8, np.int16)
FLOATS = (np.float32, np.float16, np.float64)
UNQUANTIZED = Quantization(1.0, 0)
"""Of an integer input that the model takes as the numbers they are."""
MOST_CLIPPED = 64
LUMA = (19595, 38470, 7471)
"""ITU-R 601-2 in 65536ths, as Pillow makes grey of RGB (its documentation of `convert`)."""

Pixels = NDArray[np.uint8]


class Reading(NamedTuple):
    """What is known of a model beside its file.

    size: (height, width) of its picture. scaling: None where the pixel itself is the quantized input: uint8, or int8 less 128.
    bgr: its channels are blue, green, red. softmax: its output are logits.
    """

    size: tuple[int, int]
    layout: Layout
    scaling: Scaling | None = None
    bgr: bool = False
    softmax: bool = False


class Model:
    """A backend with its reading: (height, width, 3) pixels in, (classes,) probabilities out."""

    def __init__(self, name: str, backend: Backend, reading: Reading) -> None:
        """`name` is what an error names.

        Raises:
            InputRefused: its input or output are not such that a picture can go in, or one vector of scores come out.
        """
        self.backend, self.reading = backend, reading
        self._feed = feeder(name, backend, reading)
        output = backend.output
        if output.dtype not in (*INTEGERS, *FLOATS) or (output.dtype in INTEGERS and output.quantization is None):
            raise InputRefused(name, f"expected scores as floats, or as integers with a scale, found an output of {output}")
        self._quantization = output.quantization if output.dtype in INTEGERS else None
        shape = output.shape
        if not shape or None in shape[1:]:
            shape = backend.run(self._feed(np.zeros((*reading.size, 3), np.uint8))).shape
        self.classes = count_classes(name, output, shape, backend.input.shape[0] or 1)

    def predict(self, pixels: Pixels) -> NDArray[np.float32]:
        """(height, width, 3) uint8 RGB -> (classes,) float32 probabilities, of each class alone where the model ends with a sigmoid."""
        output = self.backend.run(self._feed(pixels))
        scores = (output[0] if output.ndim > 1 else output).reshape(-1)
        if self._quantization is not None:
            scores = dequantize(scores, self._quantization)
        return softmax(scores) if self.reading.softmax else scores.astype(np.float32, copy=False)


def softmax(logits: NDArray[Any]) -> NDArray[np.float32]:
    """(classes,) logits as (classes,) float32 probabilities; NaN where a logit is NaN or infinite."""
    with np.errstate(invalid="ignore"):
        powers = np.exp(logits.astype(np.float64) - logits.max())
        probabilities: NDArray[np.float32] = (powers / powers.sum()).astype(np.float32)
        return probabilities


def feeder(name: str, backend: Backend, reading: Reading) -> Callable[[Pixels], NDArray[Any]]:
    """What turns (height, width, 3) pixels into the values of the backend's input.

    A model that takes several pictures a call gets the one picture in every place: right, but slow; such files are for other programs.

    Raises:
        InputRefused: the input's dtype and the scaling do not go together.
    """
    tensor = backend.input
    convert = converter(name, backend, reading)
    batch = tensor.shape[0] or 1
    grey = tensor.shape[CHANNEL_AXIS[reading.layout]] == 1
    planes = reading.layout == "nchw"
    bgr = reading.bgr and not grey
    if grey and reading.scaling is not None and len(reading.scaling.mean) > 1:
        raise InputRefused(name, f"its input {tensor} is grey: expected one mean and one std, found {len(reading.scaling.mean)} of each")

    def feed(pixels: Pixels) -> NDArray[Any]:
        picture = to_grey(pixels) if grey else pixels[..., ::-1] if bgr else pixels
        values = convert(picture)
        values = (values.transpose(2, 0, 1) if planes else values)[np.newaxis]
        return np.repeat(values, batch, axis=0) if batch > 1 else values

    return feed


def to_grey(pixels: Pixels) -> Pixels:
    """(height, width, 3) RGB as (height, width, 1) grey, as Pillow does it."""
    return ((pixels.astype(np.uint32) @ np.array(LUMA, np.uint32) + 0x8000) >> 16).astype(np.uint8)[..., np.newaxis]


def converter(name: str, backend: Backend, reading: Reading) -> Callable[[Pixels], NDArray[Any]]:
    """What turns pixels, their channels in the model's order, into numbers of the input's dtype.

    Raises:
        InputRefused: as `feeder`.
    """
    tensor, scaling = backend.input, reading.scaling
    dtype: Any = tensor.dtype
    if dtype in FLOATS and scaling is not None:
        mean, std = np.array(scaling.mean, np.float32), np.array(scaling.std, np.float32)
        return lambda picture: ((picture.astype(np.float32) - mean) / std).astype(dtype, copy=False)
    if dtype is np.uint8 and scaling is None:
        return lambda picture: picture
    if dtype is np.int8 and scaling is None:
        return lambda picture: (picture ^ 0x80).view(np.int8)
    if dtype not in INTEGERS or scaling is None:
        raise InputRefused(name, f"expected an input of float32, uint8, int8 or int16, found {tensor}")
    table = pixel_tables(name, scaling, tensor.quantization or UNQUANTIZED, dtype)
    if len(table) == 1:
        return lambda picture: table[0][picture]
    return lambda picture: np.stack([table[channel][picture[..., channel]] for channel in range(3)], axis=-1)


def pixel_tables(name: str, scaling: Scaling, quantization: Quantization, dtype: type[np.integer[Any]]) -> list[NDArray[Any]]:
    """(256,) `dtype` for all channels or for each: what each pixel value 0..255 is, scaled and quantized.

    Raises:
        InputRefused: over a quarter of the pixel values lie outside of what the input can hold.
    """
    limits = np.iinfo(dtype)
    low, high = (quantization.scale * (limit - quantization.zero_point) for limit in (limits.min, limits.max))
    tables = []
    for mean, std in zip(scaling.mean, scaling.std, strict=True):
        values = ((np.arange(256, dtype=np.float32) - np.float32(mean)) / np.float32(std)).astype(np.float32)
        clipped = int(np.sum((values < low - quantization.scale) | (values > high + quantization.scale)))
        if clipped > MOST_CLIPPED:
            wanted = "leave --normalize out: pixels then go in as they are" if dtype is np.uint8 else "say what it was trained with"
            raise InputRefused(
                name,
                f"its input of {np.dtype(dtype).name} stands for {low:.3g} to {high:.3g}, and --normalize makes pixels"
                f" {values[0]:.3g} to {values[-1]:.3g}; {wanted}",
            )
        tables.append(quantize(values, quantization, dtype))
    return tables
