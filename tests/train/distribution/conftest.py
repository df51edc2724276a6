"""Provides addresses at which workers on this machine meet."""

import random
import socket
from collections.abc import Callable

import pytest

BELOW_EPHEMERAL = range(20_000, 32_000)
"""Linux gives other programs ports from 32768 on unasked; none takes one of these meanwhile."""


@pytest.fixture
def free_address() -> Callable[[], str]:
    """Returns a function that returns a host:port on which nothing listens."""

    def find() -> str:
        while True:
            port = random.choice(BELOW_EPHEMERAL)
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)):
                    return f"127.0.0.1:{port}"

    return find
