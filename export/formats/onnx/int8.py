"""Quantizes an ONNX graph to int8 in QDQ form, with ranges from the representative dataset.

Images run one call at a time, and only a minimum and maximum, or a histogram, is kept per tensor.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)

from export.formats.artifact_spec import ArtifactSpec, Ranges
from export.formats.onnx.graph import IN_FLOAT, INPUT, ConvertedGraph
from export.formats.onnx.integers.bias_correction import Errors, correct_biases, mean_errors
from export.formats.onnx.integers.rounding_ties import avoid_ties
from export.formats.onnx.integers.weight_scales import weight_overrides
from export.graph.input_quantization import InputQuantization
from runtime.errors import CheckFailed, InputRefused
from runtime.system.hashing import sha256_of

METHODS = {"minmax": CalibrationMethod.MinMax, "percentile": CalibrationMethod.Percentile}
PERCENTILE = 99.99
"""The share of a tensor's values inside its range; half of the rest is cut off at each end. Of
99.9, 99.99, 99.999 and 100, this gave the least mean error of scores (EfficientNet-Lite0 at 96
pixels, 373
images: 0.0063, 0.0047, 0.0048, 0.0049)."""

WITH_WEIGHTS = ("Conv", "Gemm", "MatMul")
NORMALIZING = ("LayerNormalization", "Sqrt")
"""Operators that divide by the deviation of an image's own values; Keras' has a square root."""
ARITHMETIC = ("Cast", "Add", "Sub", "Mul", "Div")


def quantize_int8(
    prepared: onnx.ModelProto,
    calibration: NDArray[np.uint8],
    spec: ArtifactSpec,
    normalization: InputQuantization,
    scratch: Path,
) -> ConvertedGraph:
    """Returns `prepared` with uint8 activations, per tensor, and int8 weights, per channel.

    It computes the same on every processor, apart from what the warnings name. Arithmetic on pixels
    before the first layer stays in float: x / 127.5 - 1 puts every pixel half-way between two
    steps, which x86 and ARM round differently (see `export.formats.onnx.integers.rounding_ties`).

    Args:
        prepared: takes planes (batch, channels, height, width) of normalized pixels, float.
        calibration: (n, height, width, channels) uint8, n >= 1.
        spec: its ranges, batch and layers in float are used.
        normalization: gives the normalized value of a raw pixel.
        scratch: a folder for intermediate files.
    """
    chosen = _chosen_layers(prepared, spec.float_layers)
    reader = partial(_Reader, calibration, spec.batch, normalization)
    quantize = partial(_quantize, prepared, reader, spec.ranges, normalization, scratch)
    measured_with = (spec.ranges, spec.batch, normalization)
    content = prepared.SerializeToString(deterministic=True)
    key = sha256_of(content + calibration.tobytes() + repr(measured_with).encode())
    quantized = None
    if key not in _measured:
        quantized, ranges = quantize()
        feeds = calibration_feeds(calibration, spec, normalization)
        _measured[key] = _Measured(ranges, mean_errors(quantized, prepared, feeds))
    if quantized is None or chosen:
        quantized, _ = quantize(chosen, _measured[key].ranges)
    correct_biases(quantized, _measured[key].errors)
    return ConvertedGraph(quantized, _warnings(avoid_ties(quantized)))


class _Measured(NamedTuple):
    """Holds what the images of calibration say about a float graph.

    ranges: of its activations, as the quantizer writes them to a file. errors: of its biases
    with all layers in int8, as if none was left in float.
    """

    ranges: bytes
    errors: Errors


_measured: dict[str, _Measured] = {}
"""By graph, images and spec, so that no step of `--precision auto` measures them again."""


def _quantize(
    prepared: onnx.ModelProto,
    reader: Callable[[], "_Reader"],
    method: Ranges,
    normalization: InputQuantization,
    scratch: Path,
    float_layers: Sequence[str] = (),
    ranges: bytes | None = None,
) -> tuple[onnx.ModelProto, bytes]:
    """Returns the graph in QDQ form, with biases as they were, and the ranges of its activations.

    Without `ranges` it measures them on the images of `reader`.
    """
    source, target, cache = (scratch / name for name in ("float.onnx", "int8.onnx", "ranges.json"))
    onnx.save(prepared, source)
    cache.unlink(missing_ok=True)
    if ranges is not None:
        cache.write_bytes(ranges)
    overrides = weight_overrides(prepared)
    overrides[INPUT] = [
        {
            "scale": np.array(normalization.scale, np.float32),
            "zero_point": np.array(normalization.zero_point, np.uint8),
        }
    ]
    in_float = [node.name for node in prepared.graph.node if node.op_type == "Softmax"]
    in_float += [node.name for node in prepared.graph.node if node.name.startswith(IN_FLOAT)]
    in_float += _pixel_arithmetic(prepared)
    in_float += _beside_attention(prepared)
    with _refusing_wide_ranges(method):
        quantize_static(
            source,
            target,
            reader(),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
            calibrate_method=METHODS[method],
            nodes_to_exclude=[*in_float, *float_layers],
            extra_options={
                "TensorQuantOverrides": overrides,
                "CalibTensorRangeSymmetric": False,
                "CalibPercentile": PERCENTILE,
                "CalibStridedMinMax": 1,
            },
            calibration_cache_path=cache,
        )
    return onnx.load(target), cache.read_bytes()


@contextmanager
def _refusing_wide_ranges(ranges: Ranges) -> Generator[None, None, None]:
    """Turns a failure of the quantizer's histograms, whose bins stay as narrow as at first."""
    try:
        yield
    except (ValueError, MemoryError) as error:
        if ranges != "percentile":
            raise
        raise CheckFailed(
            "--ranges percentile",
            f"a tensor's values reach too far to be counted ({error}); use --ranges minmax, or"
            " --equalize with a Keras model",
        ) from error


def _beside_attention(prepared: onnx.ModelProto) -> list[str]:
    """Returns the nodes without weights of a network with attention or LayerNormalization.

    Returns none of another network. The sums between the blocks carry a few channels with values
    far larger than those of others, which one scale for all cannot hold. The products with weights,
    nearly all of the work, stay in int8 (Bondarenko et al., "Understanding and Overcoming the
    Challenges of Efficient Transformer Quantization", EMNLP 2021).
    """
    weights = {weight.name for weight in prepared.graph.initializer}
    nodes = prepared.graph.node
    if not any(
        node.op_type in NORMALIZING or (node.op_type == "MatMul" and not weights & set(node.input))
        for node in nodes
    ):
        return []
    return [
        node.name
        for node in nodes
        if node.op_type not in WITH_WEIGHTS or not weights & set(node.input[1:])
    ]


def _chosen_layers(prepared: onnx.ModelProto, layers: Sequence[str]) -> Sequence[str]:
    """Returns the nodes that the user wants in float.

    Raises:
        InputRefused: there is no such node.
    """
    nodes = {node.name for node in prepared.graph.node}
    if unknown := [layer for layer in layers if layer not in nodes]:
        raise InputRefused(
            "--float-layers",
            f"the graph has no node {unknown[0][:80]!r}; report.html names those that lose most",
        )
    return layers


def _warnings(with_ties: Sequence[str]) -> tuple[str, ...]:
    """Names the sums and means that may round differently on another processor."""
    if not with_ties:
        return ()
    names = with_ties[0] if len(with_ties) == 1 else f"{with_ties[0]}, ..."
    return (
        f"{len(with_ties)} of its sums and means may differ by one step on another kind of"
        f" processor ({names}); --device-check cortex-a72 measures the effect",
    )


def _pixel_arithmetic(prepared: onnx.ModelProto) -> list[str]:
    """Returns the nodes, by name, that only compute with pixels and constants."""
    weights, value = {weight.name for weight in prepared.graph.initializer}, INPUT
    names: list[str] = []
    while True:
        readers = [node for node in prepared.graph.node if value in node.input]
        if len(readers) != 1 or readers[0].op_type not in ARITHMETIC:
            return names
        if not set(readers[0].input) <= {value, *weights}:
            return names
        names.append(readers[0].name)
        value = readers[0].output[0]


def calibration_feeds(
    calibration: NDArray[np.uint8], spec: ArtifactSpec, normalization: InputQuantization
) -> Iterator[dict[str, NDArray[Any]]]:
    """Yields the representative dataset as inputs of a graph, by name."""
    yield from iter(_Reader(calibration, spec.batch, normalization).get_next, None)


class _Reader(CalibrationDataReader):
    """Feeds the representative dataset, `batch` images a call.

    The first images fill up the last call.
    """

    def __init__(
        self, calibration: NDArray[np.uint8], batch: int, normalization: InputQuantization
    ) -> None:
        self._calibration, self._batch, self._normalization = calibration, batch, normalization
        self.set_range(0, len(self))

    def __len__(self) -> int:
        return -(-len(self._calibration) // self._batch)

    def set_range(self, start_index: int, end_index: int) -> None:
        """Restricts the calls to those from `start_index` up to, not including, `end_index`."""
        self._calls = iter(range(start_index, end_index))

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        """Returns the next call's input in planes, or None after the last call."""
        call = next(self._calls, None)
        if call is None:
            return None
        chosen = np.arange(call * self._batch, (call + 1) * self._batch) % len(self._calibration)
        planes = self._calibration[chosen].transpose(0, 3, 1, 2)
        return {INPUT: self._normalization.apply(planes)}
