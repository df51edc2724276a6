"""Tests install: check first, one step, a way back, no older bundle by accident (R25, R26)."""

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.bundles.bundle import Bundle
from runtime.bundles.integrity import KEY, records_digest
from runtime.classifier import Classifier
from runtime.deployment.install import InstallResult, install, roll_back
from runtime.errors import CheckFailed, InputRefused, MachineError

MakeBundle = Callable[..., Path]
FIRST, SECOND = "2026-01-31T12:00:00Z", "2026-02-01T12:00:00Z"


@pytest.fixture
def second(make_bundle: MakeBundle) -> Path:
    return make_bundle("second", factor=0.5, provenance={"exported": SECOND})


def test_install_then_update_then_rollback(
    first: Path, second: Path, in_use: Path, contents
) -> None:
    old, new = Bundle.open(first).id, Bundle.open(second).id
    checked = (2, ("small.onnx",), ())
    assert install(first, in_use) == InstallResult(
        str(in_use), old, FIRST, None, "installed", *checked
    )
    assert contents(in_use) == contents(first)
    assert install(second, in_use) == InstallResult(
        str(in_use), new, SECOND, old, "installed", *checked
    )
    assert Classifier(in_use).id == new
    assert roll_back(in_use) == InstallResult(str(in_use), old, FIRST, new, "rolled back")
    assert contents(in_use) == contents(first)
    assert roll_back(in_use).bundle_id == new
    assert sorted(file.name for file in in_use.parent.iterdir()) == ["fruit", "fruit.previous"]


def test_same_bundle_again_keeps_the_way_back(first: Path, second: Path, in_use: Path) -> None:
    install(first, in_use)
    install(second, in_use)
    before = in_use.stat().st_ino
    assert install(second, in_use).previous_id == Bundle.open(first).id
    assert in_use.stat().st_ino == before


def change_a_score(bundle: Path, edit_json) -> None:
    edit_json(
        bundle / "golden/golden.json",
        lambda data: data["samples"][0]["scores"].update({"small.onnx": [0.1, 0.2, 0.9]}),
    )


def flip_a_bit(bundle: Path, edit_json) -> None:
    content = bytearray((bundle / "small.onnx").read_bytes())
    content[-100] ^= 1
    (bundle / "small.onnx").write_bytes(content)


def cut_a_record(bundle: Path, edit_json) -> None:
    (bundle / "golden/devices.json").write_text("{")
    digest = records_digest(bundle)
    edit_json(bundle / "manifest.json", lambda data: data["provenance"].update({KEY: digest}))
    (bundle / "golden/devices.json").unlink()


def link_to_a_device(bundle: Path, edit_json) -> None:
    (bundle / "golden/00.png").unlink()
    (bundle / "golden/00.png").symlink_to("/dev/zero")


def be_of_an_unknown_format(bundle: Path, edit_json) -> None:
    edit_json(bundle / "manifest.json", lambda data: data["artifacts"][0].update(file="small.xyz"))
    (bundle / "small.onnx").rename(bundle / "small.xyz")


@pytest.mark.parametrize(
    ("damage", "error", "word"),
    [
        (
            change_a_score,
            CheckFailed,
            "refused: small.onnx differs here at the stage 'model'",
        ),
        (flip_a_bit, InputRefused, "sha256"),
        (cut_a_record, InputRefused, "changed since export, in one of parity.json"),
        (link_to_a_device, InputRefused, "not a regular file"),
        (be_of_an_unknown_format, InputRefused, "small.xyz"),
    ],
)
def test_what_does_not_work_here_is_not_installed(
    first: Path,
    second: Path,
    in_use: Path,
    edit_json,
    damage: Callable[..., None],
    error: type[Exception],
    word: str,
    contents,
) -> None:
    install(first, in_use)
    before = contents(in_use.parent)
    damage(second, edit_json)
    with pytest.raises(error, match=word):
        install(second, in_use)
    assert contents(in_use.parent) == before
    assert [file.name for file in in_use.parent.iterdir()] == ["fruit"]


@pytest.mark.parametrize("name", ["secret", "golden/secret"])
def test_what_is_no_part_of_a_bundle_is_refused(first: Path, in_use: Path, name: str) -> None:
    (first / name).symlink_to("/etc/hostname")
    with pytest.raises(InputRefused, match="secret: (no part of the bundle|a link)"):
        install(first, in_use)
    assert not in_use.exists()


@pytest.mark.parametrize("name", ["README.md", "report.html", "golden/pixels"])
def test_a_link_in_a_bundle_is_refused(first: Path, in_use: Path, name: str) -> None:
    if (first / name).is_dir():
        (first / name).rename(first.with_name("pixels"))
    (first / name).unlink(missing_ok=True)
    (first / name).symlink_to(first.with_name("pixels") if "pixels" in name else "/etc/hostname")
    with pytest.raises(InputRefused, match=f"{name}: a link, not a regular file; .* cp -rL"):
        install(first, in_use)
    assert not in_use.exists()


def test_damaged_bundle_in_place_is_replaced_and_not_kept(
    first: Path, second: Path, in_use: Path, edit_json
) -> None:
    install(first, in_use)
    flip_a_bit(in_use, edit_json)
    assert install(second, in_use).previous_id is None


@pytest.mark.parametrize("file", ["photo.jpg", "manifest.json"])
def test_folder_that_is_no_bundle_is_not_replaced(first: Path, in_use: Path, file: str) -> None:
    in_use.mkdir(parents=True)
    (in_use / file).write_text("mine")
    with pytest.raises(InputRefused, match="is not a bundle"):
        install(first, in_use)
    assert (in_use / file).read_text() == "mine"


def test_run_folder_is_not_replaced(first: Path, in_use: Path) -> None:
    shutil.copytree(first, in_use)
    (in_use / "model.keras").touch()
    with pytest.raises(InputRefused, match="is not a bundle"):
        install(first, in_use)


def test_nothing_to_go_back_to(first: Path, in_use: Path) -> None:
    install(first, in_use)
    with pytest.raises(InputRefused, match=r"nothing to go back to: no fruit\.previous"):
        roll_back(in_use)


def test_way_back_that_is_damaged_is_not_taken(
    first: Path, second: Path, in_use: Path, edit_json
) -> None:
    install(first, in_use)
    install(second, in_use)
    flip_a_bit(in_use.with_name("fruit.previous"), edit_json)
    with pytest.raises(InputRefused, match="sha256"):
        roll_back(in_use)
    assert Bundle.open(in_use).id == Bundle.open(second).id


def test_link_stays_a_link(first: Path, second: Path, in_use: Path) -> None:
    install(first, in_use)
    link = in_use.parent.parent / "current"
    link.symlink_to(in_use)
    install(second, link)
    assert link.is_symlink()
    assert Bundle.open(in_use).id == Bundle.open(second).id
    assert roll_back(link).bundle_id == Bundle.open(first).id


def test_full_disk_leaves_the_old_one(first: Path, second: Path, in_use: Path, contents) -> None:
    """RLIMIT_FSIZE makes each write fail past 1000 bytes, as a full disk does."""
    install(first, in_use)
    before = contents(in_use.parent)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))
    try:
        with pytest.raises(MachineError, match="the disk is full"):
            install(second, in_use)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert contents(in_use.parent) == before


def test_commands_say_what_is_there_and_the_way_back(
    first: Path, second: Path, in_use: Path, run_cli, refuses
) -> None:
    old, new = Bundle.open(first).id, Bundle.open(second).id
    checked = "  checked here: 2 golden images answered as at export: small.onnx\n"
    assert (
        run_cli("runtime", "install", first, in_use).stdout
        == f"{in_use}: bundle {old}, exported {FIRST}, installed\n{checked}"
    )
    done = run_cli("runtime", "install", second, in_use)
    way_back = f"{old} is kept: python -m runtime rollback {in_use}"
    assert (
        done.stdout
        == f"{in_use}: bundle {new}, exported {SECOND}, installed; {way_back}\n{checked}"
    )
    refuses(run_cli("runtime", "install", first, in_use), 2, "--allow-downgrade")
    done = run_cli("runtime", "rollback", in_use, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert f'"bundle_id": "{old}"' in done.stdout


def test_install_that_is_killed_leaves_the_old_or_the_new_one(
    first: Path, second: Path, in_use: Path
) -> None:
    install(first, in_use)
    ids = {Bundle.open(first).id, Bundle.open(second).id}
    for delay in (0.1, 0.2, 0.4, 0.6, 0.8, 1.0):
        running = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "runtime",
                "install",
                str(second),
                str(in_use),
                "--allow-downgrade",
            ],
            env={**os.environ, "PYTHONPATH": os.getcwd()},
            stdout=subprocess.DEVNULL,
        )
        try:
            running.wait(delay)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()
        assert Bundle.open(in_use).id in ids
        assert Classifier(in_use).id in ids
