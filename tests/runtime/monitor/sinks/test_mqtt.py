"""Tests MQTT on a real broker (mosquitto): retained state, reconnection, refused passwords."""

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

pytest.importorskip(
    "paho.mqtt.client", reason="the package paho-mqtt (extra 'mqtt') is not installed"
)

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from runtime.monitor.sinks.mqtt import open_mqtt, publish_update
from runtime.monitor.sinks.mqtt_address import PASSWORD_VARIABLE
from runtime.monitor.views import View

BROKER = shutil.which(
    "mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/sbin"
)
if BROKER is None:
    pytest.skip("mosquitto, a broker, is not installed", allow_module_level=True)
ROOT = Path(__file__).parents[4]
STATE, AVAILABILITY = "garden/state", "garden/availability"


class Broker:
    """Runs mosquitto on a port of its own; it forgets everything when it stops."""

    def __init__(self, folder: Path, *lines: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self._file = folder / "mosquitto.conf"
        self._file.write_text(
            "\n".join(
                [
                    f"listener {self.port} 127.0.0.1",
                    "user root",
                    *(lines or ["allow_anonymous true"]),
                    "",
                ]
            )
        )
        self.start()

    def start(self) -> None:
        assert BROKER is not None
        self._process = subprocess.Popen(
            [BROKER, "-c", self._file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until(self._accepts)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def _accepts(self) -> bool:
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", self.port)) == 0


class Listener:
    """Collects the last message of every topic."""

    def __init__(
        self, broker: Broker, user: str | None = None, password: str | None = None
    ) -> None:
        self.messages: dict[str, str] = {}
        self.retained: set[str] = set()
        self._client = Client(CallbackAPIVersion.VERSION2)
        if user:
            self._client.username_pw_set(user, password)
        self._client.on_connect = lambda client, *_: client.subscribe("#")
        self._client.on_message = self._keep
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()

    def _keep(self, client, data, message) -> None:
        self.messages[message.topic] = message.payload.decode()
        if message.retain:
            self.retained.add(message.topic)

    def has(self, topic: str, *words: str) -> bool:
        return (
            all(word in self.messages.get(topic, "") for word in words) and topic in self.messages
        )

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


def options_for(broker: Broker, user: str = "") -> Namespace:
    return Namespace(mqtt=f"mqtt://{user}127.0.0.1:{broker.port}/garden")


def test_change_is_retained_with_its_availability(broker: Broker, listen, change, context) -> None:
    with open_mqtt(options_for(broker), context()) as sink:
        early = listen(broker)
        until(lambda: early.has(AVAILABILITY, "offline"))
        sink.on_change(change(predicted_before="apple"))
        until(lambda: early.has(AVAILABILITY, "online"))
        late = listen(broker)
        until(lambda: late.has(STATE))
        state = json.loads(late.messages[STATE])
        assert (state["predicted"], state["score"], state["predicted_before"], state["state"]) == (
            "banana",
            0.93,
            "apple",
            "running",
        )
        assert {STATE, AVAILABILITY} <= late.retained
        sink.on_change(change(None, None, state="lost"))
        until(lambda: late.has(AVAILABILITY, "offline"))
        assert json.loads(late.messages[STATE])["predicted"] is None
        sink.on_change(change())
        until(lambda: late.has(AVAILABILITY, "online"))
    until(lambda: late.has(AVAILABILITY, "offline"))


def test_home_assistant_finds_two_sensors(broker: Broker, listen, context) -> None:
    with open_mqtt(options_for(broker), context(bundle_name="fruit <b>")):
        listener = listen(broker)
        topics = [f"homeassistant/sensor/garden/{part}/config" for part in ("answer", "score")]
        until(lambda: all(listener.has(topic) for topic in topics))
    late = listen(broker)
    until(lambda: set(topics) <= late.retained)
    answer, score = (json.loads(listener.messages[topic]) for topic in topics)
    assert answer["unique_id"] != score["unique_id"]
    assert answer["device"] == score["device"]
    assert answer["device"]["name"] == "Quince fruit <b>"
    assert (
        answer["state_topic"],
        answer["availability_topic"],
        answer["json_attributes_topic"],
    ) == (STATE, AVAILABILITY, STATE)


def test_templates_of_home_assistant_give_label_and_score(
    broker: Broker, listen, context, change
) -> None:
    jinja2 = pytest.importorskip("jinja2")
    with open_mqtt(options_for(broker), context()) as sink:
        listener = listen(broker)
        sink.on_change(change())
        until(
            lambda: listener.has(STATE) and listener.has("homeassistant/sensor/garden/score/config")
        )
    topics = [f"homeassistant/sensor/garden/{part}/config" for part in ("answer", "score")]
    configs = [json.loads(listener.messages[topic]) for topic in topics]
    templates = [jinja2.Template(config["value_template"]) for config in configs]
    state = json.loads(listener.messages[STATE])
    assert [template.render(value_json=state) for template in templates] == ["banana", "93.0"]
    assert templates[0].render(value_json={"predicted": None}) == "unknown"
    retained = {"label": "apple", "verdict": "known"}
    assert templates[0].render(value_json=retained) == "apple", "what an earlier version left"
    assert len(templates[0].render(value_json={"predicted": "x" * 999})) == 255
    assert templates[0].render(value_json={"predicted": "{{ 7 * 7 }}"}) == "{{ 7 * 7 }}"


def test_broker_gets_the_newest_state_after_an_absence(
    broker: Broker, listen, change, context, capsys
) -> None:
    broker.stop()
    with open_mqtt(options_for(broker), context()) as sink:
        until(lambda: "cannot be reached" in capsys.readouterr().err)
        sink.on_change(change("apple"))
        sink.on_change(change("banana"))
        broker.start()
        listener = listen(broker)
        until(lambda: listener.has(STATE, "banana") and listener.has(AVAILABILITY, "online"))
        broker.stop()
        until(lambda: "connection lost" in capsys.readouterr().err)
        sink.on_change(change("cherry"))
        broker.start()
        second = listen(broker)
        until(lambda: second.has(STATE, "cherry") and second.has(AVAILABILITY, "online"))
        assert "apple" not in second.messages[STATE]
        assert f"prog: mqtt 127.0.0.1:{broker.port}: connected" in capsys.readouterr().err


def test_refused_password_is_one_line_without_it(
    tmp_path: Path, change, context, capsys, monkeypatch
) -> None:
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    passwords = tmp_path / "passwords"
    subprocess.run(
        ["mosquitto_passwd", "-b", "-c", passwords, "pi", "right-one"],
        check=True,
        capture_output=True,
    )
    broker = Broker(tmp_path, "allow_anonymous false", f"password_file {passwords}")
    errors = ""

    def is_refused() -> bool:
        nonlocal errors
        errors += capsys.readouterr().err
        return "refuses" in errors

    try:
        with open_mqtt(options_for(broker, "pi:wr0ng-one@"), context()) as sink:
            sink.on_change(change())
            until(is_refused)
            time.sleep(2)
            is_refused()
        assert errors.count("\n") == 1, "one line for all attempts"
        assert "wr0ng" not in errors
        monkeypatch.setenv(PASSWORD_VARIABLE, "right-one")
        with open_mqtt(options_for(broker, "pi@"), context()) as sink:
            sink.on_change(change())
            listener = Listener(broker, "pi", "right-one")
            until(lambda: listener.has(STATE, "banana"))
            listener.close()
    finally:
        broker.stop()


@pytest.mark.parametrize("host", ["127.0.0.1:1", "no-such-host.invalid", "192.0.2.1"])
def test_end_does_not_wait_for_a_broker(change, context, host: str) -> None:
    start = time.monotonic()
    with open_mqtt(Namespace(mqtt=f"mqtt://{host}"), context()) as sink:
        sink.on_change(change())
        time.sleep(0.3)
    assert time.monotonic() - start < 4.5  # connecting takes up to 5 s


def test_broker_publishes_offline_for_a_killed_process(
    broker: Broker, listen, onnx_model, colours
) -> None:
    image = next(iter(sorted(colours("red").iterdir())))
    command = [
        sys.executable,
        "-m",
        "runtime",
        "camera",
        onnx_model(),
        "--source",
        "-",
        "--min-score",
        "0.6",
        "--mqtt",
        options_for(broker).mqtt,
    ]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(f"{image}\n")
    process.stdin.flush()
    listener = listen(broker)
    until(lambda: listener.has(STATE, '"red"') and listener.has(AVAILABILITY, "online"))
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdin.close()
    until(lambda: listener.has(AVAILABILITY, "offline"))


def test_outcome_of_an_update_is_retained_and_announced(
    broker: Broker, listen, run_cli, tmp_path: Path
) -> None:
    """The bundle is missing, so the outcome is a failure; it must be known all the same."""
    (tmp_path / "signers").write_text("# nobody\n")
    url = f"mqtt://127.0.0.1:{broker.port}/garden"
    words = ("runtime", "update", tmp_path / "no", tmp_path / "fruit", "--mqtt", url)
    done = run_cli(*words, "--signers", tmp_path / "signers")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    late = listen(broker)
    until(lambda: late.has("garden/update", "signed.json: no such file"))
    state = json.loads(late.messages["garden/update"])
    assert (state["outcome"], state["bundle_id"]) == ("failed", None)
    until(lambda: late.has("homeassistant/sensor/garden/update/config"))
    config = json.loads(late.messages["homeassistant/sensor/garden/update/config"])
    assert config["state_topic"] == config["json_attributes_topic"] == "garden/update"
    assert "availability_topic" not in config
    assert config["device"]["identifiers"] == ["garden"]


def test_a_broker_that_is_away_is_a_line_and_no_failure_of_the_update(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    lines: list[str] = []
    publish_update(f"mqtt://127.0.0.1:{port}/garden", "fruit", {"state": "updated"}, lines.append)
    assert lines == [
        f"mqtt 127.0.0.1:{port}: the outcome was not published: [Errno 111] Connection refused"
    ]


def test_each_view_has_topics_and_an_availability_of_its_own(
    broker: Broker, listen, change, context
) -> None:
    views = tuple(View(name, "camera:0", live=True) for name in ("gate/belt", "yard"))
    with open_mqtt(options_for(broker), context(views=views)) as sink:
        listener = listen(broker)
        for view in views:
            sink.on_change(change(view.name, view=view))
            until(lambda view=view: listener.has(f"garden/{view.name}/availability", "online"))
            state = json.loads(listener.messages[f"garden/{view.name}/state"])
            assert (state["predicted"], state["view"]) == (view.name, view.name)
        sink.on_change(change(None, None, state="lost", view=views[0]))
        until(lambda: listener.has("garden/gate/belt/availability", "offline"))
        assert listener.has("garden/yard/availability", "online")
        configs = [
            json.loads(listener.messages[f"homeassistant/sensor/{node}/answer/config"])
            for node in ("gate_belt_garden", "yard_garden")
        ]
        assert len({config["unique_id"] for config in configs}) == 2
        assert configs[1]["device"]["name"] == "Quince fruit yard"
