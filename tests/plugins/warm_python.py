"""Runs `python -m PACKAGE ...` in forks of a process in which modules of others wait.

The import of TensorFlow takes 3 of the 4 seconds of a short command; Python's start and the import
of NumPy take 70 of the 120 ms of `predict`. All of Quince's own code still runs in a process of its
own, from its first import to its exit. As a script this module is that process: each message on the
socket of its first argument is a command, with the files of its streams; the rest are the modules.
"""

import ctypes
import importlib.util
import json
import os
import runpy
import socket
import subprocess
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[2]
MAX_REQUEST = 2**17
PR_SET_CHILD_SUBREAPER = 36


class WarmPython:
    """Starts commands, which are children of this process like those of `subprocess`.

    `modules` wait for them, imported.
    """

    def __init__(self, *modules: str) -> None:
        self._modules = modules
        self._lock = Lock()
        self._server: subprocess.Popen[bytes] | None = None
        self._socket, self._other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def start(self, words: list[str], **options: Any) -> subprocess.Popen[str]:
        """Starts `python -m *words`; takes `env`, `cwd` and the text options of `Popen`."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return _Command(self, ["-m", *words], **pipes, text=True, **options)

    def fork(self, request: dict[str, Any], streams: list[int]) -> int:
        """Returns the number of a new process that runs the command of `request`."""
        with self._lock:
            if self._server is None:
                self._server = subprocess.Popen(
                    [sys.executable, __file__, str(self._other.fileno()), *self._modules],
                    pass_fds=[self._other.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,  # Python sees once what the streams are like
                    stderr=subprocess.PIPE,
                    env={**os.environ, "PYTHONPATH": str(ROOT)},
                    start_new_session=True,
                )
                self._other.close()  # so that nobody waits for a server that has ended
            prctl = ctypes.CDLL(None).prctl
            prctl(PR_SET_CHILD_SUBREAPER, 1)  # this process inherits what its grandchildren leave
            socket.send_fds(self._socket, [json.dumps(request).encode()], streams)
            number = self._socket.recv(MAX_REQUEST)
            prctl(PR_SET_CHILD_SUBREAPER, 0)
        assert number, "the process with the modules has ended"
        return int(number)

    def close(self) -> None:
        """Ends the server; whoever started a command ends it."""
        if self._server is not None:
            self._server.kill()
            self._server.communicate()
        self._socket.close()
        self._other.close()


class _Command(subprocess.Popen[str]):
    """A process that the server of a WarmPython begins instead of the system."""

    def __init__(self, python: WarmPython, words: list[str], **options: Any) -> None:
        self._python = python
        super().__init__(words, **options)

    def _execute_child(self, words: list[str], *rest: Any) -> None:  # type: ignore[override]
        cwd, env, files = rest[4], rest[5], rest[9:15]
        request = {"words": words, "cwd": str(cwd or os.getcwd()), "env": dict(env)}
        with open(os.devnull) as nothing:
            self.pid = self._python.fork(request, [nothing.fileno(), files[3], files[5]])
        self._child_created = True
        self._close_pipe_fds(*files)  # type: ignore[attr-defined]


class Waiting(MetaPathFinder, Loader):
    """Hands out TensorFlow at its first import, so that a command sees it is not imported yet."""

    def __init__(self) -> None:
        self._tensorflow = sys.modules.pop("tensorflow")

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self) if name == "tensorflow" else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        sys.meta_path.remove(self)
        return self._tensorflow

    def exec_module(self, module: ModuleType) -> None:
        """Is ready already."""


def next_command(requests: socket.socket) -> dict[str, Any]:
    """Returns the request that this process, a fork of a fork, has to run."""
    while True:
        message, streams, _, _ = socket.recv_fds(requests, MAX_REQUEST, 3)
        if not message:
            raise SystemExit
        reader, writer = os.pipe()
        if not (parent := os.fork()):
            if child := os.fork():
                os.write(writer, str(child).encode())
                os._exit(0)
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
            os.closerange(3, max(*streams, reader, writer, requests.fileno()) + 1)
            request: dict[str, Any] = json.loads(message)
            return request
        os.waitpid(parent, 0)
        requests.send(os.read(reader, 20))
        for file in (reader, writer, *streams):
            os.close(file)


def become(request: dict[str, Any]) -> str:
    """Makes this process what `subprocess` would have started; returns the name of its package."""
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    _, package, *words = request["words"]
    sys.argv = ["-m", *words]
    sys.path[0] = request["cwd"]
    for name in [name for name in sys.modules if name.split(".")[0] == "workstation"]:
        del sys.modules[name]
    if "tensorflow" in sys.modules:
        sys.meta_path.insert(0, Waiting())
    return str(package)


if __name__ == "__main__":
    from workstation.keras_setup import prepare_tensorflow

    modules = sys.argv[2:]
    if "tensorflow" in modules:
        prepare_tensorflow()
    for module in modules:
        importlib.import_module(module)

    command = next_command(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_module(become(command), run_name="__main__", alter_sys=True)
