"""Publishes and fetches bundles with the real client, from a stand-in of the Hub's HTTP calls."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hub_stand_in import TOKEN, Hub, started

from export.commands.export import main
from runtime.deployment.signature import check_signed
from runtime.errors import MachineError

pytest.importorskip("huggingface_hub")

REPOSITORY = "someone/cells"


@pytest.fixture
def hub() -> Iterator[Hub]:
    with started() as server:
        yield server


def variables(hub: Hub, folder: Path) -> dict[str, str]:
    env = {"HF_ENDPOINT": hub.address, "HF_HOME": str(folder / "home"), "HF_TOKEN": TOKEN}
    return env | {"HF_HUB_DISABLE_XET": "1", "NO_PROXY": "127.0.0.1"}


@pytest.fixture
def ask(hub: Hub, run_cli, tmp_path: Path):
    """Runs `export push` or `export pull` against the stand-in."""

    def run(*words: str | Path, **environment: str):
        env = variables(hub, tmp_path) | environment
        return run_cli("export", *words, env=env, cwd=tmp_path)

    return run


@pytest.fixture(scope="module")
def files(exported: Path, run_cli, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files that a push of `exported` leaves in the repository."""
    with started() as hub:
        env = variables(hub, tmp_path_factory.mktemp("hub"))
        assert run_cli("export", "push", exported, REPOSITORY, env=env).returncode == 0
        return hub.repositories[REPOSITORY]


@pytest.fixture
def pushed(hub: Hub, files: dict[str, bytes]) -> None:
    hub.repositories[REPOSITORY] = dict(files)
    hub.private[REPOSITORY] = True


def test_pushed_bundle_comes_back_verified_and_byte_for_byte(
    hub: Hub, ask, exported: Path, tmp_path: Path
) -> None:
    done = ask("push", exported, REPOSITORY, "--json")
    assert done.returncode == 0, done.stderr
    assert "readers of the repository see 16 test images and" in done.stderr
    assert "state it with --license, --data-license, --base-license" in done.stderr
    published = json.loads(done.stdout)
    assert published["private"] is True
    assert published["checked"] == ["model.fp32.onnx", "model.int8.tflite"]
    done = ask("pull", REPOSITORY, "-o", "back", "--json")
    assert done.returncode == 0, done.stderr
    fetched = json.loads(done.stdout)
    assert fetched["commit"] == published["commit"]
    assert fetched["bundle_id"] == published["bundle_id"]
    names = {str(file.relative_to(exported)) for file in exported.rglob("*") if file.is_file()}
    back = tmp_path / "back"
    assert names == {str(file.relative_to(back)) for file in back.rglob("*") if file.is_file()}
    for name in names - {"README.md"}:
        assert (back / name).read_bytes() == (exported / name).read_bytes(), name


def test_card_states_the_licences_once_and_keeps_what_was_measured(
    hub: Hub, ask, exported: Path
) -> None:
    words = ("--license", "apache-2.0", "--data-license", "cc-by-nc-sa-4.0")
    words += ("--base-license", "mit", "--base-model", "google/lite0")
    assert ask("push", exported, REPOSITORY, "--license", "unknown").returncode == 0
    card = hub.repositories[REPOSITORY]["README.md"].decode()
    assert yaml.safe_load(card.split("---\n")[1])["license"] == "unknown"
    assert ask("push", exported, REPOSITORY, *words).returncode == 0
    assert ask("pull", REPOSITORY, "-o", "back").returncode == 0
    assert ask("push", "back", REPOSITORY, *words).returncode == 0
    card = hub.repositories[REPOSITORY]["README.md"].decode()
    exported_card = (exported / "README.md").read_text()
    front, old = (yaml.safe_load(text.split("---\n")[1]) for text in (card, exported_card))
    assert front.pop("base_model") == "google/lite0"
    assert front == {**old, "license": "apache-2.0"}
    assert front["library_name"] == "litert"
    assert front["pipeline_tag"] == "image-classification"
    assert card.count("## Licences") == 1
    rows = ("| this model | apache-2.0 |", "| its training images | cc-by-nc-sa-4.0 |")
    assert card.endswith("\n".join((*rows, "| its base weights | mit, google/lite0 |\n")))


def test_signature_stays_only_where_the_card_does(
    hub: Hub, ask, bundle: Path, tmp_path: Path
) -> None:
    key, signers = tmp_path / "key", tmp_path / "signers"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    signers.write_text(f"ann@example.org {(tmp_path / 'key.pub').read_text()}")
    assert ask("sign", bundle, "--key", key).returncode == 0
    assert ask("push", bundle, REPOSITORY, "--license", "unknown").returncode == 0
    assert not {"signed.json", "signed.json.sig"} & set(hub.repositories[REPOSITORY])
    assert ask("pull", REPOSITORY, "-o", "back").returncode == 0
    assert ask("sign", "back", "--key", key).returncode == 0
    assert ask("push", "back", REPOSITORY, "--license", "unknown").returncode == 0
    assert ask("pull", REPOSITORY, "-o", "again").returncode == 0
    assert check_signed(tmp_path / "again", signers).signer == "ann@example.org"


def test_second_push_is_one_commit_without_the_files_of_the_first(
    hub: Hub, ask, exported: Path, adopted_bundle: Path
) -> None:
    assert ask("push", exported, REPOSITORY, "--public").returncode == 0
    assert hub.private[REPOSITORY] is False
    assert ask("push", adopted_bundle, REPOSITORY).returncode == 0
    files = hub.repositories[REPOSITORY]
    assert "model.int8.tflite" not in files
    assert {".gitattributes", "README.md", "manifest.json"} <= set(files)
    assert len(hub.commits) == 2
    assert ask("pull", REPOSITORY, "-o", "back").returncode == 0


@pytest.fixture
def adopted_bundle(float_onnx, cells: Path, run_cli, tmp_path: Path) -> Path:
    bundle = tmp_path / "adopted"
    words = ("export", "adopt", float_onnx.path, "--test-data", cells, "-o", bundle)
    assert run_cli(*words, *float_onnx.options).returncode == 0
    return bundle


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("golden/golden.json", b"{}", "someone/cells/golden"),
        ("model.int8.tflite", b"other", "someone/cells/model.int8.tflite: expected a TFLite"),
        ("labels.txt", b"poly\nmono\n", "are not the 2 labels of the manifest"),
        ("run.py", b"import os", "someone/cells/run.py: no part of the bundle"),
        ("golden/../../evil", b"", "expected a bundle, found"),
        ("parity.json", b"{}", "changed since export"),
    ],
)
def test_changed_repository_gets_no_name_here(
    hub: Hub, pushed: None, ask, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    hub.repositories[REPOSITORY][name] = content
    before = set(os.listdir(tmp_path))
    done = ask("pull", REPOSITORY, "-o", "back")
    assert done.returncode == 2, done.stderr
    assert reason in done.stderr.splitlines()[-1]
    assert str(tmp_path) not in done.stderr
    assert set(os.listdir(tmp_path)) == before


def test_bundle_that_was_changed_is_not_sent(hub: Hub, ask, exported: Path, tmp_path: Path) -> None:
    changed = Path(shutil.copytree(exported, tmp_path / "changed"))
    (changed / "parity.json").write_text("{}")
    done = ask("push", changed, REPOSITORY)
    assert done.returncode == 2
    assert "changed since export" in done.stderr
    assert not hub.repositories


@pytest.mark.parametrize(
    ("words", "environment", "code", "reason"),
    [
        (("push", "BUNDLE", "a/b/c"), {}, 2, "a/b/c: Repo id must be"),
        (("push", "BUNDLE", REPOSITORY, "--license", "mine"), {}, 2, '"license" must be one of'),
        (("push", "BUNDLE", REPOSITORY), {"HF_TOKEN": "no"}, 4, "log in with: hf auth login"),
        (("push", "BUNDLE", REPOSITORY), {"HF_HUB_OFFLINE": "1"}, 4, "HF_HUB_OFFLINE"),
        (("pull", REPOSITORY), {}, 2, "no such repository"),
        (("pull", REPOSITORY), {"HF_HUB_OFFLINE": "1"}, 4, "HF_HUB_OFFLINE"),
        (("pull", "../x"), {}, 2, "../x: Repo id must"),
    ],
)
def test_refusal_of_the_hub_is_one_line(
    ask, exported: Path, words: tuple[str, ...], environment: dict[str, str], code: int, reason: str
) -> None:
    done = ask(*(exported if word == "BUNDLE" else word for word in words), **environment)
    assert done.returncode == code, done.stderr
    assert reason in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [("push", "BUNDLE", REPOSITORY), ("pull", REPOSITORY)])
def test_hub_that_does_not_answer_is_one_line(ask, exported: Path, words: tuple[str, ...]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
        words = tuple(str(exported) if word == "BUNDLE" else word for word in words)
        done = ask(*words, HF_ENDPOINT=address)
    assert done.returncode == 4, done.stderr
    assert f"expected an answer of {address}, found" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("command", ["push", "pull"])
def test_missing_package_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    words = [command, "bundle", REPOSITORY] if command == "push" else [command, REPOSITORY]
    with pytest.raises(MachineError, match=r"needs the package 'huggingface_hub'.*\[hub\]"):
        main(words)


def test_revision_that_is_not_there_is_one_line(ask, pushed: None) -> None:
    done = ask("pull", REPOSITORY, "--revision", "v1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].endswith("has no such revision; see its branches and tags")


def test_place_that_is_taken_stays_as_it_is(ask, pushed: None, tmp_path: Path) -> None:
    (tmp_path / "bundles" / "cells").mkdir(parents=True)
    (tmp_path / "bundles" / "cells" / "mine.txt").write_text("kept")
    done = ask("pull", REPOSITORY, "--overwrite")
    assert done.returncode == 2
    assert "is there already; --overwrite replaces only a bundle" in done.stderr
    shutil.rmtree(tmp_path / "bundles")
    assert ask("pull", REPOSITORY).returncode == 0
    assert ask("pull", REPOSITORY).returncode == 2
    assert ask("pull", REPOSITORY, "--overwrite").returncode == 0
