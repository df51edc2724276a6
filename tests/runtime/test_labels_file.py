"""Labels files as people write them, and those that cannot be meant (FAULTS E19)."""

from pathlib import Path

import pytest

from runtime.errors import InputRefused
from runtime.labels_file import check_count, read_labels, read_repeated_labels, told_apart


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
    ],
)
def test_every_usual_form_gives_the_same_names(tmp_path: Path, content: bytes) -> None:
    assert labels(tmp_path, content) == ("banana", "red apple")


@pytest.mark.parametrize(
    "lines", [["n07753592 banana", "apple"], ["0 banana", "apple"], ["7 up", "5 star"], ["1984 model", "1985 model"], ["3", "8"]]
)
def test_what_not_every_line_has_or_does_not_count_the_lines_is_part_of_the_name(tmp_path: Path, lines: list[str]) -> None:
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
    ],
)
def test_what_cannot_be_meant_is_refused_naming_the_line(tmp_path: Path, content: bytes, reason: str) -> None:
    with pytest.raises(InputRefused, match=reason):
        labels(tmp_path, content)


@pytest.mark.parametrize("classes", [1, 3])
def test_another_number_of_outputs_is_refused_with_both_numbers(tmp_path: Path, classes: int) -> None:
    with pytest.raises(InputRefused, match=f"has 2 labels, the model {classes} outputs"):
        check_count(tmp_path, ("a", "b"), classes)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="no such file"):
        read_labels(tmp_path / "none.txt")


def test_names_that_stand_twice_are_told_apart_by_their_output_where_they_are_taken(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("crane\nmaillot\ncrane\n")
    names = read_repeated_labels(tmp_path / "labels.txt")
    assert names == ("crane", "maillot", "crane")
    assert told_apart(names) == ("crane (0)", "maillot", "crane (2)")
