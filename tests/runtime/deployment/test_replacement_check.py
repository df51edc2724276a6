"""Tests that a bundle replaces another only after a comparison, or the user's own word."""

from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.bundles.bundle import Bundle
from runtime.deployment.install import install
from runtime.deployment.replacement_check import identities
from runtime.errors import InputRefused

MakeBundle = Callable[..., Path]


def trained(number: int, replaces: object = None) -> dict[str, object]:
    """The provenance of a bundle of another trained model, with its comparison."""
    rows = {} if replaces is None else {"against": {"small.onnx": {"replaces": replaces}}}
    return {"model_sha256": f"{number}" * 64, "exported": f"2026-0{number}-01T12:00:00Z"} | rows


@pytest.fixture
def old(make_bundle: MakeBundle, in_use: Path) -> Bundle:
    install(make_bundle("old", provenance=trained(1)), in_use)
    return Bundle.open(in_use)


@pytest.mark.parametrize("replaces", [None, [], ["f" * 12], "all", {"x": 1}, [1]])
def test_without_a_comparison_with_the_one_in_use_it_is_refused(
    make_bundle: MakeBundle, in_use: Path, old: Bundle, replaces: object
) -> None:
    new = make_bundle("new", factor=0.5, provenance=trained(2, replaces))
    with pytest.raises(InputRefused, match=f"small.onnx was not compared .* {old.id}; .*--against"):
        install(new, in_use)
    assert Bundle.open(in_use).id == old.id
    install(new, in_use, allow_uncompared=True)
    assert Bundle.open(in_use).id == Bundle.open(new).id


@pytest.mark.parametrize("number", [0, 1])
def test_a_comparison_with_the_bundle_or_its_model_is_enough(
    make_bundle: MakeBundle, in_use: Path, old: Bundle, number: int
) -> None:
    new = make_bundle("new", factor=0.5, provenance=trained(2, [identities(old)[number]]))
    assert install(new, in_use).bundle_id == Bundle.open(new).id


def test_another_file_of_the_same_model_needs_none(
    make_bundle: MakeBundle, in_use: Path, old: Bundle
) -> None:
    again = make_bundle("again", factor=0.5, provenance=trained(1))
    assert install(again, in_use).outcome == "installed"


def test_a_device_that_missed_an_update_takes_the_next(
    make_bundle: MakeBundle, in_use: Path, old: Bundle
) -> None:
    second = make_bundle("second", factor=0.5, provenance=trained(2, list(identities(old))))
    chain = identities(Bundle.open(second))
    third = make_bundle("third", factor=0.7, provenance=trained(3, list(chain)))
    assert install(third, in_use).previous_id == old.id


def test_the_command_names_the_way_on(
    make_bundle: MakeBundle, in_use: Path, old: Bundle, run_cli, refuses
) -> None:
    new = make_bundle("new", factor=0.5, provenance=trained(2))
    refuses(run_cli("runtime", "install", new, in_use), 2, "--against", "--allow-uncompared")
    assert run_cli("runtime", "install", new, in_use, "--allow-uncompared").returncode == 0
