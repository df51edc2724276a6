"""Tests that no older bundle replaces a newer one by accident, and what counts as a time."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.bundles.bundle import Bundle
from runtime.deployment.install import install, roll_back
from runtime.errors import InputRefused

MakeBundle = Callable[..., Path]
FIRST, SECOND = "2026-01-31T12:00:00Z", "2026-02-01T12:00:00Z"


@pytest.mark.parametrize(
    ("current_time", "offered_time", "words"),
    [
        (SECOND, FIRST, [FIRST, SECOND, "--allow-downgrade"]),
        (FIRST, None, ["does not say", "--allow-downgrade"]),
    ],
)
def test_older_one_is_refused_unless_allowed(
    make_bundle: MakeBundle,
    in_use: Path,
    current_time: str,
    offered_time: str | None,
    words: list[str],
    contents,
) -> None:
    install(make_bundle("current", provenance={"exported": current_time}), in_use)
    older = make_bundle(
        "older", factor=0.5, provenance={"exported": offered_time} if offered_time else {}
    )
    before = contents(in_use.parent)
    with pytest.raises(InputRefused) as refusal:
        install(older, in_use)
    assert all(word in str(refusal.value) for word in words)
    assert contents(in_use.parent) == before
    assert install(older, in_use, allow_downgrade=True).bundle_id == Bundle.open(older).id


@pytest.mark.parametrize("time", [5, "yesterday", "2026-02-30", "9999", ["x"], f"{FIRST}\n"])
def test_time_that_is_none_is_refused(
    make_bundle: MakeBundle, in_use: Path, first: Path, time: object
) -> None:
    install(first, in_use)
    with pytest.raises(InputRefused, match=r"provenance\.exported"):
        install(make_bundle("strange", factor=0.5, provenance={"exported": time}), in_use)


@pytest.mark.parametrize(
    "time",
    [
        5,
        "2026-99-99T12:00:00Z",
        "2026-02-30T12:00:00Z",
        "2026-01-01T24:00:00Z",
        "٢٠٢٦-01-01T12:00:00Z",
    ],
)
@pytest.mark.parametrize("allow_downgrade", [False, True])
def test_impossible_time_is_refused_before_anything_is_written(
    make_bundle: MakeBundle, in_use: Path, time: object, allow_downgrade: bool
) -> None:
    strange = make_bundle("strange", provenance={"exported": time})
    with pytest.raises(
        InputRefused, match=r"strange/manifest\.json: expected provenance\.exported"
    ) as refusal:
        install(strange, in_use, allow_downgrade=allow_downgrade)
    assert "\n" not in str(refusal.value)
    assert not in_use.parent.exists()


def test_time_far_ahead_is_only_let_in_if_allowed(make_bundle: MakeBundle, in_use: Path) -> None:
    """Else it would shut out every later bundle."""
    ahead = make_bundle("ahead", provenance={"exported": "9999-12-31T12:00:00Z"})
    with pytest.raises(InputRefused, match=r"9999-12-31.*clock says.*--allow-downgrade"):
        install(ahead, in_use)
    assert not in_use.exists()
    assert install(ahead, in_use, allow_downgrade=True).exported == "9999-12-31T12:00:00Z"


def test_impossible_time_of_one_that_is_there_shuts_out_neither_update_nor_rollback(
    make_bundle: MakeBundle, in_use: Path
) -> None:
    strange = make_bundle("strange", provenance={"exported": 5})
    shutil.copytree(strange, in_use)
    newer = make_bundle("newer", factor=0.5, provenance={"exported": "2026-01-31T12:00:00Z"})
    with pytest.raises(InputRefused, match=r"fruit/manifest\.json: .*--allow-downgrade"):
        install(newer, in_use)
    assert install(newer, in_use, allow_downgrade=True).previous_id == Bundle.open(strange).id
    assert roll_back(in_use).exported is None
