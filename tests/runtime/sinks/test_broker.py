"""runtime.sinks.broker: what a URL names, and that no text repeats its password."""

import pytest

from runtime.errors import InputRefused
from runtime.sinks.broker import PASSWORD, read_address, slug


def test_an_address_is_host_port_user_password_and_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PASSWORD, raising=False)
    found = read_address("mqtt://pi:s%40cret@broker.lan:1884/garden/bird%20box/", "fruit")
    assert (found.host, found.port, found.secure, found.user, found.password) == ("broker.lan", 1884, False, "pi", "s@cret")
    assert (found.topic, found.node) == ("garden/bird box", "garden_bird_box")
    assert "s@cret" not in f"{found} {found!r}"


def test_what_is_not_said_has_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PASSWORD, "from outside")
    monkeypatch.setattr("socket.gethostname", lambda: "pi 5")
    found = read_address("mqtts://pi@[::1]", "my fruit/+#")
    assert (found.host, found.port, found.secure, found.password) == ("::1", 8883, True, "from outside")
    assert found.topic == "quince/pi_5/my_fruit_"
    monkeypatch.delenv(PASSWORD)
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
def test_what_is_no_address_is_refused_without_its_password(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.delenv(PASSWORD, raising=False)
    with pytest.raises(InputRefused) as refused:
        read_address(url, "fruit")
    assert "hunter2" not in str(refused.value)
    assert str(refused.value).startswith("--mqtt: ")


def test_a_slug_is_what_an_object_id_may_be() -> None:
    assert slug("a/b c+#é\n") == "a_b_c_"
    assert slug("") == "_"
    assert len(slug("x" * 100)) == 64
