"""Checks that each format has its row in every table that a format needs."""

import pytest

from export.emulation.devices import INTERPRETERS
from export.formats.artifact_spec import ArtifactSpec
from export.formats.registry import FORMATS
from export.formats.targets.targets import known_targets
from runtime.backends.base import BACKENDS


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_can_be_run_on_a_device_and_on_an_emulated_one(name: str) -> None:
    assert f".{name}" in BACKENDS
    assert name in INTERPRETERS


@pytest.mark.parametrize("name", FORMATS)
def test_the_targets_of_a_format_are_in_the_table(name: str) -> None:
    row = FORMATS[name]
    assert known_targets()[row.default_target].format == name
    packages = {target.split("==")[0] for target in known_targets()}
    assert set(row.runtimes) <= packages


@pytest.mark.parametrize("name", FORMATS)
def test_a_row_loads_and_makes_each_of_its_precisions(name: str) -> None:
    row = FORMATS[name]
    for target in (row.convert, row.with_manifest, row.check_target, row.layer_errors):
        assert target is None or callable(target.load())
    for precision in row.precisions:
        assert ArtifactSpec(name, precision).file == f"model.{precision}.{name}"
