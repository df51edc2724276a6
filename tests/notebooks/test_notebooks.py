"""Runs every notebook from its first cell to its last, in an empty folder, as "Run All" does."""

import json
import os
import shutil
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import pytest
from warm_python import MAX_REQUEST, WarmPython

from train.sample_datasets.elpv import elpv

nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SMALLER = {
    "article": (
        ("!quince train sample {SAMPLE} -o {IMAGES}", "!mkdir data && cp -r ../few {IMAGES}"),
        ("SIDE = 64", "SIDE = 32"),
        ("PER_CLASS = 60", "PER_CLASS = 30"),
        ("HEAD_EPOCHS, FINE_EPOCHS = 2, 1", "HEAD_EPOCHS, FINE_EPOCHS = 1, 1"),
        ('else "efficientnet-lite0"', 'else "simple-cnn"'),
    ),
    "first-classifier": (
        ("!quince train sample elpv -o {IMAGES}", "!mkdir data && cp -r ../few {IMAGES}"),
        ("SIDE = 96", "SIDE = 32"),
    ),
}
"""What the notebooks set and the test sets instead."""
FEW = {"Training": 40, "Test": 20}
MAX_BYTES = 1_000_000
MAX_CELL_S = 600
QUINCE = """#!/bin/sh
case "$1" in
    train|export) exec '{python}' -S '{script}.py' "$@" ;;
esac
exec '{python}' -P -c 'from runtime.cli.console_script import main; main()' "$@"
"""
ASK = """
import json, os, socket, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
server.connect({address!r})
words = ["-m", "runtime.cli.console_script", *sys.argv[1:]]
request = {{"words": words, "cwd": os.getcwd(), "env": dict(os.environ)}}
socket.send_fds(server, [json.dumps(request).encode()], [0, 1, 2])
sys.exit(int(server.recv(20)))
"""


@pytest.fixture
def with_quince(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warm_python: WarmPython
) -> Iterator[None]:
    """Lets the notebook find this checkout's `quince` and its packages; it starts quickly."""
    script = tmp_path / "bin" / "quince"
    script.parent.mkdir()
    script.write_text(QUINCE.format(python=sys.executable, script=script))
    script.chmod(0o755)
    with TemporaryDirectory() as folder, closing(_seqpacket()) as listener:
        listener.bind(f"{folder}/warm")
        listener.listen()
        script.with_suffix(".py").write_text(ASK.format(address=listener.getsockname()))
        thread = Thread(target=_serve, args=(listener, warm_python))
        thread.start()
        monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.setenv("PYTHONPATH", str(ROOT))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        yield
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _seqpacket() -> socket.socket:
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def _serve(listener: socket.socket, python: WarmPython) -> None:
    """Runs the command of each connection, and answers with its exit code."""
    with suppress(OSError):  # the listener is closed
        while True:
            connection, _ = listener.accept()
            message, streams, _, _ = socket.recv_fds(connection, MAX_REQUEST, 3)
            command = python.fork(json.loads(message), streams)
            for stream in streams:
                os.close(stream)
            code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
            connection.send(str(code).encode())
            connection.close()


@pytest.fixture
def few(tmp_path: Path) -> None:
    """Makes the sample with 60 images of each class instead of 2,624."""
    counts: Counter[str] = Counter()
    for folder, file in elpv():
        counts[folder] += 1
        if counts[folder] <= FEW[Path(folder).parent.name]:
            (tmp_path / "few" / folder).mkdir(parents=True, exist_ok=True)
            shutil.copy(file, tmp_path / "few" / folder)


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_run_all(file: Path, with_quince: None, few: None, tmp_path: Path) -> None:
    notebook = nbformat.read(file, as_version=4)
    for words, smaller in SMALLER[file.stem]:
        (cell,) = [cell for cell in notebook.cells if words in cell.source]
        assert cell.source.count(words) == 1
        cell.source = cell.source.replace(words, smaller)
    folder = tmp_path / "folder"
    folder.mkdir()
    client = nbclient.NotebookClient(
        notebook,
        timeout=MAX_CELL_S,
        kernel_name="python3",
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    text = printed(notebook)
    for words in ("trained in", "as exported", "bundle runs/", "██████████"):
        assert words in text
    for line in text.splitlines():  # a command that fails in a `!` line is no error of the cell
        assert not line.startswith(("usage: ", "Traceback")), line
        assert "command not found" not in line


@pytest.mark.parametrize("file", NOTEBOOKS, ids=lambda file: file.stem)
def test_outputs_are_there_small_and_of_one_run(file: Path) -> None:
    assert file.stat().st_size < MAX_BYTES
    notebook = nbformat.read(file, as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert {output.output_type for cell in cells for output in cell.outputs} <= {
        "stream",
        "display_data",
        "execute_result",
    }
    assert str(ROOT) not in json.dumps(notebook)


def printed(notebook: "nbformat.NotebookNode") -> str:
    return "".join(
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if output.output_type == "stream"
    )
