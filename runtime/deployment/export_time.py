"""Compares when bundles were exported, so that none replaces a newer one by accident."""

import re
from datetime import UTC, datetime, timedelta

from runtime.bundles.bundle import MANIFEST, Bundle
from runtime.errors import InputRefused
from runtime.models.manifest import Manifest
from runtime.system.provenance import UTC_TIME

EXPORTED = "exported"
"""The key in the manifest's provenance of the time of export, such as "2026-11-24T12:00:00Z"."""
MAX_AHEAD = timedelta(days=366)
"""How far ahead of this device's clock a bundle may have been exported.
The clock of a device that was switched off is late."""


def exported_at(manifest: Manifest, file: str = MANIFEST) -> str | None:
    """Returns the time of export in UTC, or None if the manifest has none.

    Two such texts compare as their times do.

    Raises:
        InputRefused: the manifest has something else in its place; the message names `file`.
    """
    time = manifest.provenance.get(EXPORTED)
    if time is not None and not (isinstance(time, str) and _is_time(time)):
        raise InputRefused(
            file,
            f"expected provenance.{EXPORTED} to be a time such as 2026-11-24T12:00:00Z,"
            f" found {str(time)[:50]!r}",
        )
    return time


def bundle_exported_at(bundle: Bundle) -> str | None:
    """Returns the time of export of an opened bundle, as `exported_at`."""
    return exported_at(bundle.manifest, str(bundle.path / MANIFEST))


def refuse_future(new: Bundle) -> None:
    """Raises InputRefused if the bundle was exported more than a year ahead of this clock."""
    time = bundle_exported_at(new)
    if time is None:
        return
    now = datetime.now(UTC)
    if datetime.strptime(time, UTC_TIME).replace(tzinfo=UTC) - now > MAX_AHEAD:
        raise InputRefused(
            str(new.path),
            f"was exported {time}, but this device's clock says {now.strftime(UTC_TIME)};"
            " set the clock, or install it with --allow-downgrade",
        )


def refuse_older(new: Bundle, current: Bundle) -> None:
    """Raises InputRefused if the new bundle was exported before the current one."""
    try:
        new_time, current_time = bundle_exported_at(new), bundle_exported_at(current)
    except InputRefused as refusal:
        raise InputRefused(
            refusal.thing, f"{refusal.reason}; replace it with --allow-downgrade"
        ) from refusal
    if current_time is None or (new_time is not None and new_time >= current_time):
        return
    reason = "does not say when it was exported"
    if new_time:
        reason = f"was exported {new_time}"
    raise InputRefused(
        str(new.path),
        f"{reason}, the one in {current.path} {current_time}; go back to it with --allow-downgrade",
    )


def _is_time(text: str) -> bool:
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", text):
        return False
    try:
        datetime.strptime(text, UTC_TIME)
    except ValueError:
        return False
    return True
