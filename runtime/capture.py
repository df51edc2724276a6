"""A source read in a thread of its own: of a live one the newest frame wins, and it is opened again when it is lost."""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from types import TracebackType
from typing import Literal

from runtime import cli
from runtime.errors import MachineError, PictureRefused, QuinceError
from runtime.opening import load_picture
from runtime.sources import SILENCE_S, Busy, Frame, Source

BACKOFF_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
STEADY_S = 10.0
"""A connection that gave frames for so long is forgiven the failures before it: the next wait is the shortest again."""
AHEAD = 2
"""Frames of a finite source that are read before they are asked for."""
LEAVE_S = 0.6


class Ended(Exception):
    """A finite source has no more frames."""


class _Reading:
    """One connection: from opening the source until it ends or is given up."""

    def __init__(self) -> None:
        self.began = self.newest = time.monotonic()
        self.frames = 0
        self.over = False
        self.error: BaseException | None = None

    @property
    def reason(self) -> str:
        if isinstance(self.error, QuinceError):
            return self.error.reason
        return "it ended" if self.frames else "it ended before its first frame"


class Capture:
    """`with Capture(source) as capture: frame = capture.next(0.5)`.

    One thread reads, another watches it. A reader that is stuck in a driver is given up: it is a daemon, and a new one takes its place.
    """

    def __init__(
        self,
        source: Source,
        *,
        wait: bool = False,
        stall_s: float = SILENCE_S,
        backoff_s: Sequence[float] = BACKOFF_S,
        say: Callable[[str], None] = cli.say,
    ) -> None:
        """Opens nothing yet.

        Args:
            source: what to read.
            wait: whether a live source that cannot be opened at first is waited for.
            stall_s: seconds without a frame after which a live source counts as lost.
            backoff_s: seconds before each attempt to open a lost source again; the last is repeated.
            say: is given a line when a live source is lost, when it is back, and for each picture of another one that is refused.
        """
        self.source = source
        self.state: Literal["waiting", "running", "lost"] = "waiting"
        self.last_taken: float | None = None
        """`time.monotonic()` of the newest frame that `next` gave, in seconds."""
        self.dropped = 0
        """Frames of a live source that a newer one replaced, or its loss made stale, before they were asked for."""
        self.refused = 0
        """Frames and pictures that are broken."""
        self.restarts = 0
        self._wait, self._stall_s, self._backoff_s, self._say = wait, stall_s, backoff_s, say
        self._changed = threading.Condition()
        self._held: deque[Frame | PictureRefused] = deque()
        self._reading: _Reading | None = None
        self._count = 0
        self._away_since: float | None = None
        self._stopping = self._over = False
        self._error: BaseException | None = None
        self._watcher = threading.Thread(target=self._watch, name=f"watch {source.name}", daemon=True)

    def __enter__(self) -> "Capture":
        self._watcher.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._watcher.join(1.5 * LEAVE_S)

    def next(self, timeout: float) -> Frame | None:
        """The next frame (of a live source the newest one not given yet), decoded; None if there is none within `timeout` seconds.

        Raises:
            Ended: a finite source has no more.
            MachineError: the source cannot be opened.
            InputRefused: it is not what was expected.
        """
        until = time.monotonic() + timeout
        while (arrival := self._take(until)) is not None:
            try:
                if isinstance(arrival, PictureRefused):
                    raise arrival
                load_picture(arrival.image, arrival.name)
            except PictureRefused as refusal:
                self.refused += 1
                if not self.source.live:
                    self._say(str(refusal))
            else:
                self.last_taken = arrival.taken
                return arrival
        return None

    def _take(self, until: float) -> Frame | PictureRefused | None:
        with self._changed:
            while not self._held:
                if self._error:
                    raise self._error
                if self._over:
                    raise Ended(self.source.name)
                if (left := until - time.monotonic()) <= 0:
                    return None
                self._changed.wait(left)
            self._changed.notify_all()
            return self._held.popleft()

    def _watch(self) -> None:
        failures = 0
        while not self._stopping:
            reading = self._read()
            if self._stopping:
                return
            if reading.newest - reading.began >= STEADY_S:
                failures = 0
            if not self._lose(reading):
                return
            with self._changed:
                self._changed.wait_for(lambda: self._stopping, self._backoff_s[min(failures, len(self._backoff_s) - 1)])
            failures += 1

    def _read(self) -> _Reading:
        """One connection, until it is over, silent for too long, or not wanted any more."""
        reading = self._reading = _Reading()
        reader = threading.Thread(target=self._fill, args=(reading,), name=f"read {self.source.name}", daemon=True)
        reader.start()
        with self._changed:
            while not (self._stopping or reading.over):
                left = reading.newest + self._stall_s - time.monotonic() if self.source.live else None
                if left is not None and left <= 0:
                    reading.error = MachineError(self.source.name, f"no frame for {self._stall_s:g} s")
                    break
                self._changed.wait(left)
            self._reading = None
        if self._stopping:
            reader.join(LEAVE_S)
        return reading

    def _fill(self, reading: _Reading) -> None:
        error: BaseException | None = None
        try:
            with closing(self.source.frames()) as frames:
                for arrival in frames:
                    if not self._offer(reading, arrival):
                        break
        except BaseException as raised:  # whoever asks for the next frame gets it
            error = raised
        with self._changed:
            reading.error, reading.over = reading.error or error, True
            self._changed.notify_all()

    def _offer(self, reading: _Reading, arrival: Frame | PictureRefused) -> bool:
        """Holds a frame for `next`; whether more are wanted."""
        with self._changed:
            if not self.source.live:
                self._changed.wait_for(lambda: self._stopping or len(self._held) < AHEAD)
            if self._stopping or self._reading is not reading:
                return False
            if isinstance(arrival, Frame) and self.source.live:
                self._drop()
                self._count += 1
                arrival = arrival._replace(name=f"{self.source.name} #{self._count}")
            if self.source.live and isinstance(arrival, PictureRefused):
                self.refused += 1
                return True
            self._held.append(arrival)
            reading.newest, reading.frames = time.monotonic(), reading.frames + 1
            back = self._back()
            self._changed.notify_all()
        if back:
            self._say(back)
        return True

    def _back(self) -> str:
        """Notes that frames come; what to say of it."""
        before, self.state = self.state, "running"
        self.restarts += before == "lost"
        if self._away_since is None:
            return ""
        seconds, self._away_since = time.monotonic() - self._away_since, None
        return f"{self.source.name}: {'back' if before == 'lost' else 'there'} after {seconds:.0f} s"

    def _lose(self, reading: _Reading) -> bool:
        """Notes that a connection is over; whether to try again."""
        with self._changed:
            if not self._try_again(reading.error):
                self._over, self._error = True, reading.error
                if self.source.live and reading.error is None:
                    self._error = MachineError(self.source.name, reading.reason)
                self._changed.notify_all()
                return False
            self._drop()
            told = self._away_since is not None
            if not told:
                self._away_since = time.monotonic()
            if self.state == "running":
                self.state = "lost"
        if not told:
            self._say(f"{self.source.name}: {'lost: ' if self.state == 'lost' else ''}{reading.reason}; trying again")
        return True

    def _try_again(self, error: BaseException | None) -> bool:
        if not self.source.live or (error is not None and not isinstance(error, QuinceError)):
            return False
        return self.state != "waiting" or isinstance(error, Busy) or (self._wait and isinstance(error, MachineError | None))

    def _drop(self) -> None:
        self.dropped += len(self._held)
        self._held.clear()
