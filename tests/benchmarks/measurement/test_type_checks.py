"""Tests that a field of another type than its dataclass says is refused by name."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from benchmarks.measurement.type_checks import expect_types
from runtime.errors import InputRefused


@dataclass(frozen=True)
class Fruit:
    name: str
    weight_g: float | None
    pips: int
    sizes: tuple[float, ...] = ()
    prices: Mapping[str, str] | None = None


GOOD = {"name": "fig", "weight_g": 5, "pips": 3, "sizes": (1.0, 2), "prices": {"a": "b"}}


@pytest.mark.parametrize(
    "change", [{}, {"weight_g": None}, {"weight_g": 5.5}, {"prices": None}], ids=str
)
def test_right_types_pass(change: dict) -> None:
    expect_types(Fruit(**{**GOOD, **change}), "fruit")


@pytest.mark.parametrize(
    "change",
    [
        {"name": None},
        {"name": 5},
        {"weight_g": "5"},
        {"weight_g": float("nan")},
        {"weight_g": True},
        {"pips": 3.0},
        {"pips": True},
        {"pips": None},
        {"sizes": [1.0]},
        {"sizes": (1.0, "2")},
        {"prices": {"a": 5}},
        {"prices": ()},
    ],
    ids=str,
)
def test_other_types_are_refused_by_name(change: dict) -> None:
    with pytest.raises(InputRefused, match=rf"fruit: expected fruit\.{next(iter(change))} to be "):
        expect_types(Fruit(**{**GOOD, **change}), "fruit")
