"""Tests what install refuses before it writes, and installing the same bundle again."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.bundles.bundle import Bundle
from runtime.deployment.install import install, roll_back
from runtime.errors import InputRefused

MakeBundle = Callable[..., Path]


@pytest.mark.parametrize(
    "path",
    [".", "small.onnx", "labels.txt", "golden/golden.json", "golden/00.png", "manifest.json"],
)
def test_same_bundle_again_is_told_and_repairs_what_differs(
    make_bundle: MakeBundle, in_use: Path, run_cli, path: str
) -> None:
    older, bundle = make_bundle("older", factor=0.5), make_bundle("bundle")
    (bundle / "labels.txt").write_text("red\ngreen\nblue\n")
    install(older, in_use)
    install(bundle, in_use)
    again = install(bundle, in_use)
    assert (again.outcome, again.previous_id, again.images) == (
        "unchanged",
        Bundle.open(older).id,
        2,
    )
    if path == ".":
        assert "already there, unchanged; " in run_cli("runtime", "install", bundle, in_use).stdout
        return
    (in_use / path).write_bytes(b"{}")
    again = install(bundle, in_use)
    assert again.outcome == ("installed" if path == "manifest.json" else "repaired")
    assert again.previous_id == Bundle.open(older).id
    assert (in_use / path).read_bytes() == (bundle / path).read_bytes()
    assert sorted(file.name for file in in_use.parent.iterdir()) == ["fruit", "fruit.previous"]


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


def test_folder_inside_the_bundle_or_around_it_is_refused(
    make_bundle: MakeBundle, tmp_path: Path
) -> None:
    bundle = make_bundle("bundle")
    before = sorted(bundle.rglob("*"))
    with pytest.raises(InputRefused, match="inside the other"):
        install(bundle, bundle / "inner")
    assert sorted(bundle.rglob("*")) == before
    inner = shutil.copytree(bundle, tmp_path / "bundle/inner")
    with pytest.raises(InputRefused, match="inside the other"):
        install(inner, bundle)


def test_rollback_keeps_a_damaged_bundle_and_does_not_offer_it(
    make_bundle: MakeBundle, in_use: Path
) -> None:
    install(make_bundle("older", factor=0.5), in_use)
    install(make_bundle("newer"), in_use)
    (in_use / "small.onnx").write_bytes(b"damaged")
    assert roll_back(in_use).previous_id is None
    assert in_use.with_name("fruit.previous").joinpath("small.onnx").read_bytes() == b"damaged"


def test_rollback_where_the_bundle_is_gone(make_bundle: MakeBundle, in_use: Path) -> None:
    older = make_bundle("older", factor=0.5)
    install(older, in_use)
    install(make_bundle("newer"), in_use)
    shutil.rmtree(in_use)
    assert roll_back(in_use).bundle_id == Bundle.open(older).id
    assert [file.name for file in in_use.parent.iterdir()] == ["fruit"]
