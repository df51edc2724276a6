"""Chooses activation scales with which a quantized sum or mean is never half-way between two steps.

Then it is the same on every processor. ONNX Runtime computes QLinearAdd and
QLinearGlobalAveragePool in float, half to even, on x86, and in fixed point, half away from zero, on
ARM (mlas/lib/qladd.cpp, qlgavgpool.cpp). A sum of steps is (kA a + kB b) / kC of the output's steps
if the scales are kA, kB and kC times one unit. If kC is odd, the sum is at least 1 / (2 kC) away
from every half, and both computations are closer to the exact value than that.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

MAX_SUM_UNITS = 1023
"""The largest kC. A half is then 4.9e-4 away. The float computation rounds by less than 2**-13,
with four products and sums below 512 and two ratios of 24 bits; the fixed-point one by less than
2**-13, with two factors of 22 bits by which at most 255 steps are multiplied."""
MAX_MEAN_UNITS = 8191
"""The same for a mean, which rounds only its factor of 24 bits and one product, together by less
than 2**-15."""


@dataclass
class _Graph:
    """Indexes a quantized graph in QDQ form.

    producers: the node that writes each value.
    consumers: the nodes that read each value.
    weights: the initializers by name, scales included.
    """

    model: onnx.ModelProto
    producers: dict[str, Any] = field(default_factory=dict)
    consumers: dict[str, list[Any]] = field(default_factory=dict)
    weights: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node in self.model.graph.node:
            self.producers.update(dict.fromkeys(node.output, node))
            for name in node.input:
                self.consumers.setdefault(name, []).append(node)
        self.weights = {weight.name: weight for weight in self.model.graph.initializer}

    def value(self, name: str) -> NDArray[Any]:
        value: NDArray[Any] = numpy_helper.to_array(self.weights[name])
        return value

    def set(self, name: str, value: NDArray[Any]) -> None:
        self.weights[name].CopyFrom(numpy_helper.from_array(value, name))

    def is_quantized(self, name: str) -> bool:
        """Checks if a value, an activation or a weight, comes from 8 bits."""
        return name in self.producers and self.producers[name].op_type == "DequantizeLinear"

    def activation_scale(self, name: str) -> str | None:
        """Returns the scale's name of an activation that a DequantizeLinear produces, else None."""
        if not self.is_quantized(name) or self.producers[name].input[0] in self.weights:
            return None
        return str(self.producers[name].input[1])

    def result_scale(self, name: str) -> str | None:
        """Returns the scale's name of the QuantizeLinear that alone reads a value, else None."""
        consumers = self.consumers.get(name, [])
        if len(consumers) != 1 or consumers[0].op_type != "QuantizeLinear":
            return None
        return str(consumers[0].input[1])

    def readers(self, scale: str) -> Iterator[Any]:
        """Yields the nodes that compute with the activation of this scale."""
        for node in self.consumers[scale]:
            if node.op_type == "DequantizeLinear":
                yield from self.consumers.get(node.output[0], [])


def avoid_ties(model: onnx.ModelProto) -> list[str]:
    """Makes some scales of `model`, in place, a little larger, and adapts the biases that use them.

    Returns the names of the sums and means that keep their scales, so they may differ by one step
    on another processor. These are sums with a constant, and means of a value that another node
    reads.
    """
    graph = _Graph(model)
    before = {
        name: graph.value(name).astype(np.float64)
        for name in graph.weights
        if graph.value(name).ndim == 0
    }
    groups = _scales_that_meet_in_sums(graph)
    for group in groups:
        unit = max(before[name] for name in group.members) / MAX_SUM_UNITS
        for name in group.members:
            units = np.ceil(before[name] / unit - 1e-6)
            if name in group.sums and units % 2 == 0:
                units += 1
            graph.set(name, np.array(unit * units, np.float32))
    changed_sums = {name for group in groups for name in group.sums}
    unchanged = [
        node.name
        for node in _quantized_sums(graph)
        if graph.result_scale(node.output[0]) not in changed_sums
    ]
    for node in model.graph.node:
        is_mean = node.op_type == "GlobalAveragePool" and graph.is_quantized(node.input[0])
        if is_mean and not _adapt_mean(graph, node):
            unchanged.append(node.name)
    _adapt_biases(graph, before)
    return unchanged


@dataclass
class _ScaleGroup:
    """Lists scales that meet in sums, in the graph's order; `sums` are the scales of the sums."""

    members: list[str]
    sums: set[str]


def _scales_that_meet_in_sums(graph: _Graph) -> list[_ScaleGroup]:
    """Returns the groups of scales that meet in one sum, or through other sums."""
    groups: list[_ScaleGroup] = []
    for node in graph.model.graph.node:
        if node.op_type != "Add":
            continue
        parts = [graph.activation_scale(name) for name in node.input]
        total = graph.result_scale(node.output[0])
        if total is None or None in parts:
            continue
        group = _ScaleGroup([*map(str, parts), total], {total})
        for other in [other for other in groups if set(other.members) & set(group.members)]:
            groups.remove(other)
            group = _ScaleGroup(other.members + group.members, other.sums | group.sums)
        group.members = list(dict.fromkeys(group.members))
        groups.append(group)
    return groups


def _quantized_sums(graph: _Graph) -> Iterator[Any]:
    for node in graph.model.graph.node:
        if node.op_type == "Add" and all(map(graph.is_quantized, node.input)):
            yield node


def _adapt_mean(graph: _Graph, node: Any) -> bool:
    """Makes a pooling's input scale area * k / MAX_MEAN_UNITS of its output scale, k an integer.

    Returns False, and changes nothing, if another node reads the input or its size is unknown.
    """
    input_scale = graph.activation_scale(node.input[0])
    output_scale = graph.result_scale(node.output[0])
    if input_scale is None or output_scale is None or list(graph.readers(input_scale)) != [node]:
        return False
    shapes = {
        value.name: value.type.tensor_type.shape.dim for value in graph.model.graph.value_info
    }
    quantizer = graph.producers[graph.producers[node.input[0]].input[0]]
    shape = shapes.get(quantizer.input[0], ())
    area = np.prod([side.dim_value for side in shape[2:]])
    if len(shape) != 4 or not area:
        return False
    unit = graph.value(output_scale).astype(np.float64) * area / MAX_MEAN_UNITS
    units = np.ceil(graph.value(input_scale) / unit)
    graph.set(input_scale, np.array(unit * units, np.float32))
    return True


def _adapt_biases(graph: _Graph, before: dict[str, Any]) -> None:
    """Rewrites biases whose input scale changed: their scale is the input's times the weights'."""
    for node in graph.model.graph.node:
        if node.op_type not in ("Conv", "Gemm") or len(node.input) != 3:
            continue
        scale = graph.activation_scale(node.input[0])
        if scale is None or graph.value(scale) == before[scale]:
            continue
        if node.input[2] not in graph.producers:
            continue
        bias_name, bias_scale_name = graph.producers[node.input[2]].input[:2]
        old = graph.value(bias_scale_name).astype(np.float64)
        new = (old * graph.value(scale) / before[scale]).astype(np.float32)
        graph.set(bias_name, np.rint(graph.value(bias_name) * (old / new)).astype(np.int32))
        graph.set(bias_scale_name, new)
