"""Measures one peer, from its row to its figures: it finds the model file and the environments."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from benchmarks.measurement.models_under_test import find_models_under_test, spread
from benchmarks.peers.environments import Environment, installed_environment
from benchmarks.peers.measure import PeerWork, compare_images, compare_model
from benchmarks.peers.process import make_file
from benchmarks.peers.registry import FOLDER, OUR_NAME, OURS, Peer
from benchmarks.peers.result import PeerComparison
from runtime.bundles.bundle import Bundle
from runtime.classifier import Classifier
from runtime.errors import InputRefused
from runtime.system.cache_dir import default_cache

DEFAULT_ROUNDS = 5
DEFAULT_PRECISION = "int8"


@dataclass(frozen=True)
class PeerSettings:
    """Holds what all peers of a run share.

    source: a bundle or a model file.
    pythons: interpreters to use instead of installing an environment, by the name of a peer.
    precision: of the model file, where a bundle has several.
    """

    source: Path
    images: tuple[Path, ...]
    threads: int
    rounds: int
    pythons: Mapping[str, Path]
    precision: str = DEFAULT_PRECISION


def choose_images(source: Path, paths: Sequence[Path]) -> tuple[Path, ...]:
    """Returns at most 64 readable images from `paths`, or the golden ones of `source`.

    Raises:
        InputRefused: there is none, or `source` is no bundle or model file.
    """
    images = find_models_under_test([source], None, paths).runnable[0].images
    if not images:
        reason = "has no golden images beside it; choose some with --images"
        raise InputRefused(str(source), reason)
    return spread(images)


def run_peer(name: str, peer: Peer, settings: PeerSettings) -> PeerComparison:
    """Measures one peer.

    Raises:
        InputRefused: `settings.source` has no model file that it takes.
        MachineError: it cannot be installed or run.
    """
    # Looked for first, before gigabytes are installed for a bundle without it.
    model = None if peer.own_model else bundle_model_file(name, peer.model, settings)
    our_model = bundle_model_file(name, peer.ours, settings) if peer.ours else model
    python = settings.pythons.get(name)
    theirs = installed_environment(Path(peer.script).stem, peer.requirements, python=python)
    if model is None:
        model = our_model = _run_maker(name, peer.own_model, theirs, f"{name}.onnx")
    assert our_model
    if peer.convert:
        model = _converted(name, peer, theirs, model)
    ours = installed_environment(
        f"{OUR_NAME}-{our_model.suffix[1:]}",
        OURS[our_model.suffix],
        with_runtime=True,
        python=settings.pythons.get(OUR_NAME),
    )
    labels = Classifier(our_model, threads=settings.threads).labels
    work = PeerWork(our_model, model, settings.images, labels, settings.threads, settings.rounds)
    compare = compare_images if peer.images else compare_model
    return compare(name, peer, ours, theirs, work)


def bundle_model_file(name: str, pattern: str, settings: PeerSettings) -> Path:
    """Returns the bundle's file that fits `pattern`, preferably of the precision in the settings.

    A `source` that is a model file may have any name, but must have the right suffix.
    """
    source = settings.source
    if source.is_dir():
        artifacts = sorted(
            Bundle.open(source).exported(),
            key=lambda artifact: artifact.precision != settings.precision,
        )
        files = [source / artifact.file for artifact in artifacts]
    else:
        files, pattern = [source], f"*{Path(pattern).suffix}"
    for file in files:
        if fnmatch(file.name, pattern):
            return file
    names = ", ".join(file.name for file in files)
    raise InputRefused(name, f"takes {pattern}, found {names}; python -m export makes one")


def _converted(name: str, peer: Peer, environment: Environment, model: Path) -> Path:
    """Makes the peer's file of ours; beside it are the files that stand beside ours."""
    folder = default_cache() / "peers" / f"{name}-model"
    folder.mkdir(parents=True, exist_ok=True)
    for beside in ("labels.txt", "manifest.json"):
        shutil.copy(model.with_name(beside), folder)
    return _run_maker(name, peer.convert, environment, f"{folder.name}/{model.stem}", model)


def _run_maker(
    name: str, script: str, environment: Environment, target: str, *sources: Path
) -> Path:
    """Makes the peer's own model anew each time, because it belongs to what is installed now."""
    file = default_cache() / "peers" / target
    file.unlink(missing_ok=True)
    paths = (*(source.absolute() for source in sources), file.absolute())
    make_file(name, environment, file, FOLDER / script, *paths)
    return file
