"""Defines the command-line options of the live page, for any program that shows one."""

import argparse
import os
import secrets
import sys
from contextlib import nullcontext
from pathlib import Path

from runtime.cli.parser import add_earlier_name
from runtime.errors import InputRefused, failed_access
from runtime.inbox.folder import Inbox
from runtime.monitor.live_page.live_page import ADDRESS, PORT, LivePage
from runtime.system.atomic_files import write_file
from runtime.system.terminal import say

TOKEN_VARIABLE = "QUINCE_LIVE_TOKEN"
TOKEN_BYTES = 16
MAX_FILE_BYTES = 4096


def add_live_arguments(parser: argparse.ArgumentParser, *, with_camera: bool = True) -> None:
    """Adds --live-address, --live-port and --live-token-file; for a camera --live, --live-label."""
    group = parser.add_argument_group("live page")
    if with_camera:
        group.add_argument(
            "--live", action="store_true", help="show images and answers on a web page"
        )
        group.add_argument(
            "--live-label",
            dest="inbox",
            type=Path,
            metavar="INBOX",
            help="with --live: label the images of this inbox there",
        )
        add_earlier_name(group, "--label", "--live-label")
    group.add_argument(
        "--live-address",
        default=ADDRESS,
        metavar="IP",
        help="who can open the page: 127.0.0.1 this machine, 0.0.0.0 the network",
    )
    group.add_argument(
        "--live-port",
        type=port_argument,
        default=PORT,
        metavar="N",
        help="port of the page; 0 selects a free one",
    )
    group.add_argument(
        "--live-token-file",
        type=Path,
        metavar="FILE",
        help="file with the token that viewers need; created if it does not exist "
        f"(or use ${TOKEN_VARIABLE})",
    )


def live_page_from_options(
    options: argparse.Namespace, source_names: tuple[str, ...] = ("",)
) -> LivePage | nullcontext[None]:
    """Returns the page as a context manager for the whole run; without --live an empty one.

    `source_names` are those of the sources.

    Raises:
        InputRefused: others can reach the address and there is no token, the token is too short, or
            the token file does not hold one.
        MachineError: the package 'tornado' is not installed.
    """
    if not options.live:
        if options.inbox is not None:
            raise InputRefused(
                "--live-label", "needs --live; without a camera, use the command label"
            )
        return nullcontext()
    token = _token(options)
    if options.inbox is None:
        return LivePage(options.live_address, options.live_port, token, source_names)
    return label_page_from_options(options, source_names)


def label_page_from_options(
    options: argparse.Namespace, source_names: tuple[str, ...] = ()
) -> LivePage:
    """Returns the page with which an inbox is labelled; raises as the function above.

    Without a token, one is made and printed, if a person can read it.
    """
    token = _token(options)
    if token is None and sys.stderr.isatty():
        token = secrets.token_urlsafe(TOKEN_BYTES)
    inbox = Inbox(options.inbox)
    return LivePage(options.live_address, options.live_port, token, source_names, inbox)


def _token(options: argparse.Namespace) -> str | None:
    if options.live_token_file:
        return read_token(options.live_token_file)
    return os.environ.get(TOKEN_VARIABLE) or None


def announce_url(program: str, live: LivePage, page: str = "live page") -> None:
    """Prints the page's address; the token only on a terminal, so that no log contains it."""
    url = live.url if sys.stderr.isatty() else live.url.split("?")[0]
    say(f"{program}: {page}: {url}")


def port_argument(text: str) -> int:
    """Converts an argument to a port number; 0 selects a free port."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"expected a port from 0 to 65535, found {text[:20]!r}")
    return int(text)


def read_token(file: Path) -> str:
    """Returns the token in a file, or creates the file with a new token for this user only.

    Raises:
        InputRefused: not a readable text file, not a regular one (a pipe may never end), or over
            4 kB.
        MachineError: this user may not read the file, or it cannot be written.
    """
    try:
        if file.exists() and not file.is_file():
            raise InputRefused(str(file), "not a token file: expected a regular file")
        with file.open("rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise InputRefused(
                str(file), f"not a token file: expected at most {MAX_FILE_BYTES} bytes"
            )
        return content.decode("ascii").strip()
    except FileNotFoundError:
        token = secrets.token_urlsafe(TOKEN_BYTES)
        write_file(file, token + "\n", mode=0o600)
        return token
    except OSError as error:
        raise failed_access(str(file), error) from error
    except UnicodeDecodeError as error:
        raise InputRefused(str(file), "not a token file: expected letters and digits") from error
