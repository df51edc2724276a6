"""Tests update --service: it watches the camera with the new bundle, and goes back if it fails."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.bundles.bundle import Bundle
from runtime.classifier import Classifier
from runtime.errors import CheckFailed, InputRefused

Update = Callable[..., object]


SYSTEMCTL = """#!/bin/sh
# Stands in for systemd, which no container runs: the service is the process in the file `pid`.
echo LoadState=$(cat {folder}/load 2>/dev/null || echo loaded)
if kill -0 "$(cat {folder}/pid)" 2>/dev/null; then echo ActiveState=active; echo SubState=running
else echo ActiveState=failed; echo SubState=failed; fi
echo NRestarts=$(cat {folder}/restarts 2>/dev/null || echo 0)
"""


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A systemctl whose service is the process in the file `pid`."""
    folder = tmp_path / "systemd"
    folder.mkdir()
    (folder / "systemctl").write_text(SYSTEMCTL.format(folder=folder))
    (folder / "systemctl").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder


@pytest.fixture
def running(systemd: Path, camera, in_use: Path, old: str) -> Iterator[subprocess.Popen[str]]:
    """Runs `camera` with the bundle in use, as the service does."""
    words = [sys.executable, "-m", "runtime", "camera", in_use, "--source", camera.url("steady")]
    process = subprocess.Popen(
        words,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline()
    (systemd / "pid").write_text(str(process.pid))
    with process:
        yield process
        process.kill()


def test_a_camera_that_goes_on_keeps_the_new_bundle(
    running: subprocess.Popen[str], signed_bundle, run_update: Update, in_use: Path
) -> None:
    new = signed_bundle(2)
    result = run_update(new, service="quince", watch_s=2.0)
    assert (result.outcome, result.watched) == ("updated", True)
    assert Bundle.open(in_use).id == Bundle.open(new).id


def test_a_camera_that_dies_with_the_new_bundle_brings_the_old_one_back(
    running: subprocess.Popen[str], signed_bundle, run_update: Update, in_use: Path, old: str
) -> None:
    new = signed_bundle(2)

    def die() -> None:
        for line in running.stderr:
            if "has taken the place of" in line:
                running.kill()  # as the kernel does when memory runs out
                running.wait()
                return

    threading.Thread(target=die, daemon=True).start()
    with pytest.raises(CheckFailed, match=f"rolled back to {old}: quince failed within 60 s"):
        run_update(new, service="quince", watch_s=60.0)
    assert Classifier(in_use).id == old
    assert run_update(new).outcome == "held back"


def test_a_restart_counts_as_a_failure(
    running: subprocess.Popen[str],
    systemd: Path,
    signed_bundle,
    run_update: Update,
    in_use: Path,
    old: str,
) -> None:
    def restart() -> None:
        for line in running.stderr:
            if "has taken the place of" in line:
                (systemd / "restarts").write_text("1")

    threading.Thread(target=restart, daemon=True).start()
    with pytest.raises(CheckFailed, match="rolled back"):
        run_update(signed_bundle(2), service="quince", watch_s=60.0)
    assert Bundle.open(in_use).id == old


def test_an_update_that_lost_power_while_it_watched_is_judged_by_the_next(
    systemd: Path, keys, signed_bundle, run_update: Update, in_use: Path, old: str
) -> None:
    (systemd / "pid").write_text(str(os.getpid()))
    new = signed_bundle(2)
    code = (
        "import sys; from pathlib import Path;"
        "from runtime.deployment.update import UpdateOptions, update;"
        "options = UpdateOptions(Path(sys.argv[3]), service='quince', watch_s=600);"
        "update(sys.argv[1], Path(sys.argv[2]), options, print)"
    )
    watching = subprocess.Popen(
        [sys.executable, "-c", code, new, in_use, keys.signers],
        env={**os.environ, "PYTHONPATH": os.getcwd()},
        stdout=subprocess.DEVNULL,
    )
    while Bundle.open(in_use).id == old:
        assert watching.poll() is None
    watching.kill()
    watching.wait()
    (systemd / "pid").write_text("0 no process")
    with pytest.raises(CheckFailed, match=f"rolled back to {old}: quince failed with"):
        run_update(new, service="quince")
    assert Bundle.open(in_use).id == old
    assert run_update(new, service="quince").outcome == "held back"


def test_a_service_that_did_not_run_before_is_not_watched(
    systemd: Path, signed_bundle, run_update: Update, old: str
) -> None:
    (systemd / "pid").write_text("0 no process")
    result = run_update(signed_bundle(2), service="quince", watch_s=600)
    assert (result.outcome, result.watched) == ("updated", False)


def test_no_such_service_is_refused_before_anything_is_fetched(
    systemd: Path, run_update: Update, old: str
) -> None:
    (systemd / "load").write_text("not-found")
    with pytest.raises(InputRefused, match="--service: expected a systemd service"):
        run_update("http://127.0.0.1:1/bundle", service="quince")  # nothing answers there
