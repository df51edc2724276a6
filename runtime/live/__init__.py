"""The live page: what the camera sees and what the classifier says of it, in a browser, while it runs."""

import string
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from PIL import Image

from runtime import cli
from runtime.classifier import Prediction
from runtime.errors import InputRefused, MachineError
from runtime.live.listening import bind, is_loopback, reachable
from runtime.plugins import Plugin

SERVER = Plugin("runtime.live.server:Server", extra="live")
ADDRESS, PORT = "127.0.0.1", 8000
SHORTEST_TOKEN, TOKEN_LETTERS = 16, frozenset(string.ascii_letters + string.digits + "-_.")


@dataclass(frozen=True)
class Shown:
    """One frame and what was made of it.

    `image` is of any mode, and nobody may change it later; `predictions` have the best first; `label` is the stable answer, None while it
    is unknown; `latency_ms` is of one frame from picture to scores; `taken` is `time.monotonic()` of the frame's arrival, in seconds; `fps`
    is classified frames a second; `bundle` names the model; `state` is that of the source: "waiting", "running" or "lost".
    """

    image: Image.Image
    predictions: tuple[Prediction, ...]
    label: str | None
    latency_ms: float
    taken: float
    fps: float
    bundle: str
    state: str = "running"


class RunningServer(Protocol):
    """What `runtime.live.server.Server` does, for those who must not import it."""

    def show(self, shown: Shown) -> None: ...  # noqa: D102
    def report(self, state: str) -> None: ...  # noqa: D102
    def close(self) -> None: ...  # noqa: D102
    @property
    def encoded(self) -> int: ...  # noqa: D102


class Live:
    """`with Live() as live: live.show(...)`: serves the page from a thread of its own until it is left."""

    def __init__(self, address: str = ADDRESS, port: int = PORT, token: str | None = None) -> None:
        """Checks the address; nothing listens before `with`.

        Args:
            address: this machine's own by default; any other can be reached by others, and needs a token.
            port: 0 takes a free one; see `url`.
            token: what a viewer has to know, at least 16 letters, digits, "-", "_" or ".".

        Raises:
            InputRefused: an address that others can reach and no token, or a token too short.
            MachineError: the package 'tornado' is not installed.
        """
        self.address, self.port, self.token = address, port, token
        self._server: RunningServer | None = None
        if token is None and not is_loopback(address):
            raise InputRefused(address, "others can reach this address, so the live page needs a token there; see --live-token-file")
        if token is not None and (len(token) < SHORTEST_TOKEN or not set(token) <= TOKEN_LETTERS):
            raise InputRefused("token", f'expected at least {SHORTEST_TOKEN} letters, digits, "-", "_" or "."')
        try:
            self._load = SERVER.load()
        except MachineError as error:
            raise MachineError("live page", error.reason) from error

    def __enter__(self) -> "Live":
        listener = bind(self.address, self.port)
        self.port = listener.getsockname()[1]
        if not is_loopback(self.address):
            cli.say(f"live page: {self.address}: reachable by others who have the token, and sent unencrypted: for a network you trust")
        self._server = self._load(listener, self.token)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    @property
    def url(self) -> str:
        """What to open in a browser; with the token, which the browser keeps as a cookie and the page removes from its address."""
        address = reachable(self.address)
        host = f"[{address}]" if ":" in address else address
        return f"http://{host}:{self.port}/" + (f"?token={self.token}" if self.token else "")

    @property
    def encoded(self) -> int:
        """How many pictures were made JPEGs so far: none while nobody looks, and never one twice."""
        return self._server.encoded if self._server else 0

    def show(self, shown: Shown) -> None:
        """Makes this the newest frame; returns at once, from any thread. Nothing happens where the page is not open."""
        if self._server:
            self._server.show(shown)

    def report(self, state: str) -> None:
        """Says that the source is "waiting", "running" or "lost" while it gives no frame."""
        if self._server:
            self._server.report(state)
