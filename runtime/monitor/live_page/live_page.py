"""Shows what the camera sees and the classifier's answer in a browser, while they run."""

import string
from typing import TYPE_CHECKING

from PIL import Image

from runtime.errors import InputRefused
from runtime.inbox.folder import Inbox
from runtime.monitor.live_page.listener import is_loopback, listen, reachable_address
from runtime.monitor.live_page.page_update import PageUpdate
from runtime.system.lazy_loading import requires_extra
from runtime.system.terminal import say

if TYPE_CHECKING:
    from runtime.monitor.live_page.server import Server

ADDRESS, PORT = "127.0.0.1", 8000
MIN_TOKEN_LENGTH = 16
TOKEN_CHARACTERS = frozenset(string.ascii_letters + string.digits + "-_.")


class LivePage:
    """Serves the page from a thread of its own: `with LivePage() as live: live.show(update)`."""

    def __init__(
        self,
        address: str = ADDRESS,
        port: int = PORT,
        token: str | None = None,
        source_names: tuple[str, ...] = ("",),
        inbox: Inbox | None = None,
    ) -> None:
        """Checks the address and the token; `with` starts the server.

        Args:
            address: an IP address of this machine. Other machines can reach every address except
                the default one, so those need a token.
            port: 0 selects a free port; see `url`.
            token: viewers must know it; at least 16 letters, digits, "-", "_" or ".".
            source_names: each source has a part of its own on the page. Without any
                there is no page but that for labels.
            inbox: images that viewers may label, who need a token then.

        Raises:
            InputRefused: others can reach the address and there is no token, or it is too short.
            MachineError: the package 'tornado' is not installed.
        """
        self.address, self.port, self.token, self.source_names = address, port, token, source_names
        self._inbox = inbox
        self._server: Server | None = None
        if token is None and inbox is not None:
            raise InputRefused(
                "--live-token-file",
                "expected a token, because other users of this machine could move the images",
            )
        if token is None and not is_loopback(address):
            raise InputRefused(
                address,
                "others can reach this address, so the live page needs a token there; "
                "see --live-token-file",
            )
        if token is not None and not _is_valid_token(token):
            raise InputRefused(
                "token", f'expected at least {MIN_TOKEN_LENGTH} letters, digits, "-", "_" or "."'
            )
        with requires_extra("live", "live page"):
            from runtime.monitor.live_page import server
        self._server_class = server.Server

    def __enter__(self) -> "LivePage":
        listener = listen(self.address, self.port)
        self.port = listener.getsockname()[1]
        if not is_loopback(self.address):
            say(
                f"live page: {self.address}: others who have the token can reach this address, and "
                "the page is sent unencrypted: use it in a network that you trust"
            )
        self._server = self._server_class(listener, self.token, self.source_names, self._inbox)
        return self

    def __exit__(self, *exc_info: object) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    @property
    def url(self) -> str:
        """The address to open in a browser, with the token.

        The browser stores the token as a cookie, and the page removes it from the address.
        """
        address = reachable_address(self.address)
        host = f"[{address}]" if ":" in address else address
        return f"http://{host}:{self.port}/" + (f"?token={self.token}" if self.token else "")

    @property
    def encoded(self) -> int:
        """The number of JPEGs encoded so far; it does not grow while there are no viewers."""
        return self._server.encoded if self._server else 0

    def show(self, update: PageUpdate, source_name: str | None = None) -> None:
        """Makes this the newest frame of a source, the first by default.

        Returns at once, from any thread. Does nothing if the page is not open.
        """
        if self._server:
            self._server.broker(source_name).show(update)

    def show_still(
        self, image: Image.Image, arrived_s: float, source_name: str | None = None
    ) -> None:
        """Shows a newer image, which may be undecoded, under the answers that still stand."""
        if self._server:
            self._server.broker(source_name).show_still(image, arrived_s)

    def report_state(self, state: str, source_name: str | None = None) -> None:
        """Shows that a source is "waiting", "running" or "lost" while it gives no frame."""
        if self._server:
            self._server.broker(source_name).report_state(state)


def _is_valid_token(token: str) -> bool:
    return len(token) >= MIN_TOKEN_LENGTH and set(token) <= TOKEN_CHARACTERS
