"""Tests that only what a known person signed is installed, and no byte less or more."""

import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.bundles.bundle import Bundle
from runtime.deployment.install import install, roll_back
from runtime.deployment.signature import NAMESPACE, check_signed, sign
from runtime.errors import InputRefused, QuinceError

MUTATIONS = 100


def test_a_signed_bundle_is_installed_with_its_signature(signed_bundle, keys, in_use: Path) -> None:
    new = signed_bundle(1)
    statement = check_signed(new, keys.signers)
    assert (statement.id, statement.signer) == (Bundle.open(new).id, "ann@example.org")
    assert {"manifest.json", "small.onnx", "golden/00.png"} <= set(statement.files)
    install(new, in_use, signers=keys.signers)
    assert check_signed(in_use, keys.signers) == statement


def mutate(bundle: Path, generator: random.Random) -> str:
    """Changes one thing in a bundle; returns what."""
    files = sorted(path for path in bundle.rglob("*") if path.is_file())
    file = generator.choice(files)
    kind = generator.choice(["bit", "bit", "bit", "cut", "longer", "lost", "added", "swapped"])
    if kind == "bit":
        content = bytearray(file.read_bytes())
        content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
        file.write_bytes(content)
    elif kind == "cut":
        content = file.read_bytes()
        file.write_bytes(content[: generator.randrange(len(content))])
    elif kind == "longer":
        file.write_bytes(file.read_bytes() + b"\n")
    elif kind == "lost":
        file.unlink()
    elif kind == "added":
        (file.parent / "README.md").write_text("hello")
    else:
        other = generator.choice([path for path in files if path != file])
        content = file.read_bytes()
        file.write_bytes(other.read_bytes())
        other.write_bytes(content)
    return f"{kind} {file.relative_to(bundle)}"


def test_each_of_100_mutations_is_refused(
    signed_bundle, keys, in_use: Path, tmp_path: Path
) -> None:
    install(signed_bundle(1), in_use, signers=keys.signers)
    new, generator, used = signed_bundle(2), random.Random(7), Bundle.open(in_use).id
    accepted, reasons = [], []
    for number in range(MUTATIONS):
        changed = Path(shutil.copytree(new, tmp_path / f"changed-{number}"))
        what = mutate(changed, generator)
        try:
            install(changed, in_use, signers=keys.signers)
        except InputRefused as refusal:
            reasons.append(refusal.reason)
        else:
            accepted.append(what)
        shutil.rmtree(changed)
    assert (accepted, len(reasons)) == ([], MUTATIONS)
    assert [reason for reason in reasons if "sign" not in reason] == []
    assert Bundle.open(in_use).id == used
    install(new, in_use, signers=keys.signers)


def test_wrong_key_no_key_and_another_purpose_are_refused(
    signed_bundle, make_bundle, keys, in_use: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for bundle, word in (
        (signed_bundle(1, keys.other), "is not signed by anybody in"),
        (make_bundle("unsigned"), "is not signed .no file signed.json."),
    ):
        with pytest.raises(InputRefused, match=word):
            install(bundle, in_use, signers=keys.signers)
    monkeypatch.setattr("runtime.deployment.signature.NAMESPACE", "git")
    other = signed_bundle(2)
    monkeypatch.undo()
    with pytest.raises(InputRefused, match="is not signed by anybody in"):
        install(other, in_use, signers=keys.signers)
    assert not in_use.exists()


def test_an_older_bundle_is_a_replay_also_after_a_rollback(
    signed_bundle, keys, in_use: Path
) -> None:
    first, second, third = (signed_bundle(day) for day in (1, 2, 3))
    for bundle in (first, third):
        install(bundle, in_use, signers=keys.signers)
    with pytest.raises(InputRefused, match="was exported 2026-01-02"):
        install(second, in_use, signers=keys.signers)
    roll_back(in_use)
    with pytest.raises(InputRefused, match="was exported 2026-01-02"):
        install(second, in_use, signers=keys.signers)
    assert Bundle.open(in_use).id == Bundle.open(first).id


def test_a_late_clock_neither_refuses_the_key_nor_the_bundle(
    make_bundle: Callable[..., Path], keys, in_use: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To this clock the list and the bundle are from 2040, as from 1970 all is from the future."""
    public = keys.key.with_suffix(".pub").read_text()
    keys.signers.write_text(f'ann@example.org valid-after="20390101" {public}')
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "2300000000")
    new = make_bundle("new", provenance={"exported": "2040-01-01T12:00:00Z"})
    sign(new, keys.key)
    with pytest.raises(InputRefused, match="is not signed by anybody in"):
        install(new, in_use, signers=keys.signers)
    os.utime(keys.signers, (2.25e9, 2.25e9))
    assert install(new, in_use, signers=keys.signers).outcome == "installed"
    os.utime(keys.signers, (2.1e9, 2.1e9))
    with pytest.raises(InputRefused, match=r"is not signed by anybody .* this clock says"):
        check_signed(new, keys.signers)


def test_an_export_from_the_future_is_not_signed(make_bundle, keys) -> None:
    new = make_bundle("new", provenance={"exported": "2099-01-01T12:00:00Z"})
    with pytest.raises(InputRefused, match="would take no other bundle after it"):
        sign(new, keys.key)
    with pytest.raises(InputRefused, match="found None"):
        sign(make_bundle("older"), keys.key)


@pytest.mark.parametrize(
    "content",
    [
        '{"schema": 1, "files": {}}',
        '{"schema": 2, "files": {"manifest.json": {"sha256": "%s", "bytes": 1}}}',
        '{"schema": 1, "files": {"../manifest.json": {"sha256": "%s", "bytes": 1},'
        ' "manifest.json": {"sha256": "%s", "bytes": 1}}}',
        '{"schema": 1, "files": {"manifest.json": {"sha256": "%s", "bytes": -1}}}',
        "[]",
    ],
)
def test_a_strange_statement_is_refused_though_it_is_signed(
    signed_bundle, keys, content: str
) -> None:
    new = signed_bundle(1)
    (new / "signed.json.sig").unlink()
    (new / "signed.json").write_text(content.replace("%s", "0" * 64))
    words = ["ssh-keygen", "-q", "-Y", "sign", "-f", keys.key, "-n", NAMESPACE, new / "signed.json"]
    subprocess.run(words, check=True, stderr=subprocess.DEVNULL)
    with pytest.raises(InputRefused, match=r"not a usable signed\.json"):
        check_signed(new, keys.signers)


def test_the_commands(
    signed_bundle, make_bundle, keys, in_use: Path, run_cli, refuses, tmp_path: Path
) -> None:
    new = make_bundle("new", provenance={"exported": "2026-01-01T12:00:00Z"})
    install_it = ("runtime", "install", new, in_use, "--signers", keys.signers)
    refuses(run_cli(*install_it), 2, "quince export sign")
    done = run_cli("export", "sign", new, "--key", keys.key)
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{new}: bundle {Bundle.open(new).id}, 7 files signed\n"
    assert run_cli(*install_it).returncode == 0
    refuses(run_cli("export", "sign", new, "--key", tmp_path / "none"), 2, "cannot sign")
    (tmp_path / "bin").mkdir()
    bare = {"PATH": str(tmp_path / "bin")}
    refuses(run_cli(*install_it, env=bare), 4, "ssh-keygen", "apt install openssh-client")
    refuses(run_cli(*install_it[:-1], tmp_path / "no"), 2, "no such file")


def test_without_a_list_nothing_is_asked(make_bundle, in_use: Path) -> None:
    assert install(make_bundle("new"), in_use).outcome == "installed"


def test_an_empty_or_broken_list_accepts_nobody(signed_bundle, keys) -> None:
    new = signed_bundle(1)
    for text in ("", "# nobody\n", "hello\n", "\0" * 100):
        keys.signers.write_text(text)
        with pytest.raises(QuinceError, match="is not signed by anybody"):
            check_signed(new, keys.signers)
