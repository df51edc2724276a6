"""Checks labels files as people write them, and those that are refused (FAULTS E19)."""

import json
from pathlib import Path

import pytest

from runtime.errors import InputRefused
from runtime.models.labels import (
    check_label_count,
    labels_file_text,
    labels_text,
    make_labels_unique,
    parse_labels,
    read_labels,
    read_repeated_labels,
)


def labels(tmp_path: Path, content: bytes) -> tuple[str, ...]:
    (tmp_path / "labels.txt").write_bytes(content)
    return read_labels(tmp_path / "labels.txt")


@pytest.mark.parametrize(
    "content",
    [
        b"banana\nred apple\n",
        b"banana\nred apple",
        b"banana\r\nred apple\r\n",
        b"banana\rred apple\r",
        b"\xef\xbb\xbfbanana\nred apple\n",
        b"banana\nred apple\n\n \n\r\n",
        b"n07753592 banana\nn07739125 red apple\n",
        b"0 banana\n1 red apple\n",
        b"1: banana\n2: red apple\n",
        b"0,banana\n1,red apple\n",
        b"1. banana\n2. red apple\n",
        b"0) banana\n1) red apple\n",
        b"0 - banana\n1 - red apple\n",
    ],
)
def test_every_usual_form_gives_the_same_names(tmp_path: Path, content: bytes) -> None:
    assert labels(tmp_path, content) == ("banana", "red apple")


def test_names_are_in_the_unicode_form_of_class_folders(tmp_path: Path) -> None:
    for content in ("cafe\u0301\nb\n", '{"0": "cafe\u0301", "1": "b"}'):
        assert labels(tmp_path, content.encode()) == ("caf\u00e9", "b")


@pytest.mark.parametrize(
    "lines",
    [
        ["n07753592 banana", "apple"],
        ["0 banana", "apple"],
        ["7 up", "5 star"],
        ["1984 model", "1985 model"],
        ["3", "8"],
        ["0.5 mm", "1.5 mm"],
        ["0 fingers", "1 finger", "2 fingers"],
        ["1 finger", "10 fingers", "2 fingers"],
        ["none", "1 finger", "2 fingers"],
    ],
)
def test_what_not_every_line_has_or_does_not_count_the_lines_is_part_of_the_name(
    tmp_path: Path, lines: list[str]
) -> None:
    assert labels(tmp_path, "\n".join(lines).encode()) == tuple(lines)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "holds no class names"),
        (b"\xef\xbb\xbf\n\n", "holds no class names"),
        (b"a\n\nb\n", "line 2 is blank"),
        (b"a\nb\na\n", "lines 1 and 3 are both 'a'"),
        (b"n01234567 crane\nn07654321 crane\n", "lines 1 and 2 are both 'crane'"),
        (b"1 b\n0 a\n2 c\n", "out of order at line 1"),
        (b"a\xff\n", "not UTF-8"),
        (b"a,b,c\n", "all names on one line with ','"),
        ("e\u0301\n\u00e9\n".encode(), "lines 1 and 2 are both"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:a\nsize 12\n", "git lfs pull"),
    ],
)
def test_what_cannot_be_meant_is_refused_naming_the_line(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    with pytest.raises(InputRefused, match=reason):
        labels(tmp_path, content)


@pytest.mark.parametrize("classes", [1, 3])
def test_another_number_of_outputs_is_refused_with_both_numbers(
    tmp_path: Path, classes: int
) -> None:
    with pytest.raises(InputRefused, match=f"has 2 labels, but the model has {classes} outputs"):
        check_label_count(tmp_path, ("a", "b"), classes)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="no such file"):
        read_labels(tmp_path / "none.txt")


def test_names_that_stand_twice_are_told_apart_by_their_output_where_they_are_taken(
    tmp_path: Path,
) -> None:
    (tmp_path / "labels.txt").write_text("crane\nmaillot\ncrane\n")
    names = read_repeated_labels(tmp_path / "labels.txt")
    assert names == ("crane", "maillot", "crane")
    assert make_labels_unique(names) == ("crane (0)", "maillot", "crane (2)")


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (["1 person", "3 crowd"], ("1 person", "2 persons", "3 crowd")),
        (["person", "crowd"], ("person", "persons", "crowd")),
        ([], ("person", "persons", "crowd")),
    ],
)
def test_class_folders_decide_whether_a_number_is_part_of_a_name(
    tmp_path: Path, folders: list[str], expected: tuple[str, ...]
) -> None:
    (tmp_path / "labels.txt").write_text("1 person\n2 persons\n3 crowd\n")
    assert read_labels(tmp_path / "labels.txt", folders) == expected


QUINCE_LABELS = [
    ("banana", "red apple"),
    ("1 person", "2 persons", "3 crowd"),
    ("0 fingers", "1 finger", "2 fingers"),
    ("0 fingers",),
    ("1 a", "10 c", "2 b"),
    ("2 b", "1 a"),
    ("0 0 a", "1 1 b"),
    ("n01234567 a", "n01234568 b"),
    ('{"a"', "b"),
    ("names:", "b"),
    ("id,name", "1,b"),
]


@pytest.mark.parametrize("names", QUINCE_LABELS)
def test_labels_that_quince_writes_are_read_back_wherever_the_file_lies(
    names: tuple[str, ...],
) -> None:
    assert parse_labels(labels_file_text(names), "labels.txt") == names


@pytest.mark.parametrize("names", [*QUINCE_LABELS, (" a", "b\nc")])
@pytest.mark.parametrize("write", [labels_text, labels_file_text])
def test_labels_beside_their_manifest_are_those_of_the_manifest(
    tmp_path: Path, names: tuple[str, ...], write
) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps({"labels": names}))
    assert labels(tmp_path, write(names).encode()) == names


def test_manifest_with_other_labels_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"labels": ["x", "y"]}')
    assert labels(tmp_path, b"0 a\n1 b\n") == ("a", "b")
