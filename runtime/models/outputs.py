"""Chooses which outputs of a model file hold the class scores and the similarities."""

from collections.abc import Callable
from typing import Any

import numpy as np

from runtime.errors import InputRefused
from runtime.file_formats.tensors import Shape, Tensor, count_scores, image_shape
from runtime.models.io_adapter import holds_scores

SIMILARITY = "similarity"
"""The second output of a file of ours: the (classes,) cosines, -1..1, between the features of an
image and the nearest prototype of each class."""
FEATURES = "features"
"""The second output of a file that `export` has not finished: the input of its last layer."""


def select_scores_output(
    name: str,
    backend: Any,
    wanted: str | None,
    classes: int | None,
    measure_shape: Callable[[], Shape],
) -> None:
    """Makes `backend` return the class scores, if its model has several outputs.

    The user's choice decides; else the only output with one score for each of `classes`; else, for
    two classes, the only one with a single score.

    Args:
        name: of the model file, for errors.
        backend: may have `outputs`, a mapping from names to tensors, and `choose_output(name)`.
        wanted: the name that the user chose.
        classes: the number of labels; None if they are not known.
        measure_shape: returns the shape of the chosen output, which may run the model.

    Raises:
        InputRefused: there is no such output, or none or several could be meant.
    """
    outputs: dict[str, Tensor] = getattr(backend, "outputs", {})
    if wanted is not None:
        if wanted not in outputs:
            names = ", ".join(outputs) or "no names"
            raise InputRefused("--scores-output", f"found {wanted!r}, but {name} has {names}")
        backend.choose_output(wanted)
        return
    if len(outputs) < 2:
        return
    counts = {}
    for output, tensor in outputs.items():
        if holds_scores(tensor) and output != SIMILARITY:
            backend.choose_output(output)
            counts[output] = _count(name, backend, measure_shape)
    for count in (classes, 1 if classes == 2 else None):
        fitting = [output for output, scores in counts.items() if scores and scores == count]
        if len(fitting) == 1:
            backend.choose_output(fitting[0])
            return
    listed = ", ".join(f"{output} {tensor}" for output, tensor in outputs.items())
    expected = f"one of them with {classes} scores" if classes else "class names, with --labels"
    raise InputRefused(
        name,
        f"has {len(outputs)} outputs ({listed}); expected {expected}, or --scores-output NAME",
    )


def second_output(name: str, backend: Any) -> str | None:
    """Returns the name of the second output of a model file of ours, or None if it has none.

    Raises:
        InputRefused: it is neither of the two that `export` adds, or it is no vector of floats.
    """
    outputs: dict[str, Tensor] = getattr(backend, "outputs", {})
    if len(outputs) < 2:
        return None
    second = next((output for output in (SIMILARITY, FEATURES) if output in outputs), None)
    if len(outputs) > 2 or second is None or outputs[second].dtype is not np.float32:
        returned = [str(tensor) for tensor in outputs.values()]
        raise InputRefused(
            name,
            f"expected the scores and at most the output {SIMILARITY},"
            f" found {backend.input} -> {returned}",
        )
    backend.choose_output(next(output for output in outputs if output != second))
    return second


def _count(name: str, backend: Any, measure_shape: Callable[[], Shape]) -> int | None:
    try:
        return count_scores(name, measure_shape(), image_shape(backend.input)[0] or 1)
    except InputRefused:
        return None
