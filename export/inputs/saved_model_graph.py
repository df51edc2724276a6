"""Checks that the functions behind a SavedModel's signature compute numbers from numbers only."""

import math
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import op_def_registry

from runtime.errors import InputRefused

MEMORY_AND_CALLS = frozenset(
    {
        *("PartitionedCall", "StatefulPartitionedCall"),
        *("If", "While", "StatelessIf", "StatelessWhile"),
        *("VarHandleOp", "ReadVariableOp", "ResourceGather", "Placeholder"),
    }
)
"""Operators that are registered as stateful, or on resources, but are harmless.

They read variables, or call functions, which are checked too.
"""
NOT_NUMBERS = {
    tf.string.as_datatype_enum,
    tf.variant.as_datatype_enum,
    tf.resource.as_datatype_enum,
}
MAX_CONSTANT_BYTES, MAX_EXPANSION = 2**26, 4
"""How much constants may declare: so many bytes, and so many times the size of the graph's file.

One stored number can stand for a tensor of any shape.
"""


def check_functions(graph: Any, function: str, name: str, size: int) -> None:
    """Checks a graph function and all functions that it calls.

    Args:
        graph: a GraphDef.
        function: the name of the graph function.
        name: of the SavedModel, for errors.
        size: of the graph's file, in bytes.

    Raises:
        InputRefused: names an operator with side effects (files, Python code, printing), on text,
            or unknown to TensorFlow.
    """
    library = {entry.signature.name: entry for entry in graph.library.function}
    waiting, seen, declared = [function], {function}, 0
    limit = MAX_EXPANSION * size + MAX_CONSTANT_BYTES
    while waiting:
        entry = library.get(waiting.pop())
        if entry is None:
            raise InputRefused(name, "its graph calls a function that it does not hold")
        for node in entry.node_def:
            if node.op not in library:
                _check_operator(node, name)
            declared += _constant_size(node)
            if declared > limit:
                raise InputRefused(
                    name,
                    f"its constants declare {declared} bytes (operator '{node.name}'), but its"
                    f" graph has {size}",
                )
            called = {node.op} & library.keys() | set(_called_functions(node))
            waiting += called - seen
            seen |= called


def _check_operator(node: Any, name: str) -> None:
    definition = op_def_registry.get(node.op)
    if definition is None:
        raise InputRefused(name, f"has the custom operator {node.op} ('{node.name}')")
    if node.op in MEMORY_AND_CALLS or node.op == "Const":  # a text alone does nothing
        return
    types = {argument.type for argument in (*definition.input_arg, *definition.output_arg)}
    for value in node.attr.values():
        if value.WhichOneof("value") == "type":
            types.add(value.type)
        types |= set(value.list.type)
    if node.op.startswith("Assign"):
        raise InputRefused(
            name,
            f"changes a variable whenever it is used ('{node.name}'); export it without its"
            " augmentation layers, or use the .keras file",
        )
    if definition.is_stateful or types & NOT_NUMBERS:
        raise InputRefused(
            name,
            f"has the operator {node.op} ('{node.name}'), which does more than compute numbers",
        )


def _called_functions(node: Any) -> Iterator[str]:
    for value in node.attr.values():
        if value.WhichOneof("value") == "func":
            yield value.func.name
        yield from (function.name for function in value.list.func)


def _constant_size(node: Any) -> int:
    if node.op != "Const":
        return 0
    tensor = node.attr["value"].tensor
    sides = [max(0, dimension.size) for dimension in tensor.tensor_shape.dim]
    elements: int = math.prod(sides)
    return elements * item_size(tensor.dtype)


def item_size(dtype: int) -> int:
    """Returns the bytes of one element of a TensorFlow data type; at least 1."""
    return max(1, int(tf.dtypes.as_dtype(dtype).size or 1))
