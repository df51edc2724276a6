"""Tests that JSON and text from outside are read strictly."""

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from runtime.errors import InputRefused
from runtime.system.json_records import (
    MAX_JSON_BYTES,
    MAX_JSON_DEPTH,
    expect_list,
    expect_text,
    from_json_object,
    parse_json,
    read_text,
    rename_old_keys,
)


@dataclass(frozen=True)
class Fruit:
    name: str
    weight_g: int = 100


def test_record_needs_exactly_its_fields() -> None:
    assert from_json_object(Fruit, {"name": "fig"}) == Fruit("fig", 100)
    assert from_json_object(Fruit, {"name": "fig", "weight_g": 5}) == Fruit("fig", 5)
    with pytest.raises(InputRefused, match="unknown field 'colour' in fruit"):
        from_json_object(Fruit, {"name": "fig", "colour": "red"})
    with pytest.raises(InputRefused, match="field 'name' is missing in fruit"):
        from_json_object(Fruit, {"weight_g": 5})
    for wrong in (None, [], "fig", 5):
        with pytest.raises(InputRefused, match="expected fruit to be an object"):
            from_json_object(Fruit, wrong)


def test_expectations_name_the_field() -> None:
    assert expect_list("fruits", [1]) == [1]
    with pytest.raises(InputRefused, match="expected fruits to be a list, found dict"):
        expect_list("fruits", {})
    expect_text(Fruit("fig"), "name")
    for wrong in ("", 5, None):
        with pytest.raises(InputRefused, match=r"fruit\.name to be a text"):
            expect_text(Fruit(wrong), "name")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "text",
    ["", "{", "nul", "[" * 100_000, "1" * 5000, '{"a":1}x', "\ufeff{}"],
    ids=lambda text: repr(text[:7]),
)
def test_invalid_json_is_refused(text: str) -> None:
    with pytest.raises(InputRefused, match="not valid JSON"):
        parse_json(text)


def test_json_that_would_fill_the_memory_is_refused_unparsed() -> None:
    with pytest.raises(InputRefused, match=f"over {MAX_JSON_BYTES} bytes"):
        parse_json("[" + "{}," * (MAX_JSON_BYTES // 3) + "{}]")


def test_text_is_read_as_utf_8(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes("猫\r\n".encode())
    assert read_text(tmp_path / "a", "no") == "猫\r\n"


def test_text_that_cannot_be_read_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(2**32)
    reasons = {
        "latin": "not UTF-8",
        "fifo": "not a regular file",
        "zero": "not a regular file",
        "loop": "symbolic links",
        "sparse": "over",
    }
    for name, reason in reasons.items():
        with pytest.raises(InputRefused, match=f"{name}: {reason}|{name}: .*{reason}"):
            read_text(tmp_path / name, "no")
    with pytest.raises(InputRefused, match=r"not a bundle: it has no manifest\.json"):
        read_text(tmp_path / "manifest.json", "not a bundle")


@pytest.mark.parametrize(
    ("opening", "closing"), [("[", "]"), ('{"a":', "}")], ids=["lists", "objects"]
)
def test_json_may_be_nested_a_hundred_deep_and_no_deeper(opening: str, closing: str) -> None:
    """Deeper JSON could exceed Python's recursion limit in `asdict`."""

    def nested(depth: int) -> str:
        return opening * depth + "0" + closing * depth

    parse_json(nested(MAX_JSON_DEPTH))
    for depth in (MAX_JSON_DEPTH + 1, 480, 900):
        with pytest.raises(InputRefused, match="nested more than 100 deep"):
            parse_json(nested(depth))
    parse_json("[" + "0," * 1000 + "[]]")


def test_an_old_key_never_hides_that_of_today() -> None:
    names = {"label": "predicted"}
    assert rename_old_keys({"label": "a"}, names) == {"predicted": "a"}
    for data in ({"predicted": "b", "label": "a"}, {"label": "a", "predicted": "b"}):
        assert rename_old_keys(data, names) == data
