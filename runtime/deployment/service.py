"""Watches the systemd service of the camera after a new bundle has taken its place."""

import subprocess
import time
from typing import NamedTuple

from runtime.errors import InputRefused, MachineError

PROGRAM = "systemctl"
FIELDS = ("LoadState", "ActiveState", "SubState", "NRestarts")
LOOK_EVERY_S = 1.0
TIMEOUT_S = 30.0


class ServiceState(NamedTuple):
    """Holds what systemd says of a service."""

    active: bool
    failed: bool
    restarts: int


def read_state(service: str) -> ServiceState:
    """Returns the state of a service.

    Raises:
        InputRefused: there is no such service.
        MachineError: systemctl is missing or fails.
    """
    words = [PROGRAM, "show", f"--property={','.join(FIELDS)}", "--", service]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        reason = getattr(error, "stderr", None) or error
        raise MachineError(PROGRAM, f"cannot show {service}: {reason}".strip()) from error
    values = dict(line.partition("=")[::2] for line in done.stdout.splitlines())
    if values.get("LoadState") != "loaded":
        raise InputRefused("--service", f"expected a systemd service, found no {service}")
    restarts = values.get("NRestarts", "")
    return ServiceState(
        active=values.get("ActiveState") == "active",
        failed=values.get("ActiveState") == "failed" or values.get("SubState") == "auto-restart",
        restarts=int(restarts) if restarts.isdigit() else 0,
    )


def await_failure(service: str, before: ServiceState, duration_s: float) -> str:
    """Returns why a service has failed within this time; "" if it has not.

    `before` is its state before the exchange of bundles.
    """
    ends_s = time.monotonic() + duration_s
    while True:
        state = read_state(service)
        if state.failed or state.restarts > before.restarts:
            return f"{service} failed"
        remaining_s = ends_s - time.monotonic()
        if remaining_s <= 0:
            return "" if state.active else f"{service} does not run"
        time.sleep(min(LOOK_EVERY_S, remaining_s))
