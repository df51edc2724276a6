"""Provides the place of an installed bundle, and the bundle that is installed there first."""

from collections.abc import Callable
from pathlib import Path

import pytest

FIRST_EXPORT = "2026-01-31T12:00:00Z"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "device/fruit"


@pytest.fixture
def first(make_bundle: Callable[..., Path]) -> Path:
    return make_bundle("first", provenance={"exported": FIRST_EXPORT})
