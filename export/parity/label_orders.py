"""Tries the labels of a model in other orders, since a list from another tool may have another."""

import re
from collections.abc import Iterator

import numpy as np

from export.parity.baseline import Indices

Labels = tuple[str, ...]


def usual_orders(labels: Labels) -> Iterator[tuple[str, Labels]]:
    """Yields each order that tools commonly use, and its name, if it is another than `labels`."""
    for name, order in (
        ("reversed", labels[::-1]),
        ("alphabetical", sorted(labels)),
        ("dictionary", sorted(labels, key=str.casefold)),
        ("numerical", sorted(labels, key=_by_numbers)),
    ):
        if tuple(order) != labels:
            yield name, tuple(order)


def fitted_order(truth: Indices, answers: Indices, labels: Labels) -> Labels:
    """Returns the order in which the answers fit the truth best, by a greedy choice.

    The pair of an output and a class that meets most often comes first. What never meets keeps its
    place if it can. Both arguments are (n,) indices of `labels`.
    """
    meetings = np.zeros((len(labels), len(labels)), int)
    np.add.at(meetings, (answers, truth), 1)
    order: dict[int, int] = {}
    for pair in np.argsort(-meetings, axis=None, kind="stable"):
        output, label = divmod(int(pair), len(labels))
        if not meetings[output, label]:
            break
        if output not in order and label not in order.values():
            order[output] = label
    unused = [label for label in range(len(labels)) if label not in order.values()]
    for output in range(len(labels)):
        if output not in order:
            order[output] = unused.pop(unused.index(output) if output in unused else 0)
    return tuple(labels[order[output]] for output in range(len(labels)))


def truth_in_order(truth: Indices, labels: Labels, order: Labels) -> Indices:
    """Returns the (n,) indices in `order` of the classes that are `truth` in `labels`."""
    rank = {label: index for index, label in enumerate(order)}
    return np.array([rank[label] for label in labels])[truth]


def _by_numbers(label: str) -> list[tuple[bool, int, str]]:
    """Returns a key by which class2 comes before class10."""
    return [
        (not part.isdecimal(), int(part) if part.isdecimal() else 0, part)
        for part in re.split(r"(\d+)", label)
        if part
    ]
