"""runtime.sinks.mqtt on a real broker (mosquitto): what is retained, who says offline when, reconnection, and refused passwords."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

pytest.importorskip("paho.mqtt.client", reason="the package paho-mqtt (extra 'mqtt') is not installed")

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from runtime.sinks.broker import PASSWORD
from runtime.sinks.mqtt import open_mqtt

BROKER = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin")
if BROKER is None:
    pytest.skip("mosquitto, a broker, is not installed", allow_module_level=True)
ROOT = Path(__file__).parents[3]
STATE, AVAILABILITY = "garden/state", "garden/availability"


class Broker:
    """mosquitto on a port of its own, forgetful."""

    def __init__(self, folder: Path, *lines: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._file = folder / "mosquitto.conf"
        self._file.write_text("\n".join([f"listener {self.port} 127.0.0.1", "user root", *(lines or ["allow_anonymous true"]), ""]))
        self.start()

    def start(self) -> None:
        assert BROKER is not None
        self._process = subprocess.Popen([BROKER, "-c", self._file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(self._answers)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def _answers(self) -> bool:
        with socket.socket() as line:
            return line.connect_ex(("127.0.0.1", self.port)) == 0


class Listener:
    """The last message of every topic."""

    def __init__(self, broker: Broker, user: str | None = None, password: str | None = None) -> None:
        self.messages: dict[str, str] = {}
        self.retained: set[str] = set()
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.username_pw_set(user, password) if user else None
        self._client.on_connect = lambda client, *_: client.subscribe("#")
        self._client.on_message = self._keep
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()

    def _keep(self, client, data, message) -> None:
        self.messages[message.topic] = message.payload.decode()
        if message.retain:
            self.retained.add(message.topic)

    def has(self, topic: str, *words: str) -> bool:
        return all(word in self.messages.get(topic, "") for word in words) and topic in self.messages

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def until(condition: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    yield broker
    broker.stop()


@pytest.fixture
def listen() -> Iterator[Callable[..., Listener]]:
    with ExitStack() as stack:

        def make(*arguments: object) -> Listener:
            listener = Listener(*arguments)  # type: ignore[arg-type]
            stack.callback(listener.close)
            return listener

        yield make


def to(broker: Broker, user: str = "") -> Namespace:
    return Namespace(mqtt=f"mqtt://{user}127.0.0.1:{broker.port}/garden")


def test_a_change_is_retained_with_its_availability(broker: Broker, listen, change, about) -> None:
    with open_mqtt(to(broker), about()) as sink:
        early = listen(broker)
        until(lambda: early.has(AVAILABILITY, "offline"))
        sink.change(change(before="apple"))
        until(lambda: early.has(AVAILABILITY, "online"))
        late = listen(broker)
        until(lambda: late.has(STATE))
        found = json.loads(late.messages[STATE])
        assert (found["label"], found["score"], found["before"], found["state"]) == ("banana", 0.93, "apple", "running")
        assert {STATE, AVAILABILITY} <= late.retained
        sink.change(change(None, None, state="lost"))
        until(lambda: late.has(AVAILABILITY, "offline"))
        assert json.loads(late.messages[STATE])["label"] is None
        sink.change(change())
        until(lambda: late.has(AVAILABILITY, "online"))
    until(lambda: late.has(AVAILABILITY, "offline"))


def test_home_assistant_finds_two_sensors(broker: Broker, listen, about) -> None:
    with open_mqtt(to(broker), about(name="fruit <b>")):
        listener = listen(broker)
        topics = [f"homeassistant/sensor/garden/{part}/config" for part in ("answer", "score")]
        until(lambda: all(listener.has(topic) for topic in topics))
    late = listen(broker)
    until(lambda: set(topics) <= late.retained)
    answer, score = (json.loads(listener.messages[topic]) for topic in topics)
    assert answer["unique_id"] != score["unique_id"]
    assert answer["device"] == score["device"]
    assert answer["device"]["name"] == "Quince fruit <b>"
    assert (answer["state_topic"], answer["availability_topic"], answer["json_attributes_topic"]) == (STATE, AVAILABILITY, STATE)


def test_the_templates_give_what_home_assistant_shows(broker: Broker, listen, about, change) -> None:
    jinja2 = pytest.importorskip("jinja2")
    with open_mqtt(to(broker), about()) as sink:
        listener = listen(broker)
        sink.change(change())
        until(lambda: listener.has(STATE) and listener.has("homeassistant/sensor/garden/score/config"))
    templates = [
        jinja2.Template(json.loads(listener.messages[f"homeassistant/sensor/garden/{part}/config"])["value_template"])
        for part in ("answer", "score")
    ]
    said = json.loads(listener.messages[STATE])
    assert [one.render(value_json=said) for one in templates] == ["banana", "93.0"]
    assert templates[0].render(value_json={"label": None}) == "unknown"
    assert len(templates[0].render(value_json={"label": "x" * 999})) == 255
    assert templates[0].render(value_json={"label": "{{ 7 * 7 }}"}) == "{{ 7 * 7 }}"


def test_a_broker_that_comes_late_or_goes_gets_the_newest_state(broker: Broker, listen, change, about, capsys) -> None:
    broker.stop()
    with open_mqtt(to(broker), about()) as sink:
        until(lambda: "cannot be reached" in capsys.readouterr().err)
        sink.change(change("apple"))
        sink.change(change("banana"))
        broker.start()
        listener = listen(broker)
        until(lambda: listener.has(STATE, "banana") and listener.has(AVAILABILITY, "online"))
        broker.stop()
        until(lambda: "connection lost" in capsys.readouterr().err)
        sink.change(change("cherry"))
        broker.start()
        again = listen(broker)
        until(lambda: again.has(STATE, "cherry") and again.has(AVAILABILITY, "online"))
        assert "apple" not in again.messages[STATE]
        assert f"prog: mqtt 127.0.0.1:{broker.port}: connected" in capsys.readouterr().err


def test_a_refused_password_is_a_line_that_does_not_hold_it(tmp_path: Path, change, about, capsys, monkeypatch) -> None:
    monkeypatch.delenv(PASSWORD, raising=False)
    passwords = tmp_path / "passwords"
    subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "pi", "right-one"], check=True, capture_output=True)
    broker = Broker(tmp_path, "allow_anonymous false", f"password_file {passwords}")
    said = ""

    def told() -> bool:
        nonlocal said
        said += capsys.readouterr().err
        return "refuses" in said

    try:
        with open_mqtt(to(broker, "pi:wr0ng-one@"), about()) as sink:
            sink.change(change())
            until(told)
            time.sleep(2)
            told()
        assert said.count("\n") == 1, "once, however often it tries"
        assert "wr0ng" not in said
        monkeypatch.setenv(PASSWORD, "right-one")
        with open_mqtt(to(broker, "pi@"), about()) as sink:
            sink.change(change())
            listener = Listener(broker, "pi", "right-one")
            until(lambda: listener.has(STATE, "banana"))
            listener.close()
    finally:
        broker.stop()


@pytest.mark.parametrize("host", ["127.0.0.1:1", "no-such-host.invalid", "192.0.2.1"])
def test_the_end_waits_for_no_broker(change, about, host: str) -> None:
    began = time.monotonic()
    with open_mqtt(Namespace(mqtt=f"mqtt://{host}"), about()) as sink:
        sink.change(change())
        time.sleep(0.3)
    assert time.monotonic() - began < 2


def test_a_process_that_is_killed_leaves_offline_behind(broker: Broker, listen, onnx_model, colours) -> None:
    picture = next(iter(sorted(colours("red").iterdir())))
    command = [sys.executable, "-m", "runtime", "camera", onnx_model(), "--source", "-", "--min-score", "0.6", "--mqtt", to(broker).mqtt]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)
    assert process.stdin is not None
    process.stdin.write(f"{picture}\n")
    process.stdin.flush()
    listener = listen(broker)
    until(lambda: listener.has(STATE, '"red"') and listener.has(AVAILABILITY, "online"))
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdin.close()
    until(lambda: listener.has(AVAILABILITY, "offline"))
