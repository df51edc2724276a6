"""Reports errors of sinks on standard error without repeating them."""

import threading
import time

from runtime.errors import QuinceError
from runtime.system.terminal import say

REPEAT_AFTER_S = 600.0
"""The same line is written again only after so many seconds."""


class ErrorReporter:
    """Writes each error to standard error, the same one once in ten minutes, from any thread."""

    def __init__(self, program: str) -> None:
        self.program = program
        self._written_s: dict[str, float] = {}
        self._lock = threading.Lock()

    def report(self, error: QuinceError) -> None:
        """Writes one line, unless the same line was written a moment ago."""
        now_s, line = time.monotonic(), str(error)
        with self._lock:
            written_s = self._written_s.get(line)
            if written_s is not None and now_s - written_s < REPEAT_AFTER_S:
                return
            self._written_s = {
                text: at_s
                for text, at_s in self._written_s.items()
                if now_s - at_s < REPEAT_AFTER_S
            }
            self._written_s[line] = now_s
        say(f"{self.program}: {line}")
