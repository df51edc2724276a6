"""Signs a bundle with an SSH key, and refuses one that nobody on the list of signers signed.

`signed.json` names every file of the bundle with its sha256; `signed.json.sig` is the signature of
that file by `ssh-keygen -Y sign`. The list of signers is OpenSSH's file of allowed signers
(ssh-keygen(1), ALLOWED SIGNERS).
"""

import base64
import binascii
import json
import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from runtime.bundles.bundle import (
    ID_LENGTH,
    MANIFEST,
    RECOMMENDED,
    SIGNATURE,
    SIGNED,
    Bundle,
)
from runtime.deployment.export_time import bundle_exported_at
from runtime.errors import InputRefused, MachineError, failed_access, naming
from runtime.models.manifest import FILE_PATTERN
from runtime.sources.paths import FILE_MANAGER_NAMES
from runtime.system.atomic_files import scratch_folder, write_file
from runtime.system.hashing import sha256_of_file
from runtime.system.json_records import (
    expect_sha256,
    from_json_object,
    parse_json,
    read_content,
)
from runtime.system.provenance import utc_now

SIGNERS = Path("/etc/quince/signers")
NAMESPACE = "quince-bundle"
"""What the signature is for, so that one for another purpose is not taken (ssh-keygen -n)."""
SCHEMA = 1
MAX_FILES, MAX_FILE_BYTES = 2000, 2**32
PATH_PATTERN = f"{FILE_PATTERN}(/{FILE_PATTERN}){{0,3}}"
PROGRAM = "ssh-keygen"
BEGIN, END = "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
LINE_LENGTH = 70
"""Of base64 in a signature, as OpenSSH writes it."""
TIMEOUT_S = 60.0


@dataclass(frozen=True)
class SignedFile:
    """Describes one file of a signed bundle."""

    sha256: str
    bytes: int

    def __post_init__(self) -> None:
        expect_sha256(self, "sha256")
        if type(self.bytes) is not int or not 0 <= self.bytes <= MAX_FILE_BYTES:
            raise InputRefused("files", f"expected a size in bytes, found {str(self.bytes)[:50]!r}")


@dataclass(frozen=True)
class Statement:
    """Holds what a signature vouches for: every file of a bundle, by its path in it.

    signer: as the list of signers names who signed.
    """

    files: Mapping[str, SignedFile]
    signer: str

    @property
    def id(self) -> str:
        """Returns the id of the bundle."""
        return self.files[MANIFEST].sha256[:ID_LENGTH]


def sign(folder: Path, key: Path) -> Statement:
    """Writes signed.json and its signature by the SSH key into a bundle.

    A key with a passphrase is asked for on the terminal; the public key of a key in an agent will
    do. What is signed must be newer than what is in use, so an export from the future is refused.

    Raises:
        InputRefused: this is no bundle, or its time of export is missing or in the future, or the
            key cannot be used.
        MachineError: ssh-keygen is missing, or the bundle cannot be written.
    """
    bundle = Bundle.open(folder)
    bundle.exported()
    exported = bundle_exported_at(bundle)
    if exported is None or exported > utc_now():
        raise InputRefused(
            str(folder),
            f"expected a time of export before now, {utc_now()}, found {exported}; a device would"
            " take no other bundle after it. Set the clock, and export again",
        )
    files = _list_files(folder)
    rows = {name: asdict(file) for name, file in files.items()}
    content = (json.dumps({"schema": SCHEMA, "files": rows}, indent=1) + "\n").encode()
    with scratch_folder(folder.parent) as scratch:
        (scratch / SIGNED).write_bytes(content)
        words = ("sign", "-f", str(key), "-n", NAMESPACE, str(scratch / SIGNED))
        done = _run(words, timeout_s=None)
        if done.returncode != 0 or not (scratch / SIGNATURE).exists():
            raise InputRefused(str(key), f"cannot sign: {_reason(done)}")
        signature = _armor((scratch / SIGNATURE).read_bytes())
    write_file(folder / SIGNATURE, signature)
    write_file(folder / SIGNED, content)
    return Statement(files, "")


def check_signed(folder: Path, signers: Path) -> Statement:
    """Returns what was signed if the bundle is exactly that, and somebody on the list signed it.

    Raises:
        InputRefused: it is not signed, by nobody on the list, or any file is another.
        MachineError: ssh-keygen is missing, or the list cannot be read.
    """
    if not folder.is_dir():
        raise InputRefused(str(folder), "no such folder")
    for name in (SIGNED, SIGNATURE):
        if (folder / name).is_symlink() or not (folder / name).exists():
            raise InputRefused(
                str(folder),
                f"is not signed (no file {name}), and {signers} asks for a signature; sign it with:"
                " quince export sign",
            )
    content, signature = (
        read_content(folder / name, "not a signed bundle") for name in (SIGNED, SIGNATURE)
    )
    statement = check_signature(content, signature, signers, str(folder))
    found = _list_files(folder, statement.files)
    for name in sorted(statement.files.keys() | found.keys()):
        if statement.files.get(name) != found.get(name):
            raise InputRefused(
                str(folder / name), "is not the file that was signed; copy the bundle again"
            )
    return statement


def check_signature(content: bytes, signature: bytes, signers: Path, thing: str) -> Statement:
    """Returns the content of a signed.json if its signature is by somebody on the list.

    A clock that stands before the list was written is late, as after a start without a network. The
    list's own time then decides whether a key is valid.

    Raises:
        InputRefused: it is not signed by anybody on the list, or not a signed.json; errors name
            `thing`.
        MachineError: ssh-keygen is missing, or the list cannot be read.
    """
    try:
        written_s = signers.stat().st_mtime
        with signers.open("rb"):
            pass
    except OSError as error:
        raise failed_access(str(signers), error) from error
    clock: tuple[str, ...] = ()
    if time.time() < written_s:
        clock = (f"-Overify-time={time.strftime('%Y%m%d%H%M%S', time.localtime(written_s))}",)
    if signature != _armor(signature):
        raise InputRefused(thing, f"its {SIGNATURE} is no signature; copy the bundle again")
    with scratch_folder(Path(os.environ.get("TMPDIR", "/tmp"))) as scratch:
        file = scratch / SIGNATURE
        file.write_bytes(signature)
        known = ("-f", str(signers), "-s", str(file), *clock)
        done = _run(("find-principals", *known))
        signer = done.stdout.decode(errors="replace").partition("\n")[0].split(",")[0].strip()
        if done.returncode == 0 and signer:
            done = _run(("verify", "-I", signer, "-n", NAMESPACE, *known), content)
    if done.returncode != 0 or not signer:
        late = f", and this clock says {utc_now()}" if clock else ""
        raise InputRefused(
            thing, f"is not signed by anybody in {signers} ({_reason(done)}{late}); it is not used"
        )
    with naming(thing, f"not a usable {SIGNED}: {{}}"):
        return _read_statement(content, signer)


def _read_statement(content: bytes, signer: str) -> Statement:
    data = parse_json(content)
    if not isinstance(data, dict) or data.get("schema") != SCHEMA or len(data) != 2:
        raise InputRefused(SIGNED, f"expected schema {SCHEMA} and files")
    rows = data.get("files")
    if not isinstance(rows, dict) or MANIFEST not in rows or len(rows) > MAX_FILES:
        raise InputRefused(SIGNED, f"expected {MANIFEST} and at most {MAX_FILES} files")
    for name in rows:
        if not re.fullmatch(PATH_PATTERN, name):
            raise InputRefused(SIGNED, f"expected names of files, found {name[:50]!r}")
    files = {name: from_json_object(SignedFile, row) for name, row in rows.items()}
    return Statement(files, signer)


def _list_files(
    folder: Path, expected: Mapping[str, SignedFile] | None = None
) -> dict[str, SignedFile]:
    """Returns the files of a bundle as they are to be signed.

    A file of another size than `expected` is not read, and has no hash.
    """
    files = {}
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name[0] != "."]
        for name in names:
            path = Path(parent, name)
            inside = str(path.relative_to(folder))
            if (
                inside in (SIGNED, SIGNATURE, RECOMMENDED)
                or name[0] == "."
                or name.lower() in FILE_MANAGER_NAMES
            ):
                continue
            if path.is_symlink() or not path.is_file():
                raise InputRefused(str(path), "expected a regular file; copy the bundle again")
            size, signed = path.stat().st_size, expected and expected.get(inside)
            if signed and signed.bytes != size:
                files[inside] = SignedFile("0" * 64, size)
            else:
                files[inside] = SignedFile(sha256_of_file(path), size)
    return files


def _armor(signature: bytes) -> bytes:
    """Returns a signature in the one form that is accepted; an empty one for what is none."""
    body = "".join(signature.decode("ascii", "replace").strip().splitlines()[1:-1])
    try:
        blob = base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        return b""
    if not blob:
        return b""
    text = base64.b64encode(blob).decode()
    rows = [text[start : start + LINE_LENGTH] for start in range(0, len(text), LINE_LENGTH)]
    return "\n".join((BEGIN, *rows, END, "")).encode()


def _run(
    words: Sequence[str], content: bytes = b"", timeout_s: float | None = TIMEOUT_S
) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            [PROGRAM, "-Y", *words],
            input=content,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError as error:
        raise MachineError(
            PROGRAM, "not found; install it with: sudo apt install openssh-client"
        ) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MachineError(PROGRAM, f"cannot be run: {error}") from error


def _reason(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return " ".join(lines[-1].split()).rstrip(".") if lines else "no key of the list"
