"""JSON becomes a dataclass only if every value has the declared type."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from runtime.errors import InputRefused
from runtime.system.typed_json import read_as


@dataclass(frozen=True)
class Inner:
    number: float
    text: str = ""


@dataclass(frozen=True)
class Outer:
    inner: Inner
    rows: tuple[Inner, ...]
    by_name: Mapping[str, int]
    outcome: Literal["passed", "failed"]
    maybe: str | None


GOOD = {
    "inner": {"number": 1},
    "rows": [{"number": 0.5, "text": "x"}],
    "by_name": {"a": 3},
    "outcome": "passed",
    "maybe": None,
}


def test_everything_becomes_what_it_is_declared_as() -> None:
    assert read_as(Outer, GOOD, "outer") == Outer(
        Inner(1.0), (Inner(0.5, "x"),), {"a": 3}, "passed", None
    )


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"inner": {}}, "outer.inner: field 'number' is missing"),
        ({"extra": 1}, "outer: unknown field 'extra'"),
        ({"inner": []}, "outer.inner: expected an object, found list"),
        ({"inner": {"number": True}}, "outer.inner.number: expected float, found 'True'"),
        ({"inner": {"number": float("nan")}}, "expected float, found 'nan'"),
        ({"rows": [{"number": "1"}]}, r"outer.rows\[0\].number: expected float"),
        ({"rows": {}}, "outer.rows: expected tuple"),
        ({"by_name": {"a": 1.5}}, "outer.by_name.a: expected int, found '1.5'"),
        ({"outcome": "maybe"}, "outer.outcome: expected .*Literal"),
        ({"maybe": 3}, "outer.maybe: expected str, found '3'"),
        ({"maybe": "half a character \ud800"}, "outer.maybe: expected str"),
        ({"by_name": {"half \ud800": 1}}, "outer: expected str|outer.by_name: expected str"),
        ({"by_name": {"a": 10**400}}, "outer.by_name.a: expected int"),
        ({"inner": {"number": 10**400}}, "outer.inner.number: expected float"),
    ],
)
def test_another_type_is_refused_naming_the_place(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputRefused, match=reason):
        read_as(Outer, {**GOOD, **change}, "outer")
