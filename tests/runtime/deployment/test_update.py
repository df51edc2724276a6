"""Tests update: fetch what is signed, check, switch, and go back; whatever happens, one runs."""

import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.bundles.bundle import Bundle
from runtime.classifier import Classifier
from runtime.deployment.install import install, roll_back
from runtime.errors import InputRefused, MachineError

Update = Callable[..., object]
KILLED = """
import os, signal, sys
from pathlib import Path
from runtime.deployment.update import UpdateOptions, update
from runtime.system import atomic_files

def stopping(call):
    def counted(*arguments, **named):
        global left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return call(*arguments, **named)
    return counted

for name in ("rename", "replace", "unlink", "rmdir"):
    setattr(os, name, stopping(getattr(os, name)))
atomic_files._exchange = stopping(atomic_files._exchange)
for line in sys.stdin:
    steps, new = line.rstrip().split(" ", 1)
    left = int(steps)
    if not (child := os.fork()):
        update(new, Path(sys.argv[1]), UpdateOptions(Path(sys.argv[2])), lambda _: None)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Each of its lines has a number of steps, after which an update is killed, and the new bundle.

It answers with the exit code.
"""


class Server(http.server.ThreadingHTTPServer):
    """Serves a folder; `cut` ends the answer for that file in its middle."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.asked, self.cut = folder, [], ""
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        pass

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/bundle"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        name = self.path.removeprefix("/bundle/")
        self.server.asked.append(name)
        file = self.server.folder / name
        if not file.is_file():
            self.send_error(404)
            return
        content = file.read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if name == self.server.cut else content)

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()


def test_a_newer_bundle_is_fetched_once(
    signed_bundle, server: Server, run_update: Update, in_use: Path, old: str
) -> None:
    server.folder = signed_bundle(2)
    result = run_update(server.url)
    assert (result.outcome, result.signer) == ("updated", "ann@example.org")
    assert Bundle.open(in_use).id == result.offered_id == Bundle.open(server.folder).id
    assert Bundle.open(in_use.with_name("fruit.previous")).id == old
    assert "small.onnx" in server.asked
    server.asked.clear()
    assert run_update(server.url).outcome == "unchanged"
    assert server.asked == ["signed.json", "signed.json.sig", "manifest.json"]
    assert not list((in_use.parent / ".fruit.update").iterdir())


def test_a_first_bundle_from_a_folder(signed_bundle, run_update: Update, in_use: Path) -> None:
    new = signed_bundle(1)
    assert run_update(new).outcome == "updated"
    assert Bundle.open(in_use).id == Bundle.open(new).id


@pytest.mark.parametrize("content", [b"", b"\xff\x00", b"one", b"a b c", b"a b"], ids=repr)
def test_a_damaged_note_of_an_interrupted_update_does_not_end_all_updates(
    signed_bundle, run_update: Update, in_use: Path, content: bytes
) -> None:
    work = in_use.parent / ".fruit.update"
    work.mkdir(parents=True)
    (work / "watched").write_bytes(content)
    assert run_update(signed_bundle(1)).outcome == "updated"
    assert not list(work.iterdir())


def test_nothing_is_fetched_that_nobody_known_signed(
    signed_bundle, keys, server: Server, run_update: Update, in_use: Path, old: str
) -> None:
    server.folder = signed_bundle(2, keys.other)
    with pytest.raises(InputRefused, match="is not signed by anybody in"):
        run_update(server.url)
    assert server.asked == ["signed.json", "signed.json.sig"]
    (server.folder / "signed.json").unlink()
    with pytest.raises(InputRefused, match=r"signed\.json: the server answers 404"):
        run_update(server.url)
    assert Bundle.open(in_use).id == old


def test_a_file_that_was_changed_after_signing_is_refused(
    signed_bundle, server: Server, run_update: Update, in_use: Path, old: str
) -> None:
    server.folder = signed_bundle(2)
    for name in ("manifest.json", "small.onnx"):
        content = (server.folder / name).read_bytes()
        (server.folder / name).write_bytes(content + b"more")
        with pytest.raises(InputRefused, match=f"{name}: is not the file that was signed"):
            run_update(server.url)
        (server.folder / name).write_bytes(content)
    assert Bundle.open(in_use).id == old
    assert sorted(file.name for file in in_use.parent.iterdir()) == [".fruit.update", "fruit"]
    assert not list((in_use.parent / ".fruit.update").iterdir())


def test_a_replayed_bundle_and_one_that_was_rolled_back_stay_away(
    signed_bundle, run_update: Update, in_use: Path, old: str
) -> None:
    second, third = signed_bundle(2), signed_bundle(3)
    assert run_update(third).outcome == "updated"
    with pytest.raises(InputRefused, match="exported 2026-01-01T12:00:00Z, which is older"):
        run_update(in_use.parents[1] / "bundle-1")
    for _ in range(2):
        with pytest.raises(InputRefused, match="exported 2026-01-02T12:00:00Z, which is older"):
            run_update(second)
        roll_back(in_use)
    roll_back(in_use)
    assert Bundle.open(in_use).id == old
    assert run_update(third).outcome == "held back"
    assert Bundle.open(in_use).id == old
    assert run_update(signed_bundle(4)).outcome == "updated"


def test_after_half_a_download_the_old_one_runs_and_the_rest_is_fetched(
    signed_bundle, server: Server, run_update: Update, in_use: Path, old: str
) -> None:
    server.folder, server.cut = signed_bundle(2), "small.onnx"
    with pytest.raises(MachineError, match=r"small\.onnx: cannot be fetched"):
        run_update(server.url)
    assert Classifier(in_use).id == old
    done = set(server.asked) - {"signed.json", "signed.json.sig", "small.onnx"}
    assert "golden/golden.json" in done
    server.asked.clear()
    server.cut = ""
    assert run_update(server.url).outcome == "updated"
    assert not done & set(server.asked)


def test_a_server_that_is_away_is_exit_4(run_update: Update, server: Server, old: str) -> None:
    server.server_close()
    with pytest.raises(MachineError, match="cannot be fetched"):
        run_update(server.url)


@pytest.fixture
def kill_after(in_use: Path, keys) -> Iterator[Callable[[int, Path], int]]:
    """Kills an update after some of its steps; returns its exit code."""
    words = [sys.executable, "-c", KILLED, in_use, keys.signers]
    environment = {**os.environ, "PYTHONPATH": os.getcwd()}
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, env=environment, text=True) as process:
        assert process.stdin
        assert process.stdout

        def kill(steps: int, new: Path) -> int:
            process.stdin.write(f"{steps} {new}\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        yield kill
        process.stdin.close()


def test_killed_at_any_step_one_whole_bundle_is_there_and_the_next_run_ends(
    signed_bundle, kill_after, in_use: Path, old: str, run_update: Update
) -> None:
    new, steps = signed_bundle(2), 0
    new_id = Bundle.open(new).id
    while (code := kill_after(steps, new)) != 0:
        assert code == -signal.SIGKILL
        assert Classifier(in_use).id in (old, new_id)
        assert run_update(new).outcome in ("updated", "unchanged")
        assert Bundle.open(in_use).id == new_id
        assert roll_back(in_use).bundle_id == old
        shutil.rmtree(in_use.with_name("fruit.previous"))
        left = {file.name for file in in_use.parent.glob("[!.]*")}
        assert left == {"fruit"}, "the rest is removed by the next that writes there"
        steps += 1
    assert steps >= 10
    assert Bundle.open(in_use).id == new_id


@pytest.fixture
def card(in_use: Path) -> Iterator[Path]:
    """Puts the folder in use on a file system of 400 KB."""
    in_use.parent.mkdir(parents=True)
    words = ["mount", "-t", "tmpfs", "-o", "size=400k", "none", in_use.parent]
    if shutil.which("mount") is None or subprocess.run(words, capture_output=True).returncode:
        pytest.skip("this user may not mount a file system")
    yield in_use.parent
    subprocess.run(["umount", "-l", in_use.parent], check=True)


def test_on_a_full_card_the_old_one_runs(
    card: Path, signed_bundle, run_update: Update, keys, in_use: Path
) -> None:
    """The card has a page more of room in each round, until the bundle fits."""
    old = install(signed_bundle(1), in_use, signers=keys.signers).bundle_id
    new, room, reasons = signed_bundle(2), 0, []
    while True:
        (card / "filler").write_bytes(b"\0" * (shutil.disk_usage(card).free - room))
        try:
            run_update(new)
            break
        except MachineError as error:
            reasons.append(error.reason)
        assert Classifier(in_use).id == old
        left = {file.name for file in card.iterdir()}
        assert left <= {"fruit", "filler", ".fruit.update"}, room
        (card / "filler").unlink()
        room += 4096
    assert len(reasons) >= 5
    assert [reason for reason in reasons if "full" not in reason] == []
    assert Bundle.open(in_use).id == Bundle.open(new).id


def test_a_bundle_without_room_is_not_begun(
    card: Path, signed_bundle, server: Server, run_update: Update, in_use: Path
) -> None:
    server.folder = signed_bundle(2)
    (card / "filler").write_bytes(b"\0" * (shutil.disk_usage(card).free - 2 * 4096))
    with pytest.raises(MachineError, match="the card is full: the bundle needs"):
        run_update(server.url)
    assert server.asked == ["signed.json", "signed.json.sig", "manifest.json"]


@pytest.mark.parametrize(
    "source",
    [
        *("ftp://host/x", "http://", "http://u:secret@host/x", "http://host/x?a=1", "file:///etc"),
        *(
            "http://[/x",
            "http://host:port/x",
            "http://" + "x" * 70,
            "http://host/a b",
            "http://h/ü",
        ),
    ],
)
def test_an_address_of_another_form_is_refused(
    keys, in_use: Path, source: str, run_cli, refuses
) -> None:
    done = run_cli("runtime", "update", source, in_use, "--signers", keys.signers)
    refuses(done, 2, "expected the address of a bundle folder")
    assert "secret" not in done.stderr


def test_the_command_needs_signers_and_says_what_it_did(
    signed_bundle, keys, in_use: Path, run_cli, refuses
) -> None:
    new = signed_bundle(1)
    if not Path("/etc/quince/signers").exists():
        refuses(run_cli("runtime", "update", new, in_use), 2, "/etc/quince/signers", "--signers")
    done = run_cli("runtime", "update", new, in_use, "--signers", keys.signers)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        f"{in_use}: bundle {Bundle.open(new).id}, exported 2026-01-01T12:00:00Z,"
        " signed by ann@example.org, updated\n"
    )
    done = run_cli("runtime", "update", new, in_use, "--signers", keys.signers, "--json")
    assert json.loads(done.stdout)["outcome"] == "unchanged"
