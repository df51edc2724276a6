"""What `--mqtt URL` names: a broker, who we are there, and the topics. The password is never part of a text."""

import os
import re
import socket
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from runtime.errors import InputRefused

PASSWORD = "QUINCE_MQTT_PASSWORD"
PORTS = {"mqtt": 1883, "mqtts": 8883}
EXPECTED = "expected mqtt://USER@HOST[:PORT][/TOPIC] or mqtts://..."


@dataclass(frozen=True)
class Address:
    """A broker. `topic` is the beginning of all our topics, without a slash at its end; `node` names us in Home Assistant."""

    host: str
    port: int
    secure: bool
    user: str | None
    password: str | None = field(repr=False)
    topic: str
    node: str

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def read_address(url: str, name: str) -> Address:
    """The address in `url`, for a bundle called `name`; the password in the environment goes before one in the URL.

    Raises:
        InputRefused: not such an address. The message does not repeat it: a password may be in it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        (parts.hostname or "").encode("idna")
    except ValueError as error:
        raise InputRefused("--mqtt", f"{EXPECTED}; its port or host cannot be read") from error
    if parts.scheme not in PORTS or not parts.hostname or parts.query or parts.fragment:
        raise InputRefused("--mqtt", f"{EXPECTED}, found another form")
    topic = unquote(parts.path).strip("/") or f"quince/{slug(socket.gethostname())}/{slug(name)}"
    if re.search(r"[+#\x00-\x1f\x7f\ud800-\udfff]", topic) or len(topic.encode()) > 200:
        raise InputRefused("--mqtt", "expected a topic of at most 200 bytes without + and #")
    password = os.environ.get(PASSWORD) or (unquote(parts.password) if parts.password else None)
    user = unquote(parts.username) if parts.username else None
    if password is not None and user is None:
        raise InputRefused("--mqtt", "a password, and no user in the address; expected mqtt://USER@HOST")
    return Address(parts.hostname, port or PORTS[parts.scheme], parts.scheme == "mqtts", user, password, topic, slug(topic))


def slug(text: str) -> str:
    """The text with all but letters, digits, _ and - replaced by _, at most 64 long: what Home Assistant takes in an object id."""
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text)[:64] or "_"
