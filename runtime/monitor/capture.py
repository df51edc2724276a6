"""Reads a source in a thread of its own.

Of a live source the newest frame wins, and the source is opened again when it is lost.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Literal

from runtime.errors import ImageRefused, MachineError, QuinceError
from runtime.images.decoding import load_image, remark_on
from runtime.sources.base import FRAME_TIMEOUT_S, Frame, Source, SourceBusyError
from runtime.system.terminal import say

BACKOFF_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
STEADY_S = 10.0
"""A connection that gave frames for so many seconds resets the backoff to its shortest wait."""
MAX_QUEUED = 2
"""Frames of a finite source that are read before `next` asks for them."""
JOIN_TIMEOUT_S = 0.6


def wait_for_arrival(captures: Sequence["Capture"], timeout_s: float) -> None:
    """Waits until `next` of one of the captures, which share `changed`, has something to return."""
    changed = captures[0].changed
    with changed:
        changed.wait_for(lambda: any(capture.is_ready for capture in captures), timeout_s)


class EndOfStream(Exception):
    """A finite source has no more frames."""


class _Connection:
    """One opening of the source, until it ends or is abandoned."""

    def __init__(self) -> None:
        self.opened_s = self.newest_s = time.monotonic()
        self.frames = 0
        self.refusal = ""
        self.over = False
        self.error: BaseException | None = None


class Capture:
    """Reads frames: `with Capture(source) as capture: frame = capture.next(0.5)`.

    One thread reads, and another supervises it. A reader that is stuck in a driver is abandoned: it
    is a daemon thread, and a new one replaces it.
    """

    def __init__(
        self,
        source: Source,
        *,
        wait: bool = False,
        stall_s: float | None = None,
        backoff_s: Sequence[float] = BACKOFF_S,
        report: Callable[[str], None] = say,
        changed: threading.Condition | None = None,
    ) -> None:
        """Stores the settings; `with` opens the source.

        Args:
            source: what to read.
            wait: whether to wait for a live source that cannot be opened at first.
            stall_s: seconds without a frame after which a live source counts as lost; by default
                FRAME_TIMEOUT_S, and the source's own interval.
            backoff_s: seconds before each attempt to open a lost source again; the last repeats.
            report: receives a line when a live source is lost, when it is back, for each refused
                image of a finite source, and for each that is used with a remark.
            changed: shared by several captures; `wait_for_arrival` waits for the first of them.
        """
        self.source = source
        self.state: Literal["waiting", "running", "lost"] = "waiting"
        self.last_arrived_s: float | None = None
        """`time.monotonic()` at the arrival of the newest frame that `next` returned."""
        self.dropped = 0
        """Frames of a live source that a newer frame replaced, or that waited when it was lost."""
        self.refused = 0
        """Broken frames and images."""
        self.restarts = 0
        self._wait, self._backoff_s, self._report = wait, backoff_s, report
        self._stall_s = FRAME_TIMEOUT_S + source.interval_s if stall_s is None else stall_s
        self.skipped = 0
        """Frames that `next` was not asked to return."""
        self.changed = self._changed = changed or threading.Condition()
        self._queue: deque[Frame | ImageRefused] = deque()
        self._connection: _Connection | None = None
        self._arrived = 0
        self._absent_since_s: float | None = None
        self._remarks: set[str] = set()
        self._stopping = False
        self._error: BaseException | None = None
        self._supervisor = threading.Thread(
            target=self._supervise, name=f"watch {source.name}", daemon=True
        )

    def __enter__(self) -> "Capture":
        self._supervisor.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._supervisor.join(1.5 * JOIN_TIMEOUT_S)

    @property
    def is_ready(self) -> bool:
        """Whether `next` returns or raises at once."""
        return bool(self._queue or self._error)

    def next(
        self, timeout: float, wanted: Callable[[Frame], object] = lambda frame: True
    ) -> Frame | None:
        """Returns the next frame, decoded, or None if none arrives within `timeout` seconds.

        Of a live source it is the newest frame that was not returned yet. A frame that is not
        `wanted` is not decoded, and None is returned for it. `wanted` may raise ImageRefused.

        Raises:
            EndOfStream: a finite source has no more frames.
            MachineError: the source cannot be opened.
            InputRefused: the source is of an unexpected kind.
        """
        deadline_s = time.monotonic() + timeout
        while (arrival := self._dequeue(deadline_s)) is not None:
            try:
                if isinstance(arrival, ImageRefused):
                    raise arrival
                if not wanted(arrival):
                    self.last_arrived_s = arrival.arrived_s
                    self.skipped += 1
                    return None
                load_image(arrival.image, arrival.name)
            except ImageRefused as refusal:
                self.refused += 1
                if not self.source.live:
                    self._report(str(refusal))
            else:
                self.last_arrived_s = arrival.arrived_s
                self._report_remark(arrival)
                return arrival
        return None

    def _report_remark(self, frame: Frame) -> None:
        """Reports the remark on a frame; only once for a live source, which may repeat it."""
        remark = remark_on(frame.image)
        if not remark or (self.source.live and remark in self._remarks):
            return
        self._remarks.add(remark)
        self._report(f"{self.source.name if self.source.live else frame.name}: {remark}")

    def _dequeue(self, deadline_s: float) -> Frame | ImageRefused | None:
        with self._changed:
            while not self._queue:
                if self._error:
                    raise self._error
                remaining_s = deadline_s - time.monotonic()
                if remaining_s <= 0:
                    return None
                self._changed.wait(remaining_s)
            self._changed.notify_all()
            return self._queue.popleft()

    def _supervise(self) -> None:
        failures = 0
        while not self._stopping:
            connection = self._read()
            if self._stopping:
                return
            if connection.newest_s - connection.opened_s >= STEADY_S:
                failures = 0
            if not self._handle_end(connection):
                return
            wait_s = self._backoff_s[min(failures, len(self._backoff_s) - 1)]
            with self._changed:
                self._changed.wait_for(lambda: self._stopping, wait_s)
            failures += 1

    def _read(self) -> _Connection:
        """Reads one connection until it ends, stalls, or the capture stops."""
        connection = self._connection = _Connection()
        name = f"read {self.source.name}"
        reader = threading.Thread(
            target=self._fill_queue, args=(connection,), name=name, daemon=True
        )
        reader.start()
        with self._changed:
            while not (self._stopping or connection.over or self._has_stalled(connection)):
                remaining_s = connection.newest_s + self._stall_s - time.monotonic()
                self._changed.wait(max(0.0, remaining_s) if self.source.live else None)
            self._connection = None
        if self._stopping:
            reader.join(JOIN_TIMEOUT_S)
        return connection

    def _has_stalled(self, connection: _Connection) -> bool:
        stalled_s = time.monotonic() - connection.newest_s
        if not self.source.live or stalled_s < self._stall_s:
            return False
        reason = f"no frame for {self._stall_s:g} s"
        if connection.refusal:
            reason += f"; its last image was refused: {connection.refusal}"
        connection.error = MachineError(self.source.name, reason)
        return True

    def _fill_queue(self, connection: _Connection) -> None:
        error: BaseException | None = None
        try:
            with closing(self.source.frames()) as frames:
                for arrival in frames:
                    if not self._enqueue(connection, arrival):
                        break
        except BaseException as raised:  # `next` raises it
            error = raised
        if error is None and self.source.live:
            reason = "it ended" if connection.frames else "it ended before its first frame"
            error = MachineError(self.source.name, reason)
        with self._changed:
            connection.error, connection.over = connection.error or error, True
            self._changed.notify_all()

    def _enqueue(self, connection: _Connection, arrival: Frame | ImageRefused) -> bool:
        """Queues a frame for `next`; returns whether to read more."""
        with self._changed:
            if not self.source.live:
                self._changed.wait_for(lambda: self._stopping or len(self._queue) < MAX_QUEUED)
            if self._stopping or self._connection is not connection:
                return False
            if self.source.live:
                if isinstance(arrival, ImageRefused):
                    self.refused += 1
                    connection.refusal = arrival.reason
                    return True
                self._drop_queued()
                self._arrived += 1
                arrival = arrival._replace(name=f"{self.source.name} #{self._arrived}")
            self._queue.append(arrival)
            connection.newest_s, connection.refusal = time.monotonic(), ""
            connection.frames += 1
            line = self._handle_arrival()
            self._changed.notify_all()
        if line:
            self._report(line)
        return True

    def _handle_arrival(self) -> str:
        """Updates the state; returns a line to report if the source was absent before."""
        returned = self.state == "lost"
        self.state = "running"
        self.restarts += returned
        if self._absent_since_s is None:
            return ""
        seconds = time.monotonic() - self._absent_since_s
        self._absent_since_s = None
        return f"{self.source.name}: {'back' if returned else 'available'} after {seconds:.0f} s"

    def _handle_end(self, connection: _Connection) -> bool:
        """Updates the state when a connection ended; returns whether to open the source again."""
        error = connection.error
        with self._changed:
            if not (isinstance(error, QuinceError) and self._should_retry(error)):
                self._error = error or EndOfStream(self.source.name)
                self._changed.notify_all()
                return False
            self._drop_queued()
            if self.state == "running":
                self.state = "lost"
            already_reported = self._absent_since_s is not None
            if not already_reported:
                self._absent_since_s = time.monotonic()
        if not already_reported:
            loss = "lost: " if self.state == "lost" else ""
            self._report(f"{self.source.name}: {loss}{error.reason}; trying again")
        return True

    def _should_retry(self, error: QuinceError) -> bool:
        if not self.source.live:
            return False
        if self.state != "waiting" or isinstance(error, SourceBusyError):
            return True
        return self._wait and isinstance(error, MachineError)

    def _drop_queued(self) -> None:
        self.dropped += len(self._queue)
        self._queue.clear()
