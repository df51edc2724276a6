"""Tests that each fault in docs/faults.md names a test that exists."""

from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_every_fault_names_its_test() -> None:
    rows = [line for line in (ROOT / "docs/faults.md").read_text().splitlines() if line[:2] == "| "]
    names = [row.rstrip(" |").rsplit("|", 1)[1].strip() for row in rows[1:]]
    assert names
    for name in names:
        file, _, function = name.partition("::")
        assert (ROOT / file).is_file(), file
        assert not function or f"def {function}(" in (ROOT / file).read_text(), name
