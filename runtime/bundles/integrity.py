"""Detects edits of a bundle's records, such as parity.json or the golden images.

The manifest holds the hash of each model file, and one more over these records.
"""

from pathlib import Path

from runtime.bundles.bundle import CALIBRATION, EXAMPLES, PARITY, Bundle
from runtime.bundles.device_scores import FILE as DEVICES
from runtime.bundles.golden_images import FILE as GOLDEN
from runtime.bundles.golden_images import FOLDER
from runtime.system.hashing import sha256_of

RECORDS = (PARITY, CALIBRATION, f"{FOLDER}/{GOLDEN}", f"{FOLDER}/{DEVICES}")
KEY = "records_sha256"
"""The key of the hash in the manifest's provenance."""


def records_digest(bundle: Path) -> str:
    """Returns one sha256 over the files of `RECORDS` in the bundle at this path.

    A missing file counts as an empty line, but examples, which older bundles have not, as none.
    """
    files = [bundle / record for record in RECORDS]
    digests = [sha256_of(file.read_bytes()) if file.is_file() else "" for file in files]
    if (bundle / EXAMPLES).is_file():
        digests.append(sha256_of((bundle / EXAMPLES).read_bytes()))
    return sha256_of("\n".join(digests).encode())


def records_changed(bundle: Bundle) -> bool:
    """Checks whether a record or the examples were changed, lost or added since export.

    Returns False if the manifest has no hash of the records.
    """
    exported = bundle.manifest.provenance.get(KEY)
    return exported is not None and exported != records_digest(bundle.path)
