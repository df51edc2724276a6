"""Cleans a float ONNX classifier for conversion: fixed shapes, no functions, one file.

It runs in the child of `export.inputs.model_file.first_load`, because it parses the file with
libraries that trust it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import compose, helper, inliner, numpy_helper, version_converter

from export.graph.onnx_folding import fold, name_nodes
from runtime.errors import CheckFailed, InputRefused

MIN_OPSET = 17
"""Older operator sets are raised to this one, which has LayerNormalization and quantizes per
channel."""
QUANTIZED = (
    "QuantizeLinear",
    "DequantizeLinear",
    "DynamicQuantizeLinear",
    "ConvInteger",
    "MatMulInteger",
    "QLinearConv",
    "QLinearMatMul",
)
MAX_NODES = 1_000_000
PREFIX = "net/"
"""Begins the names of all values, so that none is a name of ours."""


def clean_model(
    content: bytes, name: str, output: str, shape: tuple[int, ...], scratch: Path
) -> onnx.ModelProto:
    """Returns the model with one input of this shape and only the output called `output`.

    Args:
        content: of the `.onnx` file, with its external data inside.
        name: what errors name.
        output: of the scores.
        shape: of the input, with the batch.
        scratch: a folder for intermediate files.

    Raises:
        InputRefused: it is quantized already, has operators of other domains, or another batch.
        CheckFailed: it has weights that are NaN or infinite; names the node that reads them.
    """
    model = inliner.inline_local_functions(onnx.load_from_string(content))
    _refuse_quantized(model, name)
    model = _with_known_opset(model, name)
    graph = model.graph
    stored = {weight.name for weight in graph.initializer}
    for value in [value for value in graph.input if value.name in stored]:
        graph.input.remove(value)
    _keep_output(graph, output)
    _fix_shapes(graph, shape, name)
    del model.metadata_props[:], model.training_info[:], graph.value_info[:]
    del graph.quantization_annotation[:]
    name_nodes(graph)
    model = compose.add_prefix(model, PREFIX, rename_nodes=False, rename_functions=False)
    _check_finite(model, name)
    folded = fold(model, scratch)
    _check_finite(folded, name)
    return folded


def refuse_expansion(content: bytes, name: str) -> None:
    """Refuses functions that call each other so often that too many nodes would come of them.

    Raises:
        InputRefused: over MAX_NODES, or a function calls itself.
    """
    model = onnx.load_from_string(content)
    bodies = {(body.domain, body.name): body.node for body in model.functions}
    counts: dict[tuple[str, str], int | None] = {}

    def expanded(nodes: Sequence[onnx.NodeProto]) -> int:
        return sum(of_function((node.domain, node.op_type)) for node in nodes)

    def of_function(key: tuple[str, str]) -> int:
        if key not in bodies:
            return 1
        if key not in counts:
            counts[key] = None  # until its body is counted
            counts[key] = expanded(bodies[key])
        count = counts[key]
        if count is None:
            raise RecursionError
        return count

    try:
        count = expanded(model.graph.node)
    except RecursionError as error:
        raise InputRefused(name, "has functions that call themselves, or too many") from error
    if count > MAX_NODES:
        raise InputRefused(
            name,
            f"expected at most {MAX_NODES} nodes, found {count:.3g} once functions are inlined",
        )


def _refuse_quantized(model: onnx.ModelProto, name: str) -> None:
    for node in model.graph.node:
        if node.op_type in QUANTIZED:
            raise InputRefused(
                name,
                f"is quantized already (its operator {node.op_type}); give the float model, or"
                " bundle this file as it is with: quince export adopt",
            )


def _with_known_opset(model: onnx.ModelProto, name: str) -> onnx.ModelProto:
    versions = {entry.domain: entry.version for entry in model.opset_import}
    used = {node.domain for node in model.graph.node} - {"", "ai.onnx", "ai.onnx.ml"}
    if used:
        raise InputRefused(
            name,
            f"has operators of the domain '{sorted(used)[0][:50]}', which are not standard ones;"
            " export it with standard operators",
        )
    opset = versions.get("", versions.get("ai.onnx", MIN_OPSET))
    if opset >= MIN_OPSET:
        return model
    try:
        return version_converter.convert_version(model, MIN_OPSET)
    except Exception as error:  # its error types share no base class but Exception
        reason = " ".join(str(error).split())[:200]
        raise InputRefused(
            name,
            f"its operator set {opset} cannot be raised to {MIN_OPSET} ({reason}); export it with"
            f" operator set {MIN_OPSET} or newer",
        ) from error


def _keep_output(graph: onnx.GraphProto, output: str) -> None:
    """Keeps one output; a ZipMap's table is replaced by the scores that it is made of."""
    writers = {name: node for node in graph.node for name in node.output}
    value = output
    writer = writers.get(value)
    if writer is not None and writer.op_type == "ZipMap":
        value = writer.input[0]
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info(value, onnx.TensorProto.FLOAT, None))
    needed, waiting = set(), [value]
    while waiting:
        node = writers.get(waiting.pop())
        if node is not None and id(node) not in needed:
            needed.add(id(node))
            waiting += [*node.input, *_outer_values(node)]
    for node in [node for node in graph.node if id(node) not in needed]:
        graph.node.remove(node)


def _outer_values(node: onnx.NodeProto) -> Iterator[str]:
    """Yields the values that the graphs in a node's attributes read."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            for inner in attribute.g.node:
                yield from inner.input
                yield from _outer_values(inner)


def _fix_shapes(graph: onnx.GraphProto, shape: tuple[int, ...], name: str) -> None:
    (image,) = graph.input
    sides = image.type.tensor_type.shape.dim
    stated = sides[0].dim_value if sides else 0
    if stated > 0 and stated != shape[0]:  # PaddlePaddle writes -1 for an open batch
        raise InputRefused(
            name,
            f"takes {stated} images a call, and --batch asks for {shape[0]}; export it with an open"
            " batch",
        )
    image.CopyFrom(helper.make_tensor_value_info(image.name, onnx.TensorProto.FLOAT, shape))


def _check_finite(model: onnx.ModelProto, name: str) -> None:
    for weight in model.graph.initializer:
        if weight.data_type not in (onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE):
            continue
        if not np.isfinite(numpy_helper.to_array(weight)).all():
            reader = next(
                (node.name for node in model.graph.node if weight.name in node.input),
                weight.name.removeprefix(PREFIX),
            )
            raise CheckFailed(
                name, f"its node '{reader[:80]}' has weights that are NaN or infinite"
            )
