"""Publishes each change to an MQTT broker, and announces the camera to Home Assistant.

TOPIC/state: the JSON of the last change, retained. TOPIC/availability: "online" while there is an
answer; "offline" while the source is lost and at the end; the broker sends it if we vanish.

Uses paho-mqtt because it is Eclipse's own client, maintained since 2013 (2.2.0 in November 2026),
pure Python, 77 kB, without dependencies.
"""

import argparse
import json
import ssl
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from runtime.monitor.sinks.base import Sink, SinkContext
from runtime.monitor.sinks.events import AnswerChange
from runtime.monitor.sinks.home_assistant import UPDATE_SENSORS, discovery_messages
from runtime.monitor.sinks.json_lines import change_fields
from runtime.monitor.sinks.mqtt_address import BrokerAddress, read_address
from runtime.system.terminal import say

ONLINE, OFFLINE = "online", "offline"
KEEP_ALIVE_S = 30
MAX_RECONNECT_DELAY_S = 30
CONNECT_TIMEOUT_S = 5.0
GOODBYE_TIMEOUT_S = 0.4
UPDATE_TIMEOUT_S = 10.0


@contextmanager
def open_mqtt(options: argparse.Namespace, context: SinkContext) -> Iterator[Sink]:
    """Connects in a thread of its own, and again whenever the connection is lost.

    A broker that cannot be reached delays nothing. Each view has topics and a connection of its
    own, so the broker can say which one vanished.

    Raises:
        InputRefused: not the address of a broker.
    """
    address = read_address(options.mqtt, context.bundle_name)
    publishers = {
        view.name: Publisher(address.below(view.name), context, view.name) for view in context.views
    }
    try:
        yield Sink(on_change=lambda change: publishers[change.view.name].publish_change(change))
    finally:
        for publisher in publishers.values():
            publisher.close()


def publish_update(
    url: str, bundle_name: str, state: Mapping[str, Any], report: Callable[[str], None]
) -> None:
    """Publishes the outcome of an update to TOPIC/update, retained, and waits for it.

    A broker that does not take it within UPDATE_TIMEOUT_S is reported in a line.
    """
    address = read_address(url, bundle_name)
    topic = f"{address.topic}/update"
    client, connected, refusal = _new_client(address), threading.Event(), ""

    def on_connect(client: Client, data: Any, flags: Any, reason: ReasonCode, *rest: Any) -> None:
        nonlocal refusal
        refusal = str(reason) if reason.is_failure else ""
        connected.set()

    client.on_connect = on_connect
    try:
        client.connect(address.host, address.port, KEEP_ALIVE_S)
        client.loop_start()
        if not connected.wait(UPDATE_TIMEOUT_S) or refusal:
            raise OSError(refusal or "no answer")
        messages = discovery_messages(address, bundle_name, topic, None, UPDATE_SENSORS)
        for name, message in {**messages, topic: json.dumps(state)}.items():
            client.publish(name, message, qos=1, retain=True).wait_for_publish(UPDATE_TIMEOUT_S)
        client.disconnect()
    except (OSError, RuntimeError, ValueError) as error:
        report(f"mqtt {address}: the outcome was not published: {error}")


def _new_client(address: BrokerAddress) -> Client:
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect_timeout = CONNECT_TIMEOUT_S
    if address.user:
        client.username_pw_set(address.user, address.password)
    if address.secure:
        client.tls_set_context(ssl.create_default_context())
    return client


class Publisher:
    """Holds one connection, and publishes only the newest state when it returns.

    Publishes with QoS 0. With a higher QoS, paho sends an unconfirmed message again after a
    reconnection, and it would replace the newest state.
    """

    def __init__(self, address: BrokerAddress, context: SinkContext, view: str = "") -> None:
        self._address, self._context = address, context
        self._name = " ".join(filter(None, (context.bundle_name, view)))
        self._state_topic = f"{address.topic}/state"
        self._availability_topic = f"{address.topic}/availability"
        self._lock = threading.Lock()
        self._newest: dict[str, Any] | None = None
        self._loss_reported = False
        self._client = _new_client(address)
        self._client.will_set(self._availability_topic, OFFLINE, retain=True)
        self._client.reconnect_delay_set(1, MAX_RECONNECT_DELAY_S)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_connect_fail = self._on_connect_fail
        self._client.connect_async(address.host, address.port, KEEP_ALIVE_S)
        self._client.loop_start()

    def publish_change(self, change: AnswerChange) -> None:
        """Publishes a change, or keeps it until there is a connection."""
        with self._lock:
            self._newest = change_fields(change)
            if self._client.is_connected():
                self._publish_newest()

    def close(self) -> None:
        """Publishes "offline" and disconnects; waits at most 0.4 s.

        Does not call paho's `loop_stop`, which waits for a connection; its thread is a daemon.
        """
        with self._lock:
            if self._client.is_connected():
                with suppress(RuntimeError, ValueError):
                    goodbye = self._publish(self._availability_topic, OFFLINE)
                    goodbye.wait_for_publish(GOODBYE_TIMEOUT_S)
            self._client.disconnect()

    def _publish_newest(self) -> None:
        availability = OFFLINE
        if self._newest is not None:
            self._publish(self._state_topic, json.dumps(self._newest))
            if self._newest["state"] == "running":
                availability = ONLINE
        self._publish(self._availability_topic, availability)

    def _publish(self, topic: str, message: str) -> Any:
        return self._client.publish(topic, message, retain=True)

    def _on_connect(
        self,
        client: Client,
        data: Any,
        flags: ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._report_loss(f"the broker refuses: {reason}")
            return
        messages = discovery_messages(
            self._address, self._name, self._state_topic, self._availability_topic
        )
        with self._lock:
            for topic, message in messages.items():
                self._publish(topic, message)
            self._publish_newest()
        if self._loss_reported:
            self._loss_reported = False
            self._say("connected")

    def _on_disconnect(
        self,
        client: Client,
        data: Any,
        flags: DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._report_loss(f"connection lost: {reason}")

    def _on_connect_fail(self, client: Client, data: Any) -> None:
        error = sys.exception()  # paho calls this in its `except` block
        self._report_loss(f"cannot be reached: {getattr(error, 'strerror', None) or error}")

    def _report_loss(self, reason: str) -> None:
        if not self._loss_reported:
            self._loss_reported = True
            self._say(f"{reason}; trying again")

    def _say(self, text: str) -> None:
        say(f"{self._context.errors.program}: mqtt {self._address}: {text}")
