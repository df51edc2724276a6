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
    first: Path, second: Path, place: Path, contents
) -> None:
    old, new = Bundle.open(first).id, Bundle.open(second).id
    checked = (2, ("small.onnx",), ())
    assert install(first, place) == InstallResult(
        str(place), old, FIRST, None, "installed", *checked
    )
    assert contents(place) == contents(first)
    assert install(second, place) == InstallResult(
        str(place), new, SECOND, old, "installed", *checked
    )
    assert Classifier(place).id == new
    assert roll_back(place) == InstallResult(str(place), old, FIRST, new, "rolled back")
    assert contents(place) == contents(first)
    assert roll_back(place).bundle_id == new
    assert sorted(file.name for file in place.parent.iterdir()) == ["fruit", "fruit.previous"]


def test_same_bundle_again_keeps_the_way_back(first: Path, second: Path, place: Path) -> None:
    install(first, place)
    install(second, place)
    before = place.stat().st_ino
    assert install(second, place).previous_id == Bundle.open(first).id
    assert place.stat().st_ino == before


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
    place: Path,
    edit_json,
    damage: Callable[..., None],
    error: type[Exception],
    word: str,
    contents,
) -> None:
    install(first, place)
    before = contents(place.parent)
    damage(second, edit_json)
    with pytest.raises(error, match=word):
        install(second, place)
    assert contents(place.parent) == before
    assert [file.name for file in place.parent.iterdir()] == ["fruit"]


@pytest.mark.parametrize("name", ["secret", "golden/secret"])
def test_what_is_no_part_of_a_bundle_is_refused(first: Path, place: Path, name: str) -> None:
    (first / name).symlink_to("/etc/hostname")
    with pytest.raises(InputRefused, match="secret: (no part of the bundle|a link)"):
        install(first, place)
    assert not place.exists()


@pytest.mark.parametrize("name", ["README.md", "report.html", "golden/pixels"])
def test_a_link_in_a_bundle_is_refused(first: Path, place: Path, name: str) -> None:
    if (first / name).is_dir():
        (first / name).rename(first.with_name("pixels"))
    (first / name).unlink(missing_ok=True)
    (first / name).symlink_to(first.with_name("pixels") if "pixels" in name else "/etc/hostname")
    with pytest.raises(InputRefused, match=f"{name}: a link, not a regular file; .* cp -rL"):
        install(first, place)
    assert not place.exists()


def test_damaged_bundle_in_place_is_replaced_and_not_kept(
    first: Path, second: Path, place: Path, edit_json
) -> None:
    install(first, place)
    flip_a_bit(place, edit_json)
    assert install(second, place).previous_id is None


@pytest.mark.parametrize("file", ["photo.jpg", "manifest.json"])
def test_folder_that_is_no_bundle_is_not_replaced(first: Path, place: Path, file: str) -> None:
    place.mkdir(parents=True)
    (place / file).write_text("mine")
    with pytest.raises(InputRefused, match="is not a bundle"):
        install(first, place)
    assert (place / file).read_text() == "mine"


def test_run_folder_is_not_replaced(first: Path, place: Path) -> None:
    shutil.copytree(first, place)
    (place / "model.keras").touch()
    with pytest.raises(InputRefused, match="is not a bundle"):
        install(first, place)


def test_nothing_to_go_back_to(first: Path, place: Path) -> None:
    install(first, place)
    with pytest.raises(InputRefused, match=r"nothing to go back to: no fruit\.previous"):
        roll_back(place)


def test_way_back_that_is_damaged_is_not_taken(
    first: Path, second: Path, place: Path, edit_json
) -> None:
    install(first, place)
    install(second, place)
    flip_a_bit(place.with_name("fruit.previous"), edit_json)
    with pytest.raises(InputRefused, match="sha256"):
        roll_back(place)
    assert Bundle.open(place).id == Bundle.open(second).id


def test_link_stays_a_link(first: Path, second: Path, place: Path) -> None:
    install(first, place)
    link = place.parent.parent / "current"
    link.symlink_to(place)
    install(second, link)
    assert link.is_symlink()
    assert Bundle.open(place).id == Bundle.open(second).id
    assert roll_back(link).bundle_id == Bundle.open(first).id


def test_full_disk_leaves_the_old_one(first: Path, second: Path, place: Path, contents) -> None:
    """RLIMIT_FSIZE makes each write fail past 1000 bytes, as a full disk does."""
    install(first, place)
    before = contents(place.parent)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300, limits[1]))
    try:
        with pytest.raises(MachineError, match="the disk is full"):
            install(second, place)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert contents(place.parent) == before


def test_commands_say_what_is_there_and_the_way_back(
    first: Path, second: Path, place: Path, run_cli, refuses
) -> None:
    old, new = Bundle.open(first).id, Bundle.open(second).id
    checked = "  checked here: 2 golden images answered as at export: small.onnx\n"
    assert (
        run_cli("runtime", "install", first, place).stdout
        == f"{place}: bundle {old}, exported {FIRST}, installed\n{checked}"
    )
    done = run_cli("runtime", "install", second, place)
    way_back = f"{old} is kept: python -m runtime rollback {place}"
    assert (
        done.stdout == f"{place}: bundle {new}, exported {SECOND}, installed; {way_back}\n{checked}"
    )
    refuses(run_cli("runtime", "install", first, place), 2, "--allow-downgrade")
    done = run_cli("runtime", "rollback", place, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert f'"bundle_id": "{old}"' in done.stdout


def test_install_that_is_killed_leaves_the_old_or_the_new_one(
    first: Path, second: Path, place: Path
) -> None:
    install(first, place)
    ids = {Bundle.open(first).id, Bundle.open(second).id}
    for delay in (0.1, 0.2, 0.4, 0.6, 0.8, 1.0):
        running = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "runtime",
                "install",
                str(second),
                str(place),
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
        assert Bundle.open(place).id in ids
        assert Classifier(place).id in ids
