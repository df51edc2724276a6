"""Activation scales with which a quantized sum or mean never lies half-way between two steps: it is then the same on every processor.

ONNX Runtime computes QLinearAdd and QLinearGlobalAveragePool in float, half to even, on x86 and in fixed point, half away from zero,
on ARM (mlas/lib/qladd.cpp, qlgavgpool.cpp). A sum of steps is (kA a + kB b) / kC of the output's steps where the scales are kA, kB
and kC of one unit: with kC odd it is at least 1 / (2 kC) away from every half, and both computations are nearer than that to the truth.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

MOST = 1023
"""The largest kC. A half is then 4.9e-4 away. What the float computation rounds is below 2**-13, of four products and sums below 512 and
two ratios of 24 bits; the fixed-point one below 2**-13, of two factors of 22 bits by which at most 255 steps are multiplied."""
MOST_OF_MEANS = 8191
"""The same for a mean, which rounds only its factor of 24 bits and one product, below 2**-15 together."""


@dataclass
class _Graph:
    """A quantized graph in QDQ form: who gives and takes each value, its weights, and the scales that were changed."""

    model: onnx.ModelProto
    givers: dict[str, Any] = field(default_factory=dict)
    takers: dict[str, list[Any]] = field(default_factory=dict)
    weights: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node in self.model.graph.node:
            self.givers.update(dict.fromkeys(node.output, node))
            for name in node.input:
                self.takers.setdefault(name, []).append(node)
        self.weights = {weight.name: weight for weight in self.model.graph.initializer}

    def value(self, name: str) -> NDArray[Any]:
        value: NDArray[Any] = numpy_helper.to_array(self.weights[name])
        return value

    def set(self, name: str, value: NDArray[Any]) -> None:
        self.weights[name].CopyFrom(numpy_helper.from_array(value, name))

    def quantized(self, name: str) -> bool:
        """Whether a value, an activation or a weight, comes of 8 bits."""
        return name in self.givers and self.givers[name].op_type == "DequantizeLinear"

    def scale_in(self, name: str) -> str | None:
        """The scale's name of an activation that a DequantizeLinear gives; None for a weight, or what is not quantized."""
        node = self.givers.get(name)
        if node is None or node.op_type != "DequantizeLinear" or node.input[0] in self.weights:
            return None
        return str(node.input[1])

    def scale_out(self, name: str) -> str | None:
        """The scale's name of the QuantizeLinear that alone takes a value."""
        takers = self.takers.get(name, [])
        return str(takers[0].input[1]) if len(takers) == 1 and takers[0].op_type == "QuantizeLinear" else None

    def readers(self, scale: str) -> Iterator[Any]:
        """The nodes that compute with the activation of this scale."""
        for node in self.takers[scale]:
            if node.op_type == "DequantizeLinear":
                yield from self.takers.get(node.output[0], [])


def avoid_ties(model: onnx.ModelProto) -> list[str]:
    """Makes the scales of `model`, in place, a little larger where sums and means need it, and the biases that they are part of fit.

    Returns the names of the sums and means that keep their scales, so that they may be a step apart on another processor: those with a
    constant, and the means of what another node takes too.
    """
    graph = _Graph(model)
    before = {name: graph.value(name).astype(np.float64) for name in graph.weights if graph.value(name).ndim == 0}
    groups = _met_in_sums(graph)
    chosen = {name for _, sums in groups for name in sums}
    left = [
        node.name
        for node in model.graph.node
        if node.op_type == "Add" and all(map(graph.quantized, node.input)) and graph.scale_out(node.output[0]) not in chosen
    ]
    for members, sums in groups:
        unit = max(before[name] for name in members) / MOST
        for name in members:
            steps = np.ceil(before[name] / unit - 1e-6)
            graph.set(name, np.array(unit * (steps + (1 - steps % 2) * (name in sums)), np.float32))
    for node in model.graph.node:
        if node.op_type == "GlobalAveragePool" and graph.quantized(node.input[0]) and not _mean(graph, node):
            left.append(node.name)
    _fit_biases(graph, before)
    return left


def _met_in_sums(graph: _Graph) -> list[tuple[list[str], set[str]]]:
    """Scales that meet in sums, directly or by another sum, in the graph's order; and which of them are a sum's own."""
    found: list[tuple[list[str], set[str]]] = []
    for node in graph.model.graph.node:
        if node.op_type != "Add":
            continue
        parts, total = [graph.scale_in(name) for name in node.input], graph.scale_out(node.output[0])
        if total is None or None in parts:
            continue
        members, sums = [str(name) for name in (*parts, total)], {total}
        for other in [other for other in found if set(other[0]) & set(members)]:
            found.remove(other)
            members, sums = other[0] + members, sums | other[1]
        found.append((list(dict.fromkeys(members)), sums))
    return found


def _mean(graph: _Graph, node: Any) -> bool:
    """The scale of what a pooling takes becomes area * k / MOST_OF_MEANS of what it gives; False where another node takes it too."""
    taken, given = graph.scale_in(node.input[0]), graph.scale_out(node.output[0])
    if taken is None or given is None or list(graph.readers(taken)) != [node]:
        return False
    shapes = {value.name: value.type.tensor_type.shape.dim for value in graph.model.graph.value_info}
    quantizer = graph.givers[graph.givers[node.input[0]].input[0]]
    area = np.prod([side.dim_value for side in shapes.get(quantizer.input[0], ())[2:]])
    if len(shapes.get(quantizer.input[0], ())) != 4 or not area:
        return False
    unit = graph.value(given).astype(np.float64) * area / MOST_OF_MEANS
    graph.set(taken, np.array(unit * np.ceil(graph.value(taken) / unit), np.float32))
    return True


def _fit_biases(graph: _Graph, before: dict[str, Any]) -> None:
    """A bias counts in the input's scale times the weights'."""
    for node in graph.model.graph.node:
        scale = graph.scale_in(node.input[0]) if node.op_type in ("Conv", "Gemm") and len(node.input) == 3 else None
        if scale is None or graph.value(scale) == before[scale] or node.input[2] not in graph.givers:
            continue
        bias = graph.givers[node.input[2]]
        old = graph.value(bias.input[1])
        new = (old.astype(np.float64) * graph.value(scale) / before[scale]).astype(np.float32)
        graph.set(bias.input[0], np.rint(graph.value(bias.input[0]) * (old.astype(np.float64) / new)).astype(np.int32))
        graph.set(bias.input[1], new)
