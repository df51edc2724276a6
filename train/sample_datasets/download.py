"""Downloads a file over HTTP, and continues one that was interrupted."""

import http.client
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

from runtime.errors import MachineError
from runtime.shared.progress import Progress
from runtime.system.atomic_files import locked

CHUNK_BYTES, MEGABYTE = 1 << 20, 1_000_000
TIMEOUT_S = 30.0
PARTIAL = 206


def download(url: str, file: Path, otherwise: str) -> None:
    """Writes the content of an http or https `url` to `file`, unless it is there already.

    A partial file stays after an interruption, with the server's mark of its version (ETag). If the
    server still has that version and takes ranges, the next call continues it.

    Raises:
        MachineError: there is no network or no such file; `otherwise` says what to do instead.
    """
    with locked(file.parent):
        if file.exists():
            return
        part, mark = file.with_suffix(".part"), file.with_suffix(".etag")
        request = urllib.request.Request(url, headers={"User-Agent": "quince"})
        if part.exists() and mark.exists():
            request.add_header("Range", f"bytes={part.stat().st_size}-")
            request.add_header("If-Range", mark.read_text())
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
                _receive(response, part, mark)
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, urllib.error.HTTPError) and error.code == 416:
                part.unlink()  # longer than the file: the next call begins anew
            reason = getattr(error, "reason", None) or str(error) or type(error).__name__
            raise MachineError(url, f"cannot be downloaded ({reason}); {otherwise}") from error
        part.replace(file)
        mark.unlink(missing_ok=True)


def _receive(response: http.client.HTTPResponse, part: Path, mark: Path) -> None:
    continues = response.status == PARTIAL
    mark.unlink(missing_ok=True)
    if etag := response.headers.get("ETag"):
        mark.write_text(etag)
    length = 0
    with suppress(TypeError, ValueError):  # archives that a server makes on the way have no length
        length = int(response.headers.get("Content-Length"))  # type: ignore[arg-type]
    with part.open("ab" if continues else "wb") as file:
        start = file.tell()
        total = (start + length) // MEGABYTE if length else 0
        with Progress("download, MB", total) as bar:
            bar.advance(start // MEGABYTE)
            while content := response.read(CHUNK_BYTES):
                file.write(content)
                bar.advance(file.tell() // MEGABYTE - bar.done)
        if length and file.tell() < start + length:
            raise ConnectionError("the connection ended early")
