"""Tests that the tables of docs/results.md are what the commands print."""

from pathlib import Path

import pytest

from benchmarks.commands.table import main
from benchmarks.recorded.docs_table import END, begin_mark, write_into
from runtime.errors import InputRefused

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "results.md"
PRINTED = {"claims": "docs/results.json", "peers": "docs/peers.json"}
COMMAND = "python -m benchmarks claims --table x.json"


@pytest.mark.parametrize("verb", PRINTED)
def test_page_holds_what_the_command_prints(verb: str, monkeypatch, capsys) -> None:
    monkeypatch.chdir(ROOT)
    assert main([verb, "--table", PRINTED[verb]]) == 0
    printed = capsys.readouterr().out
    mark = begin_mark(f"python -m benchmarks {verb} --table {PRINTED[verb]}")
    assert PAGE.read_text().count(f"{mark}\n{printed}{END}") == 1
    assert printed.startswith("| ")


@pytest.mark.parametrize(
    ("verb", "keys"),
    [
        ("claims", {"rounds": "runs"}),
        (
            "peers",
            {"artifact": "model", "their_artifact": "their_model", "with_images": "images"}
            | {"image_labels": "truth", "predicted_labels": "labels"},
        ),
    ],
)
def test_results_of_the_schema_before_print_the_same(
    verb: str, keys: dict[str, str], tmp_path: Path, capsys
) -> None:
    text = (ROOT / PRINTED[verb]).read_text()
    for new, old in keys.items():
        assert f'"{new}": ' in text
        text = text.replace(f'"{new}": ', f'"{old}": ')
    (tmp_path / "old.json").write_text(text.replace('"schema": 3', '"schema": 2'))
    assert main([verb, "--table", str(tmp_path / "old.json")]) == 0
    assert main([verb, "--table", str(ROOT / PRINTED[verb])]) == 0
    printed = capsys.readouterr().out
    assert printed[: len(printed) // 2] * 2 == printed


@pytest.mark.parametrize("verb", PRINTED)
def test_committed_results_name_no_folder_of_a_machine(verb: str) -> None:
    text = (ROOT / PRINTED[verb]).read_text()
    assert not [
        folder
        for folder in ("/tmp", "/home/", "/root/", "/Users/", str(ROOT.parent))
        if folder in text
    ]


def test_only_the_part_of_that_command_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    other = f"{begin_mark(COMMAND.replace('claims', 'peers'))}\nkept\n{END}\n"
    page.write_text(f"above\n{begin_mark(COMMAND)}\nold\n{END}\nbetween\n{other}below\n")
    write_into(page, COMMAND, "new\n")
    assert page.read_text() == f"above\n{begin_mark(COMMAND)}\nnew\n{END}\nbetween\n{other}below\n"


@pytest.mark.parametrize(
    "text",
    ["nothing", f"{begin_mark(COMMAND)}\nno end", f"{begin_mark(COMMAND)}\n{END}\n" * 2],
    ids=["none", "no end", "two"],
)
def test_page_without_one_place_for_it_is_refused(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(
        InputRefused, match="expected one line '<!-- printed by: python -m benchmarks claims"
    ):
        write_into(page, COMMAND, "new\n")
    assert page.read_text() == text
