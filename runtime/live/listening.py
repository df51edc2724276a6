"""The socket the live page listens on, and what its address means."""

import errno
import ipaddress
import socket

from runtime.errors import InputRefused, MachineError

SEND_BUFFER_BYTES = 65_536
"""What the kernel holds for a viewer that does not read: a picture or two (Linux doubles it), not megabytes of old frames."""

NOWHERE = {4: "192.0.2.1", 6: "2001:db8::1"}
"""Addresses for documentation (RFC 5737, RFC 3849): the route to them shows which of this machine's addresses others see."""


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach `address`.

    Raises:
        InputRefused: neither an IP address nor "localhost".
    """
    return _parsed(address).is_loopback


def bind(address: str, port: int) -> socket.socket:
    """A socket that listens there; port 0 takes a free one.

    Raises:
        InputRefused: not an address.
        MachineError: the port is taken or not allowed, or this machine has no such address.
    """
    parsed = _parsed(address)
    family = socket.AF_INET if parsed.version == 4 else socket.AF_INET6
    try:
        listener = socket.create_server((str(parsed), port), family=family, backlog=128)
    except OSError as error:
        raise MachineError(f"live page: {address} port {port}", _reason(error, port)) from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    listener.setblocking(False)
    return listener


def reachable(address: str) -> str:
    """The address to type on another machine: for 0.0.0.0 or :: the one this machine has towards the network, else its name."""
    parsed = _parsed(address)
    if not parsed.is_unspecified:
        return str(parsed)
    family = socket.AF_INET if parsed.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:  # connecting a datagram socket sends nothing
        try:
            probe.connect((NOWHERE[parsed.version], 9))
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address("127.0.0.1" if address == "localhost" else address)
    except ValueError as error:
        reason = "not an IP address; expected 127.0.0.1 for this machine alone, 0.0.0.0 for the network, or one address of this machine"
        raise InputRefused(address or "an empty address", reason) from error


def _reason(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return "in use by another program; take another port, or 0 for a free one"
    if error.errno == errno.EACCES:
        return f"this user may not open port {port}; take one from 1024"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine has no such address"
    return f"cannot listen: {error.strerror or error}"
