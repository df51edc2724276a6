"""One peer from its row to its figures: which model file it gets, which environments, what is measured."""

import subprocess
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path

from benchmarks.peer_environments import Environment, environment_of, given_environment
from benchmarks.peer_measure import Work, compare_model, compare_pictures
from benchmarks.peer_process import last_words
from benchmarks.peer_result import Compared
from benchmarks.peers import FOLDER, OURS, Peer
from benchmarks.targets import find_targets, spread
from runtime.bundle import Bundle
from runtime.cache_folder import default_cache
from runtime.classifier import Classifier
from runtime.errors import InputRefused, MachineError

DEFAULT_ROUNDS = 5
OUR_NAME = "ours"
FIRST = "int8"


def chosen_pictures(source: Path, given: Sequence[Path]) -> tuple[Path, ...]:
    """At most 64 readable pictures, evenly spread over those in `given`, or the golden ones of `source`.

    Raises:
        InputRefused: there is none, or `source` is no bundle or model file.
    """
    found = find_targets([source], None, given).targets[0].pictures
    if not found:
        raise InputRefused(str(source), "has no golden pictures beside it; say which to take with --pictures")
    return spread(found)


def run_peer(
    name: str, peer: Peer, source: Path, pictures: Sequence[Path], threads: int, rounds: int, pythons: Mapping[str, Path]
) -> Compared:
    """Measures one peer.

    Raises:
        InputRefused: `source` has no model file that it takes.
        MachineError: it cannot be installed or run.
    """
    found = None if peer.own_model else _model_file(name, peer, source)  # before gigabytes are installed for a bundle without it
    theirs = given_environment(pythons[name]) if name in pythons else environment_of(Path(peer.script).stem, peer.requires)
    model = found or _own_model(name, peer, theirs)
    ours = _ours(model, pythons)
    labels = Classifier(model, threads=threads).labels
    work = Work(model, tuple(pictures), labels, threads, rounds)
    return (compare_pictures if peer.pictures else compare_model)(name, peer, ours, theirs, work)


def _ours(model: Path, pythons: Mapping[str, Path]) -> Environment:
    if OUR_NAME in pythons:
        return given_environment(pythons[OUR_NAME])
    return environment_of(f"{OUR_NAME}-{model.suffix[1:]}", OURS[model.suffix], with_runtime=True)


def _model_file(name: str, peer: Peer, source: Path) -> Path:
    """The bundle's file that the peer takes, an int8 one before others; or `source`, a model file with any name but of that suffix."""
    artifacts = sorted(Bundle.open(source).exported(), key=lambda one: one.precision != FIRST) if source.is_dir() else []
    files = [source / one.file for one in artifacts] or [source]
    pattern = peer.model if artifacts else f"*{Path(peer.model).suffix}"
    for file in files:
        if fnmatch(file.name, pattern):
            return file
    raise InputRefused(name, f"takes {pattern}, found {', '.join(file.name for file in files)}; python -m export makes one")


def _own_model(name: str, peer: Peer, environment: Environment) -> Path:
    """Made anew each time: it belongs to what is installed now."""
    file = default_cache() / "peers" / f"{name}.onnx"
    file.unlink(missing_ok=True)
    command = [str(environment.python.absolute()), "-P", str(FOLDER / peer.own_model), str(file.absolute())]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment.variables, cwd=file.parent)
    if done.returncode or not file.is_file():
        raise MachineError(name, f"could not make its model: {last_words(done.stderr, done.returncode)}")
    return file
