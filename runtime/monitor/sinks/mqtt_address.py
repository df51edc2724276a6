"""Reads `--mqtt URL`: broker, account and topics. No message repeats the password."""

import os
import re
import socket
from dataclasses import dataclass, field, replace
from urllib.parse import unquote, urlsplit

from runtime.errors import InputRefused

PASSWORD_VARIABLE = "QUINCE_MQTT_PASSWORD"
PORTS = {"mqtt": 1883, "mqtts": 8883}
MAX_TOPIC_BYTES = 200
EXPECTED = "expected mqtt://USER@HOST[:PORT][/TOPIC] or mqtts://..."


@dataclass(frozen=True)
class BrokerAddress:
    """A broker and our names there.

    topic: the start of all our topics, without a slash at its end. node: our id in Home Assistant.
    """

    host: str
    port: int
    secure: bool
    user: str | None
    password: str | None = field(repr=False)
    topic: str
    node: str

    def below(self, view: str) -> "BrokerAddress":
        """Returns the address of a view, whose topics begin with ours; of the only one, itself."""
        if not view:
            return self
        node = slug(f"{view}/{self.topic}")  # cut at its end, and the view must stay
        return replace(self, topic=f"{self.topic}/{view}", node=node)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def read_address(url: str, bundle_name: str) -> BrokerAddress:
    """Returns the address in `url`, with a default topic from the bundle's name.

    A password in the environment overrides the one in the URL.

    Raises:
        InputRefused: not a valid address. The message does not repeat it, because a password may be
            in it.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
        (parts.hostname or "").encode("idna")
    except ValueError as error:
        raise InputRefused("--mqtt", f"{EXPECTED}; its port or host cannot be read") from error
    if parts.scheme not in PORTS or not parts.hostname or parts.query or parts.fragment:
        raise InputRefused("--mqtt", f"{EXPECTED}, found another form")
    user = unquote(parts.username) if parts.username else None
    password = os.environ.get(PASSWORD_VARIABLE) or unquote(parts.password or "") or None
    if password is not None and user is None:
        raise InputRefused("--mqtt", "found a password without a user; expected mqtt://USER@HOST")
    topic = _topic(parts.path, bundle_name)
    return BrokerAddress(
        host=parts.hostname,
        port=port or PORTS[parts.scheme],
        secure=parts.scheme == "mqtts",
        user=user,
        password=password,
        topic=topic,
        node=slug(topic),
    )


def _topic(path: str, bundle_name: str) -> str:
    default = f"quince/{slug(socket.gethostname())}/{slug(bundle_name)}"
    topic = unquote(path).strip("/") or default
    forbidden = re.search(r"[+#\x00-\x1f\x7f\ud800-\udfff]", topic)
    if forbidden or len(topic.encode()) > MAX_TOPIC_BYTES:
        raise InputRefused(
            "--mqtt",
            f"expected a topic of at most {MAX_TOPIC_BYTES} bytes without + and # "
            "and control characters",
        )
    return topic


def slug(text: str) -> str:
    """Returns `text` as an object id of Home Assistant.

    All characters except letters, digits, _ and - become _; the length is at most 64.
    """
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text)[:64] or "_"
