"""runtime.live.listening, and who can reach the page (FAULTS W1, W9)."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.errors import InputRefused, MachineError
from runtime.live import Live
from runtime.live.listening import bind, is_loopback, reachable

ROOT = Path(__file__).parents[3]
TOKEN = "a-token-of-this-test"


@pytest.mark.parametrize(
    ("address", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("::", False), ("10.0.0.5", False)],
)
def test_which_addresses_others_can_reach(address: str, loopback: bool) -> None:
    assert is_loopback(address) is loopback


@pytest.mark.parametrize("address", ["", "example.org", "1.2.3", "127.0.0.1:80", "*"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(InputRefused, match=r"^[^:]+.*: not an IP address; expected 127\.0\.0\.1"):
        Live(address)


def listening(port: int) -> set[str]:
    """The addresses that something listens on at a port, as the kernel says."""
    table = Path("/proc/net/tcp").read_text().splitlines()[1:]
    rows = [line.split() for line in table]
    locals_ = [row[1].split(":") for row in rows if row[3] == "0A"]
    return {socket.inet_ntoa(bytes.fromhex(address)[::-1]) for address, at in locals_ if int(at, 16) == port}


def test_this_machine_alone_by_default(live: Live, capsys: pytest.CaptureFixture[str]) -> None:
    assert listening(live.port) == {"127.0.0.1"}
    assert capsys.readouterr().err == ""


def test_others_need_a_token(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputRefused, match="needs a token"):
        Live("0.0.0.0", 0)
    with Live("0.0.0.0", 0, TOKEN) as live:
        assert listening(live.port) == {"0.0.0.0"}
        (warning,) = capsys.readouterr().err.splitlines()
        assert "unencrypted" in warning
        assert live.url.endswith(f":{live.port}/?token={TOKEN}")
        assert "0.0.0.0" not in live.url


@pytest.mark.parametrize("token", ["", "short", "with a space in it", "line\nbreak-line-break", "ünicode-ünicode-x"])
def test_a_token_that_is_none_is_refused(token: str) -> None:
    with pytest.raises(InputRefused, match="at least 16"):
        Live(token=token)


def test_port_0_takes_a_free_one_and_says_which(live: Live, get) -> None:
    assert live.url == f"http://127.0.0.1:{live.port}/"
    assert live.port > 0
    assert get(live, "/health").status == 200


def test_a_port_in_use_is_exit_4(live: Live) -> None:
    with pytest.raises(MachineError, match=f"port {live.port}: in use") as refused, Live(port=live.port):
        pass
    assert refused.value.exit_code == 4


def test_an_address_of_another_machine_is_exit_4() -> None:
    with pytest.raises(MachineError, match="no such address"):
        bind("203.0.113.77", 0)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can become another user")
def test_a_port_that_this_user_may_not_open_is_exit_4() -> None:
    if int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text()) <= 80:
        pytest.skip("on this machine every user may open port 80")
    code = "import os; from runtime.live.listening import bind; os.setgroups([]); os.setgid(65534); os.setuid(65534); bind('127.0.0.1', 80)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert "MachineError: live page: 127.0.0.1 port 80: this user may not open port 80" in done.stderr


def test_the_address_to_type_elsewhere() -> None:
    assert reachable("127.0.0.1") == "127.0.0.1"
    assert reachable("0.0.0.0") not in ("0.0.0.0", "")
