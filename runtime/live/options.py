"""The command-line options of the live page, for any program that shows one."""

import argparse
import os
import secrets
import sys
from contextlib import nullcontext
from pathlib import Path

from runtime import cli
from runtime.atomic import write_file
from runtime.errors import InputRefused, failed_access
from runtime.live import ADDRESS, PORT, Live

TOKEN_VARIABLE = "QUINCE_LIVE_TOKEN"
TOKEN_BYTES, MOST_FILE_BYTES = 16, 4096


def add_live_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --live, --live-address, --live-port and --live-token-file."""
    group = parser.add_argument_group("live page")
    group.add_argument("--live", action="store_true", help="show pictures and answers on a web page")
    group.add_argument("--live-address", default=ADDRESS, metavar="IP", help="who can open it: 127.0.0.1 this machine, 0.0.0.0 the network")
    group.add_argument("--live-port", type=port, default=PORT, metavar="N", help="0 takes a free one")
    group.add_argument(
        "--live-token-file", type=Path, metavar="FILE", help=f"the token a viewer needs, made there if there is none (or ${TOKEN_VARIABLE})"
    )


def live_page(options: argparse.Namespace) -> Live | nullcontext[None]:
    """What to enter for the whole run: the page, or nothing where --live was not given.

    Raises:
        InputRefused: an address others can reach without a token, a token too short, or a file that is none.
        MachineError: the package for it is not installed.
    """
    if not options.live:
        return nullcontext()
    token = read_token(options.live_token_file) if options.live_token_file else os.environ.get(TOKEN_VARIABLE) or None
    return Live(options.live_address, options.live_port, token)


def announce(name: str, live: Live) -> None:
    """Says where the page is; the program is called `name`. The token is shown on a terminal only, not in a log."""
    cli.say(f"{name}: live page: {live.url if sys.stderr.isatty() else live.url.split('?')[0]}")


def port(text: str) -> int:
    """A port number, 0 for a free one, as the `type` of an argument."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, found {text[:20]!r}")
    return int(text)


def read_token(file: Path) -> str:
    """The token in a file; where there is no file, a new one that only this user may read.

    Raises:
        InputRefused: not a readable text file, not a regular one (a pipe may never end), or over 4 kB.
        MachineError: this user may not read it, or it cannot be written.
    """
    try:
        if file.exists() and not file.is_file():
            raise InputRefused(str(file), "not a token: expected a regular file")
        with file.open("rb") as opened:
            content = opened.read(MOST_FILE_BYTES + 1)
        if len(content) > MOST_FILE_BYTES:
            raise InputRefused(str(file), f"not a token: expected at most {MOST_FILE_BYTES} bytes")
        return content.decode("ascii").strip()
    except FileNotFoundError:
        token = secrets.token_urlsafe(TOKEN_BYTES)
        write_file(file, token + "\n", mode=0o600)
        return token
    except OSError as error:
        raise failed_access(str(file), error) from error
    except UnicodeDecodeError as error:
        raise InputRefused(str(file), "not a token: expected letters and digits") from error
