"""Whether what a bundle says of its model files is what export wrote: the manifest has their hashes, and one over the rest."""

from pathlib import Path

from runtime.bundle import CALIBRATION, PARITY, Bundle
from runtime.device_scores import FILE as DEVICES
from runtime.digest import digest
from runtime.golden import FILE as GOLDEN
from runtime.golden import FOLDER

PARTS = (PARITY, CALIBRATION, f"{FOLDER}/{GOLDEN}", f"{FOLDER}/{DEVICES}")
KEY = "records_sha256"
"""In the manifest's provenance."""


def records_digest(bundle: Path) -> str:
    """One sha256 over the files of `PARTS` in the bundle at this path, of which some may be missing."""
    return digest("\n".join(digest((bundle / part).read_bytes()) if (bundle / part).is_file() else "" for part in PARTS).encode())


def records_changed(bundle: Bundle) -> bool:
    """Whether one of them was changed, lost or added since export; no where the manifest does not tell."""
    told = bundle.manifest.provenance.get(KEY)
    return told is not None and told != records_digest(bundle.path)
