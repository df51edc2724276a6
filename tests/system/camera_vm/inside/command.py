"""Runs `python -m runtime camera`, and reads its lines and its live page."""

import io
import json
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

from PIL import Image
from vivid import wait_for

BUNDLE = "/share/bundle"


class RunningCommand:
    """The command on a camera, with JSON lines and the live page."""

    def __init__(self, *words: str, source: str = "camera:0") -> None:
        command = [sys.executable, "-m", "runtime", "camera", BUNDLE, "--source", source]
        command += ["--json", "--live", "--live-port", "0", *words]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.lines: list[dict[str, object]] = []
        self.errors: list[str] = []
        threading.Thread(
            target=self._read, args=(self.process.stdout, self.lines, json.loads), daemon=True
        ).start()
        threading.Thread(
            target=self._read, args=(self.process.stderr, self.errors, str.strip), daemon=True
        ).start()
        self.url = re.search(r"http://\S+", self.error("live page", 120))[0]

    def _read(self, stream, lines, convert) -> None:
        for line in stream:
            lines.append(convert(line))

    def error(self, words: str, seconds: float = 60) -> str:
        """Waits for a line of standard error with these words, and returns it."""
        return wait_for(
            lambda: next((line for line in self.errors if words in line), ""),
            seconds,
            f"{words!r} in {self.errors}",
        )

    def line(self, after: int, seconds: float = 60, **values: object) -> dict[str, object]:
        """Waits for a line after number `after` with these values, and returns it."""

        def find() -> dict[str, object] | None:
            for line in self.lines[after:]:
                if all(line[name] == value for name, value in values.items()):
                    return line
            return None

        return wait_for(find, seconds, f"{values} in {self.lines[after:]}, {self.errors}")

    def state(self) -> dict[str, object]:
        """Returns the state from the live page."""
        with urllib.request.urlopen(f"{self.url}state", timeout=30) as answer:
            return json.load(answer)

    def image(self) -> Image.Image:
        """Returns the image from the live page."""
        with urllib.request.urlopen(f"{self.url}frame.jpg", timeout=30) as answer:
            image = Image.open(io.BytesIO(answer.read()))
            image.load()
            return image

    def resident_kb(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    def files(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def uses(self, device: str) -> list[str]:
        """Returns the open files and mappings of a device in the command."""
        process = Path(f"/proc/{self.process.pid}")
        opened = [str(link.readlink()) for link in (process / "fd").iterdir()]
        mapped = (process / "maps").read_text().splitlines()
        return [entry for entry in (*opened, *mapped) if device in entry]

    def end(self) -> dict[str, object]:
        """Sends SIGTERM; returns the exit code, the seconds, and the lines of standard error."""
        start = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        seconds = round(time.monotonic() - start, 2)
        return {"code": code, "seconds": seconds, "errors": self.errors}
