"""Writes folders in one step, and lists what a folder holds, for the tests of atomic files."""

from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.system.atomic_files import new_folder


@pytest.fixture(scope="session")
def names() -> Callable[[Path], list[str]]:
    return lambda folder: sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="session")
def fill() -> Callable[[Path, str], None]:
    """Makes a folder of two files with this text."""

    def make(folder: Path, text: str) -> None:
        with new_folder(folder) as new:
            (new / "sub").mkdir()
            (new / "sub" / "part").write_text(text)
            (new / "whole").write_text(text)

    return make
