"""Opens the socket that the live page listens on."""

import errno
import ipaddress
import socket

from runtime.errors import InputRefused, MachineError

SEND_BUFFER_BYTES = 65_536
"""The kernel's buffer for a viewer that does not read (Linux doubles it).

It holds one or two images, not megabytes of old frames.
"""

PROBE_ADDRESSES = {4: "192.0.2.1", 6: "2001:db8::1"}
"""Documentation addresses (RFC 5737, RFC 3849) by IP version.

The route to them shows which address of this machine others see.
"""


def is_loopback(address: str) -> bool:
    """Returns whether only this machine can reach `address`.

    Raises:
        InputRefused: neither an IP address nor "localhost".
    """
    return _parse(address).is_loopback


def listen(address: str, port: int) -> socket.socket:
    """Returns a socket that listens on `address`; port 0 selects a free one.

    Raises:
        InputRefused: not an IP address.
        MachineError: the port is in use or not allowed, or this machine has no such address.
    """
    parsed = _parse(address)
    try:
        listener = socket.create_server((str(parsed), port), family=_family(parsed), backlog=128)
    except OSError as error:
        raise MachineError(f"live page: {address} port {port}", _reason(error, port)) from error
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    listener.setblocking(False)
    return listener


def reachable_address(address: str) -> str:
    """Returns the address to type on another machine.

    For 0.0.0.0 or :: this is the machine's address in its network, or its name without a network.
    """
    parsed = _parse(address)
    if not parsed.is_unspecified:
        return str(parsed)
    with socket.socket(_family(parsed), socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(
                (PROBE_ADDRESSES[parsed.version], 9)
            )  # of a datagram socket: sends nothing
            return str(probe.getsockname()[0])
        except OSError:
            return socket.gethostname()


IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def _parse(address: str) -> IPAddress:
    try:
        return ipaddress.ip_address("127.0.0.1" if address == "localhost" else address)
    except ValueError as error:
        raise InputRefused(
            address or "an empty address",
            "not an IP address; expected 127.0.0.1 for this machine alone, 0.0.0.0 for the "
            "network, or one address of this machine",
        ) from error


def _family(address: IPAddress) -> socket.AddressFamily:
    return socket.AF_INET if address.version == 4 else socket.AF_INET6


def _reason(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return "in use by another program; choose another port, or 0 for a free one"
    if error.errno == errno.EACCES:
        return f"this user may not open port {port}; choose a port from 1024"
    if error.errno == errno.EADDRNOTAVAIL:
        return "this machine has no such address"
    return f"cannot listen: {error.strerror or error}"
