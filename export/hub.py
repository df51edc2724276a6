"""Puts a bundle on the Hugging Face Hub, or fetches one, checked like each bundle that was copied.

The token, the address of the Hub and proxies are those of `huggingface_hub` (`hf auth login`,
HF_TOKEN, HF_ENDPOINT).
"""

import logging
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

import yaml
from httpx2 import HTTPError
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, ModelCard, constants
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import disable_progress_bars

from export.publish import require_replaceable, require_writable_target
from export.report.model_card import markdown_text
from runtime.bundles.bundle import CARD, MANIFEST, SIGNATURE, SIGNED
from runtime.bundles.examples import read_examples
from runtime.bundles.golden_images import read_golden
from runtime.deployment.checked_copy import copy_and_verify, open_unchanged
from runtime.errors import InputRefused, MachineError, QuinceError
from runtime.shared.wording import counted
from runtime.system.atomic_files import locked, new_folder, scratch_folder
from runtime.system.terminal import say

UNKNOWN = "unknown"
"""The Hub's own identifier for a licence that nobody stated."""
HEADING = "\n## Licences\n"
MAX_BUNDLE_BYTES, MAX_BUNDLE_FILES = 4 * 2**30, 10_000
MAX_REASON_CHARS = 300


@dataclass(frozen=True)
class Licences:
    """Holds what the user states for the card: licences by the Hub's identifiers, and the base.

    weights: of the pretrained weights that training began with. base_model: their repository.
    """

    model: str = UNKNOWN
    data: str = UNKNOWN
    weights: str = UNKNOWN
    base_model: str | None = None


@dataclass(frozen=True)
class Published:
    """Reports what is on the Hub now; commit: the id of its last change."""

    repository: str
    url: str
    commit: str
    private: bool
    bundle: str
    bundle_id: str
    files: int
    images: int
    checked: tuple[str, ...]
    unchecked: tuple[str, ...]


@dataclass(frozen=True)
class Fetched:
    """Reports the bundle that was fetched.

    commit: of the repository. images: how many golden images each model file in `checked` answered
    here as at export. unchecked: the model files that cannot run here.
    """

    repository: str
    commit: str
    bundle: str
    bundle_id: str
    images: int
    checked: tuple[str, ...]
    unchecked: tuple[str, ...]


def push(path: Path, repository: str, licences: Licences, *, public: bool = False) -> Published:
    """Verifies a bundle and makes it the content of a repository on the Hub, in one commit.

    Args:
        path: the bundle; it stays as it is.
        repository: USER/NAME; it is made if there is none.
        licences: for the model card.
        public: whether a new repository is; one that is there keeps its visibility.

    Raises:
        InputRefused: the bundle is damaged, or the Hub refuses the name, the card or the account.
        CheckFailed: the bundle answers otherwise here than at export.
        MachineError: no answer of the Hub, or none of the model files can run here.
    """
    bundle = open_unchanged(path)
    card = _card(path, licences)
    with scratch_folder(Path(gettempdir())) as folder:
        check = copy_and_verify(bundle, folder)
        before = (folder / CARD).read_bytes() if (folder / CARD).exists() else b""
        (folder / CARD).write_text(card, "utf-8", "backslashreplace")
        if (folder / CARD).read_bytes() != before:  # then nobody has signed this bundle
            for name in (SIGNED, SIGNATURE):
                (folder / name).unlink(missing_ok=True)
        files = {
            str(file.relative_to(folder)): file for file in folder.rglob("*") if file.is_file()
        }
        size = sum(file.stat().st_size for file in files.values())
        say(f"sending {counted(len(files), 'file')}, {size / 1e6:.1f} MB; {_shown_images(path)}")
        api = _api()
        with _naming_failures(repository):
            api.create_repo(repository, private=not public, exist_ok=True)
            stale = {name for name in api.list_repo_files(repository) if name[0] != "."} - set(
                files
            )
            commit = api.create_commit(
                repository,
                [
                    *(CommitOperationDelete(name) for name in sorted(stale)),
                    *(CommitOperationAdd(name, file) for name, file in files.items()),
                ],
                commit_message=f"Bundle {bundle.id}",
            )
            private = bool(api.repo_info(repository).private)
    return Published(
        repository,
        f"{constants.ENDPOINT}/{repository}",
        commit.oid,
        private,
        str(path),
        bundle.id,
        len(files),
        *check,
    )


def pull(
    repository: str, path: Path, *, revision: str | None = None, overwrite: bool = False
) -> Fetched:
    """Fetches the bundle of a repository; it gets its name once it is verified.

    Args:
        repository: USER/NAME.
        path: the folder to write.
        revision: a branch, tag or commit; None: the newest.
        overwrite: replace a bundle that is there.

    Raises:
        InputRefused: no such repository or no bundle in it, or `path` is taken.
        CheckFailed: the bundle answers otherwise here than at export.
        MachineError: no answer of the Hub, or none of the model files can run here.
    """
    require_writable_target(path, Path(repository))
    require_replaceable(path, overwrite=overwrite)
    with scratch_folder(path.parent) as scratch, _naming(scratch, repository):
        commit = _download(repository, revision, scratch)
        bundle = open_unchanged(scratch)
        with locked(path.parent), new_folder(path) as folder:
            require_replaceable(path, overwrite=overwrite)
            check = copy_and_verify(bundle, folder)
    return Fetched(repository, commit, str(path), bundle.id, *check)


def _shown_images(path: Path) -> str:
    """Returns which images of the user's data a bundle shows to whoever may read it."""
    shown = counted(len(read_golden(path)), "test image")
    if examples := read_examples(path):
        shown += f" and {counted(len(examples.images), 'thumbnail')} of training images"
    return f"readers of the repository see {shown}"


def _download(repository: str, revision: str | None, folder: Path) -> str:
    """Fetches the files of a repository, apart from hidden ones; returns the commit."""
    api = _api()
    with _naming_failures(repository):
        info = api.model_info(repository, revision=revision, files_metadata=True)
        files = [file for file in info.siblings or () if file.rfilename[0] != "."]
        size = sum(file.size or 0 for file in files)
        if len(files) > MAX_BUNDLE_FILES or size > MAX_BUNDLE_BYTES:
            raise InputRefused(
                repository,
                f"expected a bundle of at most {MAX_BUNDLE_FILES} files and"
                f" {MAX_BUNDLE_BYTES} bytes, found {len(files)} files and {size} bytes",
            )
        names = {file.rfilename for file in files}
        if MANIFEST not in names or any(".." in Path(name).parts for name in names):
            raise InputRefused(repository, f"expected a bundle, found {sorted(names)[:5]}")
        say(f"fetching {counted(len(files), 'file')}, {size / 1e6:.1f} MB")
        api.snapshot_download(repository, revision=info.sha, local_dir=folder, ignore_patterns=".*")
    return str(info.sha)


def _card(path: Path, licences: Licences) -> str:
    """Returns the bundle's card with what the user states in its front matter and its last part."""
    file = path / CARD
    try:
        card = ModelCard(file.read_text("utf-8") if file.exists() else "---\n---\n")
    except (ValueError, yaml.YAMLError) as error:
        reason = f"its front matter is no model card's ({' '.join(str(error).split())})"
        raise InputRefused(str(file), reason[:MAX_REASON_CHARS]) from error
    card.data.license = licences.model
    card.data.base_model = licences.base_model
    rows = {"this model": licences.model, "its training images": licences.data}
    rows["its base weights"] = licences.weights
    if licences.base_model:
        rows["its base weights"] += f", {licences.base_model}"
    table = "".join(f"| {name} | {markdown_text(text)} |\n" for name, text in rows.items())
    before = card.text.split(HEADING)[0].rstrip()
    card.text = f"{before}\n{HEADING}\n| of | licence |\n|---|---|\n{table}"
    return str(card)


def _api() -> HfApi:
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    disable_progress_bars()
    return HfApi(library_name="quince-edge")


@contextmanager
def _naming(scratch: Path, repository: str) -> Generator[None, None, None]:
    """Lets errors name the repository, not the folder that its files were fetched into."""
    try:
        yield
    except QuinceError as error:
        words = (text.replace(str(scratch), repository) for text in (error.thing, error.reason))
        raise type(error)(*words) from error


@contextmanager
def _naming_failures(repository: str) -> Generator[None, None, None]:
    """Turns what `huggingface_hub` raises into one line about the repository."""
    try:
        yield
    except QuinceError:
        raise
    except RepositoryNotFoundError as error:
        raise InputRefused(
            repository,
            "no such repository, or a private one that this account may not see;"
            " log in with: hf auth login",
        ) from error
    except RevisionNotFoundError as error:
        raise InputRefused(repository, "has no such revision; see its branches and tags") from error
    except EntryNotFoundError as error:
        raise InputRefused(repository, _first_line(error)) from error
    except HfHubHTTPError as error:
        status, message = error.response.status_code, error.server_message or _first_line(error)
        hint = "; log in with: hf auth login" if status in (401, 403) else ""
        raise MachineError(repository, f"the Hub answered {status}: {message}{hint}") from error
    except (HTTPError, OfflineModeIsEnabled, LocalEntryNotFoundError, OSError) as error:
        raise MachineError(
            repository,
            f"expected an answer of {constants.ENDPOINT}, found {_first_line(error)}; see the"
            " network, HF_ENDPOINT and HF_HUB_OFFLINE",
        ) from error
    except (HFValidationError, ValueError) as error:
        raise InputRefused(repository, _first_line(error)) from error


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:MAX_REASON_CHARS] or type(error).__name__
