"""Provides the folder of an installed bundle, signed bundles, and their update."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from runtime.deployment.install import install
from runtime.deployment.signature import sign
from runtime.deployment.update import UpdateOptions, update

FIRST_EXPORT = "2026-01-31T12:00:00Z"


@pytest.fixture
def in_use(tmp_path: Path) -> Path:
    return tmp_path / "device/fruit"


@pytest.fixture
def first(make_bundle: Callable[..., Path]) -> Path:
    return make_bundle("first", provenance={"exported": FIRST_EXPORT})


class Keys(NamedTuple):
    """An SSH key with the list of signers that names it, and a key that no list names."""

    key: Path
    signers: Path
    other: Path


@pytest.fixture(scope="session")
def session_keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    if shutil.which("ssh-keygen") is None:
        pytest.skip("ssh-keygen is not installed")
    folder = tmp_path_factory.mktemp("keys")
    for name in ("key", "other"):
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name]
        subprocess.run(words, check=True)
    signers = folder / "signers"
    signers.write_text(f"ann@example.org {(folder / 'key.pub').read_text()}")
    return Keys(folder / "key", signers, folder / "other")


@pytest.fixture
def keys(session_keys: Keys, tmp_path: Path) -> Keys:
    """The same keys with a list of signers that a test may change."""
    signers = tmp_path / "signers"
    shutil.copy(session_keys.signers, signers)
    return session_keys._replace(signers=signers)


@pytest.fixture
def signed_bundle(make_bundle: Callable[..., Path], keys: Keys) -> Callable[..., Path]:
    """Makes a signed bundle that was exported on this day of January 2026."""

    def make(day: int, key: Path | None = None, **provenance: object) -> Path:
        facts = {"exported": f"2026-01-{day:02d}T12:00:00Z"} | provenance
        folder = make_bundle(f"bundle-{day}", factor=1 - day / 100, provenance=facts)
        sign(folder, key or keys.key)
        return folder

    return make


@pytest.fixture
def run_update(keys: Keys, in_use: Path) -> Callable[..., object]:
    def run(source: object, **options: object) -> object:
        return update(
            str(source), in_use, UpdateOptions(keys.signers, **options), lambda line: None
        )

    return run


@pytest.fixture
def old(signed_bundle: Callable[..., Path], keys: Keys, in_use: Path) -> str:
    """Installs a first bundle; returns its id."""
    return install(signed_bundle(1), in_use, signers=keys.signers).bundle_id
