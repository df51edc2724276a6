"""Runs `python -m PACKAGE ...` in forks of a process in which TensorFlow's modules wait.

Their import takes 3 of the 4 seconds of a short command. All of Quince's own code still runs in a
process of its own, from its first import to its exit.
"""

import importlib.util
import json
import os
import runpy
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from workstation.keras_setup import prepare_tensorflow

prepare_tensorflow()

import keras  # noqa: F401
import tensorflow


class Waiting(MetaPathFinder, Loader):
    """Hands out TensorFlow at its first import, so that a command sees it is not imported yet."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self) if name == "tensorflow" else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        sys.meta_path.remove(self)
        return tensorflow

    def exec_module(self, module: ModuleType) -> None:
        """Is ready already."""


def next_request() -> dict:
    """Returns the request that this process, a fork, has to run; each is a line of JSON."""
    for line in sys.stdin:
        if not (child := os.fork()):
            return json.loads(line)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(code, flush=True)
    raise SystemExit


def become(request: dict) -> None:
    """Makes this process what `subprocess.run` would have started."""
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    for number, name in enumerate((os.devnull, request["out"], request["err"])):
        file = os.open(name, os.O_RDWR)
        os.dup2(file, number)
        os.close(file)
    sys.argv = ["-m", *request["words"]]
    sys.path[0] = request["cwd"]
    for name in [name for name in sys.modules if name.split(".")[0] == "workstation"]:
        del sys.modules[name]
    del sys.modules["tensorflow"]
    sys.meta_path.insert(0, Waiting())


if __name__ == "__main__":
    request = next_request()
    become(request)
    runpy.run_module(request["package"], run_name="__main__", alter_sys=True)
