"""Tests who can reach the page, and ports that cannot be opened (FAULTS W1, W9)."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.errors import InputRefused, MachineError
from runtime.monitor.live_page.listener import is_loopback, listen, reachable_address
from runtime.monitor.live_page.live_page import LivePage

ROOT = Path(__file__).parents[4]
TOKEN = "a-token-of-this-test"


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.5", False),
    ],
)
def test_others_can_reach_every_address_except_loopback(address: str, loopback: bool) -> None:
    assert is_loopback(address) is loopback


@pytest.mark.parametrize("address", ["", "example.org", "1.2.3", "127.0.0.1:80", "*"])
def test_invalid_address_is_refused(address: str) -> None:
    with pytest.raises(InputRefused, match=r"^[^:]+.*: not an IP address; expected 127\.0\.0\.1"):
        LivePage(address)


def listening_addresses(port: int) -> set[str]:
    """Returns the addresses on which the kernel has a listening socket with this port."""
    table = Path("/proc/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in table]
    local_addresses = [row[1].split(":") for row in rows if row[3] == "0A"]
    return {
        socket.inet_ntoa(bytes.fromhex(address)[::-1])
        for address, hex_port in local_addresses
        if int(hex_port, 16) == port
    }


def test_only_this_machine_can_reach_the_page_by_default(
    live: LivePage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert listening_addresses(live.port) == {"127.0.0.1"}
    assert capsys.readouterr().err == ""


def test_address_for_others_needs_a_token(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputRefused, match="needs a token"):
        LivePage("0.0.0.0", 0)
    with LivePage("0.0.0.0", 0, TOKEN) as live:
        assert listening_addresses(live.port) == {"0.0.0.0"}
        (warning,) = capsys.readouterr().err.splitlines()
        assert "unencrypted" in warning
        assert live.url.endswith(f":{live.port}/?token={TOKEN}")
        assert "0.0.0.0" not in live.url


@pytest.mark.parametrize(
    "token", ["", "short", "with a space in it", "line\nbreak-line-break", "ünicode-ünicode-x"]
)
def test_invalid_token_is_refused(token: str) -> None:
    with pytest.raises(InputRefused, match="at least 16"):
        LivePage(token=token)


def test_port_0_selects_a_free_port(live: LivePage, get) -> None:
    assert live.url == f"http://127.0.0.1:{live.port}/"
    assert live.port > 0
    assert get(live, "/health").status == 200


def test_a_port_in_use_is_exit_4(live: LivePage) -> None:
    with (
        pytest.raises(MachineError, match=f"port {live.port}: in use") as refused,
        LivePage(port=live.port),
    ):
        pass
    assert refused.value.exit_code == 4


def test_an_address_of_another_machine_is_exit_4() -> None:
    with pytest.raises(MachineError, match="no such address"):
        listen("203.0.113.77", 0)


@pytest.mark.skipif(
    os.name == "nt" or os.geteuid() != 0, reason="only root can become another user"
)
def test_a_port_that_this_user_may_not_open_is_exit_4() -> None:
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 80:
        pytest.skip("on this machine every user may open port 80")
    code = """
import os
from runtime.monitor.live_page.listener import listen
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
listen("127.0.0.1", 80)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    error = "MachineError: live page: 127.0.0.1 port 80: this user may not open port 80"
    assert error in done.stderr


def test_reachable_address_is_never_unspecified() -> None:
    assert reachable_address("127.0.0.1") == "127.0.0.1"
    assert reachable_address("0.0.0.0") not in ("0.0.0.0", "")
