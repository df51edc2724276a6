"""The functions of a SavedModel that a signature reaches: refused if one of them does anything but compute numbers from numbers."""

import math
from collections.abc import Iterator
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import op_def_registry

from runtime.errors import InputRefused

MEMORY_AND_CALLS = frozenset(
    {
        *("PartitionedCall", "StatefulPartitionedCall", "If", "While", "StatelessIf", "StatelessWhile"),
        *("VarHandleOp", "ReadVariableOp", "ResourceGather", "Placeholder"),
    }
)
"""Operators registered as stateful, or on resources, that only read variables or call functions, which are checked too."""

NOT_NUMBERS = {tf.string.as_datatype_enum, tf.variant.as_datatype_enum, tf.resource.as_datatype_enum}
CONSTANT_BYTES = 2**26
"""What constants may declare beyond the size of the graph's file: one number can stand for a tensor of any shape."""


def check_functions(graph: Any, function: str, thing: str, size: int) -> None:
    """Walks from the graph function called `function` to all that it calls; `size` is that of the graph's file in bytes.

    Raises:
        InputRefused: an operator with side effects (files, Python code, printing), one on text, or one TensorFlow does not know; names it.
    """
    library = {entry.signature.name: entry for entry in graph.library.function}
    waiting, seen, declared = [function], {function}, 0
    while waiting:
        entry = library.get(waiting.pop())
        if entry is None:
            raise InputRefused(thing, "its graph calls a function that it does not hold")
        for node in entry.node_def:
            if node.op not in library:
                _check_operator(node, thing)
            declared += _constant_size(node)
            if declared > 4 * size + CONSTANT_BYTES:
                raise InputRefused(thing, f"its constants declare {declared} bytes (operator '{node.name}'); its graph has {size}")
            called = {node.op} & library.keys() | set(_called(node))
            waiting += called - seen
            seen |= called


def _check_operator(node: Any, thing: str) -> None:
    definition = op_def_registry.get(node.op)
    if definition is None:
        raise InputRefused(thing, f"has the custom operator {node.op} ('{node.name}')")
    if node.op in MEMORY_AND_CALLS or node.op == "Const":  # a text by itself does nothing
        return
    types = {argument.type for argument in (*definition.input_arg, *definition.output_arg)}
    types |= {value.type for value in node.attr.values() if value.WhichOneof("value") == "type"}
    types |= {each for value in node.attr.values() for each in value.list.type}
    if node.op.startswith("Assign"):
        raise InputRefused(
            thing,
            f"changes a variable whenever it is used ('{node.name}'); export it without its augmentation layers, or give the .keras file",
        )
    if definition.is_stateful or types & NOT_NUMBERS:
        raise InputRefused(thing, f"has the operator {node.op} ('{node.name}'), which does more than compute numbers")


def _called(node: Any) -> Iterator[str]:
    for value in node.attr.values():
        if value.WhichOneof("value") == "func":
            yield value.func.name
        yield from (function.name for function in value.list.func)


def _constant_size(node: Any) -> int:
    if node.op != "Const":
        return 0
    tensor = node.attr["value"].tensor
    elements: int = math.prod(max(0, part.size) for part in tensor.tensor_shape.dim)
    return elements * max(1, int(tf.dtypes.as_dtype(tensor.dtype).size or 1))
