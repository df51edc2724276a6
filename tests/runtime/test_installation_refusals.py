"""runtime.installation: what is refused before anything is written, and what the same bundle again does."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.bundle import Bundle
from runtime.errors import InputRefused
from runtime.installation import install, roll_back

MakeBundle = Callable[..., Path]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "device/fruit"


@pytest.mark.parametrize("told", [5, "2026-99-99T12:00:00Z", "2026-02-30T12:00:00Z", "2026-01-01T24:00:00Z", "٢٠٢٦-01-01T12:00:00Z"])
@pytest.mark.parametrize("allow_downgrade", [False, True])
def test_impossible_time_is_refused_before_anything_is_written(
    make_bundle: MakeBundle, place: Path, told: object, allow_downgrade: bool
) -> None:
    strange = make_bundle("strange", provenance={"exported": told})
    with pytest.raises(InputRefused, match=r"strange/manifest\.json: expected provenance\.exported") as refusal:
        install(strange, place, allow_downgrade=allow_downgrade)
    assert "\n" not in str(refusal.value)
    assert not place.parent.exists()


def test_time_far_ahead_is_only_let_in_if_allowed(make_bundle: MakeBundle, place: Path) -> None:
    """Else it would shut out every later bundle."""
    ahead = make_bundle("ahead", provenance={"exported": "9999-12-31T12:00:00Z"})
    with pytest.raises(InputRefused, match=r"9999-12-31.*clock says.*--allow-downgrade"):
        install(ahead, place)
    assert not place.exists()
    assert install(ahead, place, allow_downgrade=True).exported == "9999-12-31T12:00:00Z"


@pytest.mark.parametrize("path", [".", "small.onnx", "labels.txt", "golden/golden.json", "golden/00.png", "manifest.json"])
def test_same_bundle_again_is_told_and_repairs_what_differs(make_bundle: MakeBundle, place: Path, run_cli, path: str) -> None:
    older, bundle = make_bundle("older", factor=0.5), make_bundle("bundle")
    (bundle / "labels.txt").write_text("red\ngreen\nblue\n")
    install(older, place)
    install(bundle, place)
    again = install(bundle, place)
    assert (again.outcome, again.previous_id, again.pictures) == ("unchanged", Bundle.open(older).id, 2)
    if path == ".":
        assert "already there, unchanged; " in run_cli("runtime", "install", bundle, place).stdout
        return
    (place / path).write_bytes(b"{}")
    again = install(bundle, place)
    assert again.outcome == ("installed" if path == "manifest.json" else "repaired")
    assert again.previous_id == Bundle.open(older).id
    assert (place / path).read_bytes() == (bundle / path).read_bytes()
    assert sorted(file.name for file in place.parent.iterdir()) == ["fruit", "fruit.previous"]


def test_root_is_refused(make_bundle: MakeBundle, run_cli, refuses) -> None:
    refuses(run_cli("runtime", "rollback", "/"), 2, "root of a disk")
    refuses(run_cli("runtime", "install", make_bundle("bundle"), "/"), 2, "root of a disk")


def test_link_to_nothing_is_told_by_its_own_name(make_bundle: MakeBundle, tmp_path: Path) -> None:
    link = tmp_path / "current"
    link.symlink_to(tmp_path / "gone")
    for action in (lambda: install(make_bundle("bundle"), link), lambda: roll_back(link)):
        with pytest.raises(InputRefused, match="gone, which is not there") as refusal:
            action()
        assert refusal.value.thing == str(link)
    assert link.is_symlink()


def test_place_inside_the_bundle_or_around_it_is_refused(make_bundle: MakeBundle, tmp_path: Path) -> None:
    bundle = make_bundle("bundle")
    before = sorted(bundle.rglob("*"))
    with pytest.raises(InputRefused, match="inside the other"):
        install(bundle, bundle / "inner")
    assert sorted(bundle.rglob("*")) == before
    inner = shutil.copytree(bundle, tmp_path / "bundle/inner")
    with pytest.raises(InputRefused, match="inside the other"):
        install(inner, bundle)


def test_rollback_keeps_a_damaged_bundle_and_does_not_offer_it(make_bundle: MakeBundle, place: Path) -> None:
    install(make_bundle("older", factor=0.5), place)
    install(make_bundle("newer"), place)
    (place / "small.onnx").write_bytes(b"damaged")
    assert roll_back(place).previous_id is None
    assert place.with_name("fruit.previous").joinpath("small.onnx").read_bytes() == b"damaged"


def test_rollback_where_the_place_is_gone(make_bundle: MakeBundle, place: Path) -> None:
    older = make_bundle("older", factor=0.5)
    install(older, place)
    install(make_bundle("newer"), place)
    shutil.rmtree(place)
    assert roll_back(place).id == Bundle.open(older).id
    assert [file.name for file in place.parent.iterdir()] == ["fruit"]


def test_impossible_time_of_one_that_is_there_shuts_out_neither_update_nor_rollback(make_bundle: MakeBundle, place: Path) -> None:
    strange = make_bundle("strange", provenance={"exported": 5})
    shutil.copytree(strange, place)
    newer = make_bundle("newer", factor=0.5, provenance={"exported": "2026-01-31T12:00:00Z"})
    with pytest.raises(InputRefused, match=r"fruit/manifest\.json: .*--allow-downgrade"):
        install(newer, place)
    assert install(newer, place, allow_downgrade=True).previous_id == Bundle.open(strange).id
    assert roll_back(place).exported is None
