"""Tests what records with what a result was made."""

from importlib import metadata
from pathlib import Path

import pytest

from runtime.deployment.export_time import exported_at
from runtime.images.preprocessing import Preprocessing
from runtime.models.manifest import Manifest
from runtime.system.provenance import source_digest, utc_now, versions


def test_versions_are_those_installed_and_missing_packages_are_left_out() -> None:
    assert versions("numpy", "no-such-package-here") == {"numpy": metadata.version("numpy")}


def test_source_digest_changes_with_the_source_and_only_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "digested_package"
    package.mkdir()
    (package / "__init__.py").write_text("A = 1\n")
    (package / "part.py").write_text("B = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    first = source_digest("digested_package")
    (package / "notes.txt").write_text("x")
    assert source_digest("digested_package") == first
    (package / "part.py").write_text("B = 2\n")
    second = source_digest("digested_package")
    (package / "part.py").rename(package / "other.py")
    assert len({first, second, source_digest("digested_package")}) == 3


def test_time_is_utc_and_can_be_set(monkeypatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert (
        exported_at(Manifest("x", ("a", "b"), Preprocessing(8, 8), (), {"exported": utc_now()}))
        >= "2026-"
    )
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    assert utc_now() == "1970-01-01T00:00:00Z"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    assert utc_now() >= "2026-"
