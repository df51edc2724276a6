"""What a bundle's golden samples gave on other processors than the workstation's: golden/devices.json, from `export --device-check`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from runtime.errors import InputRefused
from runtime.golden import FOLDER, is_score
from runtime.records import build, expect_list, expect_text, parse_json, read_text

FILE = "devices.json"
SCHEMA = 1

Scores = Mapping[str, Mapping[str, tuple[float, ...]]]
"""(classes,) scores by the sha256 of a model file and the file of a golden sample."""


@dataclass(frozen=True)
class DeviceScores:
    """One kind of device: processor and architecture as `runtime.cpu_model` tells them there, the system, the packages' versions."""

    processor: str
    architecture: str
    system: str
    versions: Mapping[str, str]
    scores: Scores

    def __post_init__(self) -> None:
        expect_text(self, "processor", "architecture", "system")
        if not isinstance(self.versions, dict) or not all(isinstance(version, str) for version in self.versions.values()):
            raise InputRefused("golden", f"expected versions to be texts by package, found {str(self.versions)[:50]!r}")
        samples = list(self.scores.values()) if isinstance(self.scores, dict) else [None]
        if not all(isinstance(sample, dict) for sample in samples):
            raise InputRefused("golden", "expected scores by model and sample")
        lists = [scores for sample in samples if sample is not None for scores in sample.values()]
        if not all(isinstance(scores, list | tuple) and all(map(is_score, scores)) for scores in lists):
            raise InputRefused("golden", f"expected the scores on {self.processor} to be lists of numbers from -1e6 to 1e6")


def write_device_scores(folder: Path, devices: Sequence[DeviceScores]) -> None:
    """Writes devices.json into `folder`, a bundle's golden/."""
    (folder / FILE).write_text(json.dumps({"schema": SCHEMA, "devices": [asdict(device) for device in devices]}, indent=1))


def read_device_scores(bundle: Path) -> tuple[DeviceScores, ...]:
    """Those of the bundle at this path; none where no device was checked.

    Raises:
        InputRefused: a file that does not hold up.
    """
    path = bundle / FOLDER / FILE
    if not path.exists():
        return ()
    try:
        data = parse_json(read_text(path, "not there"))
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise InputRefused("golden", f"expected an object with schema {SCHEMA}")
        return tuple(build(DeviceScores, device) for device in expect_list("devices", data.get("devices")))
    except InputRefused as refusal:
        raise InputRefused(str(path), f"not usable scores of devices: {refusal.reason}") from refusal


def nearest(devices: Sequence[DeviceScores], architecture: str, processor: str | None, sha256: str) -> DeviceScores | None:
    """Of those with scores of this model file, the one of this processor, else one of this architecture, else None."""
    alike = [device for device in devices if device.architecture == architecture and sha256 in device.scores]
    return next((device for device in alike if device.processor == processor), alike[0] if alike else None)
