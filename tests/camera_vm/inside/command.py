"""`python -m runtime camera`, running, and its live page."""

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
from vivid import until

BUNDLE = "/share/bundle"


class Watching:
    """The command on the camera, with JSON lines and the live page."""

    def __init__(self, *words: str, source: str = "camera:0") -> None:
        command = [sys.executable, "-m", "runtime", "camera", BUNDLE, "--source", source, "--json", "--live", "--live-port", "0", *words]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines: list[dict[str, object]] = []
        self.errors: list[str] = []
        threading.Thread(target=self._read, args=(self.process.stdout, self.lines, json.loads), daemon=True).start()
        threading.Thread(target=self._read, args=(self.process.stderr, self.errors, str.strip), daemon=True).start()
        self.url = re.search(r"http://\S+", self.error("live page", 120))[0]

    def _read(self, stream, lines, convert) -> None:
        for line in stream:
            lines.append(convert(line))

    def error(self, words: str, seconds: float = 60) -> str:
        """The first line of standard error with these words, once it is there."""
        return until(lambda: next((line for line in self.errors if words in line), ""), seconds, f"{words!r} in {self.errors}")

    def line(self, after: int, seconds: float = 60, **values: object) -> dict[str, object]:
        """The first line from number `after` on with these values, once it is there."""
        find = lambda: next((one for one in self.lines[after:] if all(one[name] == value for name, value in values.items())), None)  # noqa: E731
        return until(find, seconds, f"{values} in {self.lines[after:]}, {self.errors}")

    def state(self) -> dict[str, object]:
        """What the live page tells programs."""
        with urllib.request.urlopen(f"{self.url}state", timeout=30) as answer:
            return json.load(answer)

    def picture(self) -> Image.Image:
        """What the live page shows."""
        with urllib.request.urlopen(f"{self.url}frame.jpg", timeout=30) as answer:
            image = Image.open(io.BytesIO(answer.read()))
            image.load()
            return image

    def resident_kb(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    def files(self) -> int:
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def held(self, device: str) -> list[str]:
        """What the command has open or mapped of a device."""
        process = Path(f"/proc/{self.process.pid}")
        opened = [str(one.readlink()) for one in (process / "fd").iterdir()]
        return [one for one in (*opened, *(process / "maps").read_text().splitlines()) if device in one]

    def end(self) -> dict[str, object]:
        """SIGTERM: the exit code, the seconds it took, all it said on standard error."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        seconds = round(time.monotonic() - began, 2)
        return {"code": code, "seconds": seconds, "said": self.errors}
