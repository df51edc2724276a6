"""Tests labels files in other formats: read, or refused by the name of the format."""

from pathlib import Path

import pytest

from runtime.errors import InputRefused
from runtime.models.labels import read_labels


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("l.json", '["a", "b"]'),
        ("l.txt", '\n[\n "a",\n "b"\n]\n'),
        ("l.json", '{"1": "b", "0": "a"}'),
        ("l.json", '{"1": "a", "2": "b"}'),
        ("config.json", '{"model_type": "vit", "id2label": {"0": "a", "1": "b"}}'),
        ("config.json", '{"label2id": {"b": 1, "a": 0}}'),
        ("l.json", '{"b": 1, "a": 0}'),
        ("l.json", '{"0": ["n01440764", "a"], "1": ["n01443537", "b"]}'),
        ("manifest.json", '{"labels": ["a", "b"]}'),
        ("l.csv", "id,name\n0,a\n1,b\n"),
        ("l.txt", "id,name\n1,b\n0,a\n"),
        ("l.csv", "\ufeffIndex;Class Name\r\n0;a\r\n1;b\r\n"),
        ("l.csv", "nr;Frucht\n0;a\n1;b\n"),
        ("l.csv", "name\na\nb\n"),
        ("l.csv", "name,count\na,2\nb,1\n"),
        ("l.csv", "label,name\n0,a\n1,b\n"),
        ("l.csv", "index,mid,display_name\n0,/m/09,a\n1,/m/05,b\n"),
        ("l.csv", "0,a\n1,b\n"),
        ("l.tsv", "label\twhere\na\tx\nb\ty\n"),
        ("l.csv", "id|name\n1|b\n0|a\n"),
        ("l.csv", "a\nb\n"),
    ],
)
def test_json_and_csv_are_read(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert read_labels(tmp_path / name) == ("a", "b")


def test_quoted_name_keeps_its_comma(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text('id,name\n0,"crane, bird"\n1,b\n')
    assert read_labels(tmp_path / "l.csv") == ("crane, bird", "b")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("text", ["a\r\nbé\r\n", '["a", "bé"]', "id,name\n0,a\n1,bé\n"])
def test_text_with_a_byte_order_mark_is_read(tmp_path: Path, encoding: str, text: str) -> None:
    (tmp_path / "l.txt").write_bytes(text.encode(encoding))
    assert read_labels(tmp_path / "l.txt") == ("a", "bé")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("l.json", '{"0": "a", "2": "b"}', "indices must count from 0, but 1 is missing"),
        ("l.json", '{"0": "a", "0": "b"}', "the key '0' stands twice"),
        ("l.json", '{"a": 0, "b": 0}', "0 stands 2 times"),
        ("l.json", '{"a": "x"}', r"without a list of names \(its keys: a\)"),
        ("l.json", "[1, 2]", "without a list of names"),
        ("l.json", '["a", " "]', "without a list of names"),
        ("l.json", "a\nb\n", "not valid JSON"),
        ("l.txt", '{"0": "a",', "not valid JSON"),
        ("l.txt", "{0: 'a', 1: 'b'}", "not valid JSON"),
        ("l.jsonl", '{"id": 0}\n{"id": 1}\n', "not valid JSON"),
        ("l.csv", "id,name\n0,a\n5,b\n", "1 is missing"),
        ("l.csv", "id,name\n0,a,c\n1,b\n", "row 2 has 3 columns"),
        ("l.csv", "id,name\n0,\n1,b\n", "a name is missing"),
        ("l.csv", "name,label\na,x\nb,y\n", "one must be 'name'"),
        ("l.csv", "apple,red\npear,green\n", "2 columns without a heading"),
        ("data.yaml", "path: x\nnames:\n  0: a\n  1: b\n", "is YAML"),
        ("map.pbtxt", "item {\n id: 1\n name: 'a'\n}\n", "label map of TensorFlow"),
        ("l.xml", "<?xml version='1.0'?>\n<a/>\n", "XML"),
    ],
)
def test_other_content_is_refused_for_what_it_is_with_the_next_step(
    tmp_path: Path, name: str, text: str, reason: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputRefused, match=f"{reason}.*(correct|write) ") as refusal:
        read_labels(tmp_path / name)
    assert ".txt file, one a line" in str(refusal.value)


@pytest.mark.parametrize("content", ["a\nb\n".encode("utf-16-le"), b"PK\3\4\0\0", b"\xff\xfea"])
def test_other_encoding_is_refused_with_the_next_step(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "l.txt").write_bytes(content)
    with pytest.raises(InputRefused, match="save it as UTF-8"):
        read_labels(tmp_path / "l.txt")


@pytest.mark.parametrize("lines", [["<unk>", "b"], ["tench, Tinca tinca", "a, b"], ["[1] a", "x"]])
def test_lines_that_only_resemble_a_format_are_names(tmp_path: Path, lines: list[str]) -> None:
    (tmp_path / "l.txt").write_text("\n".join(lines))
    assert read_labels(tmp_path / "l.txt") == tuple(lines)
