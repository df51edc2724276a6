"""Tests that class folders must match the labels; another folder is refused with a hint."""

from pathlib import Path

import pytest

from runtime.errors import InputRefused
from runtime.shared.class_folders import class_folders

LABELS = ("bana", "kiwi")


@pytest.mark.parametrize(
    ("inner", "hint"),
    [
        ("ban", "did you mean 'bana'"),
        ("Test/kiwi", "give the folder that holds the class folders"),
        ("zzz", "it has bana, kiwi"),
    ],
)
def test_a_folder_of_another_class_is_refused_by_name(
    tmp_path: Path, inner: str, hint: str
) -> None:
    (tmp_path / inner).mkdir(parents=True)
    (tmp_path / "bana").mkdir()
    name = Path(inner).parts[0]
    with pytest.raises(InputRefused, match=f"has no class '{name}'; {hint}") as caught:
        class_folders(tmp_path, LABELS)
    assert caught.value.thing == str(tmp_path / name)


def test_class_folders_are_found_whatever_the_unicode_form_of_their_name(tmp_path: Path) -> None:
    (tmp_path / "cafe\u0301").mkdir()
    assert class_folders(tmp_path, ("caf\u00e9", "b")) == [("caf\u00e9", tmp_path / "cafe\u0301")]
    assert class_folders(tmp_path, ("b", "cafe\u0301"))[0][0] == "cafe\u0301"


def test_what_has_no_class_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").touch()
    for place, reason in (
        (tmp_path, "such as bana/1.jpg"),
        (tmp_path / "1.jpg", "not a folder"),
        (tmp_path / "none", "no such folder"),
    ):
        with pytest.raises(InputRefused, match=reason):
            class_folders(place, LABELS)
