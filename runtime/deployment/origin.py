"""Fetches the files of a signed bundle from a web server or a folder, whole or not at all."""

import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, NamedTuple
from urllib.parse import quote, urlsplit

from runtime.deployment.signature import SignedFile
from runtime.errors import InputRefused, MachineError
from runtime.system.atomic_files import new_file
from runtime.system.hashing import sha256_of_file

TIMEOUT_S = 30.0
"""Without a byte from the server."""
CHUNK_BYTES = 2**18
MAX_SMALL_BYTES = 2**20


class Unreachable(MachineError):
    """The origin cannot be read now; what was fetched is worth keeping."""


class Origin:
    """Offers a bundle: a folder on a web server, by its address, or a folder here."""

    def __init__(self, source: str) -> None:
        """Stores the source; nothing is read yet.

        Raises:
            InputRefused: an address of another form.
        """
        self.name, self._is_url = source.rstrip("/"), "://" in source
        if self._is_url and not _is_address(source):
            host = source.partition("@")[2] or source  # no password in a log
            raise InputRefused(
                host,
                "expected the address of a bundle folder, http://HOST/FOLDER or https://..., in"
                " ASCII (%20 for a space), without a user, a question mark or a #",
            )
        if not source:
            raise InputRefused("''", "expected the address or the path of a signed bundle folder")
        self._base = self.name if self._is_url else Path(self.name).absolute().as_uri()

    def read(self, name: str) -> bytes:
        """Returns the content of a small file.

        Raises:
            InputRefused: there is no such file, or it is over 1 MB.
            Unreachable: the server cannot be reached, or the connection is lost.
        """
        with self._open(name) as file:
            content = file.read(MAX_SMALL_BYTES + 1)
        if len(content) > MAX_SMALL_BYTES:
            raise InputRefused(f"{self.name}/{name}", f"over {MAX_SMALL_BYTES} bytes")
        return content

    def fetch(self, name: str, signed: SignedFile, folder: Path) -> None:
        """Writes a file into `folder`, if it is what was signed; one that is there stays.

        Raises:
            InputRefused: there is no such file, or it is not the one that was signed.
            Unreachable: as `read`.
            MachineError: the card is full.
        """
        target = folder / name
        if _is_same(target, signed):
            return
        with new_file(target) as temporary:
            with self._open(name) as source, temporary.open("wb") as file:
                left = signed.bytes + 1  # one more than signed shows that it is longer
                while left and (chunk := source.read(min(CHUNK_BYTES, left))):
                    file.write(chunk)
                    left -= len(chunk)
            if left > 1:
                got = signed.bytes + 1 - left
                reason = f"it ended after {got} of {signed.bytes} bytes that were signed"
                raise _lost(f"{self.name}/{name}", reason)
            if not _is_same(temporary, signed):
                raise InputRefused(f"{self.name}/{name}", "is not the file that was signed")

    @contextmanager
    def _open(self, name: str) -> Generator["_Reader", None, None]:
        address = f"{self.name}/{name}"
        try:
            if not self._is_url and not Path(address).is_file():
                raise InputRefused(address, "no such file")
            file = urllib.request.urlopen(f"{self._base}/{quote(name)}", timeout=TIMEOUT_S)
        except urllib.error.HTTPError as error:
            kind = InputRefused if error.code < 500 else Unreachable
            raise kind(address, f"the server answers {error.code} {error.reason}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:  # of a redirect
            raise _lost(address, error) from error
        with file:
            yield _Reader(file, address)


class _Reader(NamedTuple):
    """Reads a file of the origin; what fails here is not a failure of the card."""

    file: IO[bytes]
    address: str

    def read(self, count: int) -> bytes:
        try:
            return self.file.read(count)
        except (OSError, http.client.HTTPException) as error:
            raise _lost(self.address, error) from error


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        (parts.hostname or "").encode("idna")
        is_plain = parts.username is None and not parts.query and not parts.fragment
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
        return is_web and is_plain and (parts.port or 1) > 0 and re.search("[^!-~]", text) is None
    except ValueError:
        return False


def _lost(address: str, error: Exception | str) -> "Unreachable":
    reason = getattr(error, "reason", None) or error
    return Unreachable(address, f"cannot be fetched: {reason}; the next update goes on from here")


def _is_same(path: Path, signed: SignedFile) -> bool:
    return (
        path.is_file()
        and path.stat().st_size == signed.bytes
        and sha256_of_file(path) == signed.sha256
    )
