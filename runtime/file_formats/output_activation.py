"""Finds the operator that makes a model's scores, in the graph of any file format."""

from collections.abc import Container, Hashable, Mapping
from typing import Literal, TypeVar

OutputActivation = Literal["softmax", "sigmoid", "other"]
"""Softmax scores add up to 1, sigmoid scores are one probability per class, others are logits."""
MAX_OPERATORS = 20
"""How many operators are followed back from the output at most; a damaged file may have a loop."""

TensorKey = TypeVar("TensorKey", bound=Hashable)
Operator = TypeVar("Operator", bound=Hashable)


def find_origin(
    tensor: TensorKey,
    producers: Mapping[TensorKey, tuple[Operator, TensorKey]],
    passing: Container[Operator],
) -> TensorKey:
    """Returns the tensor that the operators in `passing` made `tensor` of.

    Args:
        tensor: where the search begins.
        producers: for each tensor the operator that makes it, and that operator's first input.
        passing: the operators to follow back.
    """
    for _ in range(MAX_OPERATORS):
        if tensor not in producers or producers[tensor][0] not in passing:
            break
        tensor = producers[tensor][1]
    return tensor


def find_output_activation(
    output: TensorKey,
    producers: Mapping[TensorKey, tuple[Operator, TensorKey]],
    activations: Mapping[Operator, OutputActivation],
    passing: Container[Operator],
) -> OutputActivation:
    """Returns the activation that makes `output`.

    Args:
        output: the tensor that holds the scores.
        producers: as in `find_origin`.
        activations: the operators that are an activation.
        passing: the operators whose output holds the same scores as their input.
    """
    origin = find_origin(output, producers, passing)
    if origin not in producers:
        return "other"
    return activations.get(producers[origin][0], "other")
