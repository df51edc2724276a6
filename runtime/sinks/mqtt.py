"""Tells an MQTT broker each change, and Home Assistant that we are there.

paho-mqtt, because it is Eclipse's own client, kept since 2013 (2.2.0 in November 2026), pure Python, 77 kB and without dependencies.

TOPIC/state         the JSON of the last change, retained
TOPIC/availability  "online" while an answer stands; "offline" while the source is lost, at the end, and by the broker if we vanish
"""

import argparse
import json
import ssl
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from runtime import cli
from runtime.sinks import About, Change, Sink
from runtime.sinks.broker import Address, read_address
from runtime.sinks.home_assistant import discovery
from runtime.sinks.json_lines import fields

ONLINE, OFFLINE = "online", "offline"
KEEP_ALIVE_S = 30
LONGEST_WAIT_S = 30
CONNECT_S = 5.0
LEAVE_S = 0.4


@contextmanager
def open_mqtt(options: argparse.Namespace, about: About) -> Iterator[Sink]:
    """Connects in a thread of its own, and again whenever the connection is lost: a broker that is away stops nothing.

    Raises:
        InputRefused: not the address of a broker.
    """
    publisher = Publisher(read_address(options.mqtt, about.name), about)
    try:
        yield Sink(change=publisher.tell)
    finally:
        publisher.close()


class Publisher:
    """One connection. What is told while it is away is not queued: the newest state is published when it is back.

    All at QoS 0: paho sends an unconfirmed message of a higher one again after a reconnection, behind the newest state.
    """

    def __init__(self, address: Address, about: About) -> None:
        self._address, self._about = address, about
        self._state, self._availability = f"{address.topic}/state", f"{address.topic}/availability"
        self._lock = threading.Lock()
        self._newest: dict[str, Any] | None = None
        self._told_of_loss = False
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.connect_timeout = CONNECT_S
        self._client.username_pw_set(address.user, address.password) if address.user else None
        if address.secure:
            self._client.tls_set_context(ssl.create_default_context())
        self._client.will_set(self._availability, OFFLINE, retain=True)
        self._client.reconnect_delay_set(1, LONGEST_WAIT_S)
        self._client.on_connect, self._client.on_disconnect = self._connected, self._disconnected
        self._client.on_connect_fail = self._unreachable
        self._client.connect_async(address.host, address.port, KEEP_ALIVE_S)
        self._client.loop_start()

    def tell(self, change: Change) -> None:
        """Publishes a change, or keeps it until the broker is there."""
        with self._lock:
            self._newest = fields(change, self._about)
            if self._client.is_connected():
                self._publish()

    def close(self) -> None:
        """Says that we go; waits for it no longer than 0.4 s. paho's thread is a daemon: its `loop_stop` would wait for a connection."""
        with self._lock:
            if self._client.is_connected():
                with suppress(RuntimeError, ValueError):
                    self._client.publish(self._availability, OFFLINE, retain=True).wait_for_publish(LEAVE_S)
            self._client.disconnect()

    def _publish(self) -> None:
        if self._newest is None:
            self._client.publish(self._availability, OFFLINE, retain=True)
            return
        self._client.publish(self._state, json.dumps(self._newest), retain=True)
        there = ONLINE if self._newest["state"] == "running" else OFFLINE
        self._client.publish(self._availability, there, retain=True)

    def _connected(self, client: Client, data: Any, flags: ConnectFlags, reason: ReasonCode, properties: Properties | None) -> None:
        if reason.is_failure:
            self._lost(f"the broker refuses: {reason}")
            return
        with self._lock:
            for topic, message in discovery(self._address, self._about.name, self._state, self._availability).items():
                client.publish(topic, message, retain=True)
            self._publish()
        if self._told_of_loss:
            self._told_of_loss = False
            self._say("connected")

    def _disconnected(self, client: Client, data: Any, flags: DisconnectFlags, reason: ReasonCode, properties: Properties | None) -> None:
        if reason.is_failure:
            self._lost(f"connection lost: {reason}")

    def _unreachable(self, client: Client, data: Any) -> None:
        self._lost(f"cannot be reached: {getattr(sys.exception(), 'strerror', None) or sys.exception()}")

    def _lost(self, reason: str) -> None:
        if not self._told_of_loss:
            self._told_of_loss = True
            self._say(f"{reason}; trying again")

    def _say(self, what: str) -> None:
        cli.say(f"{self._about.complain.program}: mqtt {self._address}: {what}")
