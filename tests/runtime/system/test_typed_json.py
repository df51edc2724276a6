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
        ({"inner": {}}, "field 'number' is missing in outer.inner"),
        ({"extra": 1}, "unknown field 'extra' in outer"),
        ({"inner": []}, "expected outer.inner to be an object, found list"),
        ({"inner": {"number": True}}, "expected outer.inner.number to be float, found 'True'"),
        ({"inner": {"number": float("nan")}}, "to be float, found 'nan'"),
        ({"rows": [{"number": "1"}]}, r"expected outer.rows\[0\].number to be float"),
        ({"rows": {}}, "expected outer.rows to be tuple"),
        ({"by_name": {"a": 1.5}}, "expected outer.by_name.a to be int, found '1.5'"),
        ({"outcome": "maybe"}, "expected outer.outcome to be .*Literal"),
        ({"maybe": 3}, "expected outer.maybe to be str, found '3'"),
        ({"maybe": "half a character \ud800"}, "expected outer.maybe to be str"),
        ({"by_name": {"half \ud800": 1}}, "expected outer.by_name to be str"),
        ({"by_name": {"a": 10**400}}, "expected outer.by_name.a to be int"),
        ({"inner": {"number": 10**400}}, "expected outer.inner.number to be float"),
    ],
)
def test_another_type_is_refused_naming_the_place(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputRefused, match=reason):
        read_as(Outer, {**GOOD, **change}, "outer")
