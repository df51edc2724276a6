"""Tests the command-line options of the live page."""

import argparse
import os
import stat
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from runtime.cli.parser import CommandParser
from runtime.errors import InputRefused
from runtime.monitor.live_page.arguments import (
    add_live_arguments,
    announce_url,
    live_page_from_options,
)
from runtime.monitor.live_page.live_page import LivePage


def parse(*words: str) -> argparse.Namespace:
    parser = CommandParser(prog="camera")
    add_live_arguments(parser)
    return parser.parse_args(words)


def test_without_live_there_is_no_page() -> None:
    assert isinstance(live_page_from_options(parse()), nullcontext)


def test_defaults_are_this_machine_and_no_token() -> None:
    page = live_page_from_options(parse("--live"))
    assert isinstance(page, LivePage)
    assert (page.address, page.port, page.token) == ("127.0.0.1", 8000, None)


def test_another_address_is_refused_without_a_token() -> None:
    with pytest.raises(InputRefused, match="--live-token-file"):
        live_page_from_options(parse("--live", "--live-address", "0.0.0.0"))


def test_a_token_file_is_made_once_and_kept_private(tmp_path: Path) -> None:
    words = ("--live", "--live-address", "0.0.0.0", "--live-token-file", str(tmp_path / "token"))
    first, second = live_page_from_options(parse(*words)), live_page_from_options(parse(*words))
    assert isinstance(first, LivePage)
    assert isinstance(second, LivePage)
    assert first.token == second.token == (tmp_path / "token").read_text().strip()
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600


def test_the_token_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUINCE_LIVE_TOKEN", "from-the-environment")
    page = live_page_from_options(parse("--live"))
    assert isinstance(page, LivePage)
    assert page.token == "from-the-environment"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"short", b"long-enough" * 400])
def test_file_without_a_valid_token_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(InputRefused, match="token"):
        live_page_from_options(parse("--live", "--live-token-file", str(tmp_path / "token")))


def test_endless_file_is_refused_as_token_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", Path("/dev/zero"), tmp_path):
        with pytest.raises(InputRefused, match="regular file"):
            live_page_from_options(parse("--live", "--live-token-file", str(path)))


@pytest.mark.parametrize(
    "port", ["65536", "-1", "http", "", "99999999999999", "00000099999999", "9" * 5000]
)
def test_invalid_port_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        parse("--live-port", port)
    assert exit_.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_token_is_not_written_to_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with LivePage(port=0, token="a-token-of-this-test") as live:
        announce_url("camera", live)
    assert capsys.readouterr().err == f"camera: live page: http://127.0.0.1:{live.port}/\n"


def test_help_of_the_options_loads_no_server() -> None:
    code = (
        "import sys, runtime.monitor.live_page.arguments; "
        "print([name for name in ('tornado', 'asyncio') if name in sys.modules])"
    )
    completed = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
        check=True,
    )
    assert completed.stdout == "[]\n"


def test_a_missing_package_is_exit_4_with_the_pip_command(bare_python) -> None:
    code = "from runtime.monitor.live_page.live_page import LivePage; LivePage()"
    completed = subprocess.run(
        [bare_python("numpy", "pillow"), "-c", code],
        cwd=Path(__file__).parents[4],
        capture_output=True,
        text=True,
    )
    error = "MachineError: live page: needs the package 'tornado'. Install it with: pip install "
    assert f"{error}tornado, or" in completed.stderr
