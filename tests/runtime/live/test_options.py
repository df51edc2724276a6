"""runtime.live.options: what the command line says of the page."""

import argparse
import os
import stat
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from runtime import cli
from runtime.errors import InputRefused
from runtime.live import Live
from runtime.live.options import add_live_arguments, announce, live_page


def parse(*words: str) -> argparse.Namespace:
    parser = cli.Parser(prog="camera")
    add_live_arguments(parser)
    return parser.parse_args(words)


def test_without_live_there_is_no_page() -> None:
    assert isinstance(live_page(parse()), nullcontext)


def test_defaults_are_this_machine_and_no_token() -> None:
    page = live_page(parse("--live"))
    assert isinstance(page, Live)
    assert (page.address, page.port, page.token) == ("127.0.0.1", 8000, None)


def test_another_address_is_refused_without_a_token() -> None:
    with pytest.raises(InputRefused, match="--live-token-file"):
        live_page(parse("--live", "--live-address", "0.0.0.0"))


def test_a_token_file_is_made_once_and_kept_private(tmp_path: Path) -> None:
    words = ("--live", "--live-address", "0.0.0.0", "--live-token-file", str(tmp_path / "token"))
    first, second = live_page(parse(*words)), live_page(parse(*words))
    assert isinstance(first, Live)
    assert isinstance(second, Live)
    assert first.token == second.token == (tmp_path / "token").read_text().strip()
    assert stat.S_IMODE((tmp_path / "token").stat().st_mode) == 0o600


def test_the_token_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUINCE_LIVE_TOKEN", "from-the-environment")
    page = live_page(parse("--live"))
    assert isinstance(page, Live)
    assert page.token == "from-the-environment"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"", b"short", b"long-enough" * 400])
def test_a_file_that_holds_no_token_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "token").write_bytes(content)
    with pytest.raises(InputRefused, match="token"):
        live_page(parse("--live", "--live-token-file", str(tmp_path / "token")))


def test_what_may_never_end_is_no_token_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", Path("/dev/zero"), tmp_path):
        with pytest.raises(InputRefused, match="regular file"):
            live_page(parse("--live", "--live-token-file", str(path)))


@pytest.mark.parametrize("port", ["65536", "-1", "http", "", "99999999999999", "00000099999999", "9" * 5000])
def test_a_port_that_is_none_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parse("--live-port", port)
    assert left.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_log_is_not_told_the_token(capsys: pytest.CaptureFixture[str]) -> None:
    with Live(port=0, token="a-token-of-this-test") as live:
        announce("camera", live)
    assert capsys.readouterr().err == f"camera: live page: http://127.0.0.1:{live.port}/\n"


def test_help_of_the_options_loads_no_server() -> None:
    code = "import sys, runtime.live.options; print([name for name in ('tornado', 'asyncio') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_missing_package_is_exit_4_with_the_pip_command(bare_python) -> None:
    code = "from runtime.live import Live; Live()"
    done = subprocess.run([bare_python("numpy", "pillow"), "-c", code], cwd=Path(__file__).parents[3], capture_output=True, text=True)
    assert "MachineError: live page: needs the package 'tornado'. Install it with: pip install tornado, or" in done.stderr
