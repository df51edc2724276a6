"""Tests the parts of an MQTT URL, and that no text repeats its password."""

import pytest

from runtime.errors import InputRefused
from runtime.monitor.sinks.mqtt_address import PASSWORD_VARIABLE, read_address, slug


def test_address_has_host_port_user_password_and_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    address = read_address("mqtt://pi:s%40cret@broker.lan:1884/garden/bird%20box/", "fruit")
    assert (address.host, address.port, address.secure, address.user, address.password) == (
        "broker.lan",
        1884,
        False,
        "pi",
        "s@cret",
    )
    assert (address.topic, address.node) == ("garden/bird box", "garden_bird_box")
    assert "s@cret" not in f"{address} {address!r}"


def test_missing_parts_have_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, "from outside")
    monkeypatch.setattr("socket.gethostname", lambda: "pi 5")
    address = read_address("mqtts://pi@[::1]", "my fruit/+#")
    assert (address.host, address.port, address.secure, address.password) == (
        "::1",
        8883,
        True,
        "from outside",
    )
    assert address.topic == "quince/pi_5/my_fruit_"
    monkeypatch.delenv(PASSWORD_VARIABLE)
    assert read_address("mqtt://h", "x").user is None


@pytest.mark.parametrize(
    "url",
    [
        "broker",
        "http://pi:hunter2@h",
        "mqtt://",
        "mqtt://pi:hunter2@",
        "mqtt://pi:hunter2@h:x",
        "mqtt://pi:hunter2@h:99999",
        "mqtt://pi:hunter2@[::1",
        "mqtt://:hunter2@h",
        "mqtt://pi:hunter2@a..b",
        "mqtt://pi:hunter2@" + "x" * 64,
        "mqtt://pi:hunter2@h/a/%23",
        "mqtt://pi:hunter2@h/a%00b",
        "mqtt://pi:hunter2@h/?x=1",
        "mqtt://pi:hunter2@h/" + "x" * 201,
    ],
)
def test_invalid_address_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    with pytest.raises(InputRefused) as refused:
        read_address(url, "fruit")
    assert "hunter2" not in str(refused.value)
    assert str(refused.value).startswith("--mqtt: ")


def test_slug_is_a_valid_object_id() -> None:
    assert slug("a/b c+#é\n") == "a_b_c_"
    assert slug("") == "_"
    assert len(slug("x" * 100)) == 64
