"""Tests of runtime.system.cache_dir."""

from pathlib import Path

from runtime.system.cache_dir import default_cache


def test_cache_lies_where_the_environment_says(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "quince"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_cache() == tmp_path / ".cache" / "quince"
