"""Reads and writes golden/devices.json: scores of the golden images on other processors.

`export --device-check` measures them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from runtime.bundles.golden_images import FOLDER, is_score
from runtime.errors import InputRefused, naming
from runtime.system.json_records import expect_names, parse_json, read_text
from runtime.system.typed_json import read_as

FILE = "devices.json"
SCHEMA = 1

ScoresByFile = Mapping[str, Mapping[str, tuple[float, ...]]]
"""Holds (classes,) scores by the sha256 of a model file and the file of a golden image."""


@dataclass(frozen=True)
class DeviceScores:
    """Holds the scores on one kind of device.

    processor, architecture: as `runtime.system.cpu_model` reports them there.
    versions: of the packages that matter, by name.
    """

    processor: str
    architecture: str
    system: str
    versions: Mapping[str, str]
    scores: ScoresByFile

    def __post_init__(self) -> None:
        expect_names(self, "processor", "architecture", "system")
        of_images = (scores for of_model in self.scores.values() for scores in of_model.values())
        if not all(is_score(score) for scores in of_images for score in scores):
            raise InputRefused("golden", f"expected scores on {self.processor} from -1e6 to 1e6")


def write_device_scores(folder: Path, devices: Sequence[DeviceScores]) -> None:
    """Writes devices.json into `folder`, a bundle's golden/."""
    (folder / FILE).write_text(
        json.dumps({"schema": SCHEMA, "devices": [asdict(device) for device in devices]}, indent=1)
    )


def read_device_scores(bundle: Path) -> tuple[DeviceScores, ...]:
    """Returns the scores in the bundle at this path; nothing if no device was checked.

    Raises:
        InputRefused: the file is not valid.
    """
    path = bundle / FOLDER / FILE
    if not path.exists():
        return ()
    text = read_text(path, "not there")
    with naming(path, "not usable scores of devices: {}"):
        data = parse_json(text)
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise InputRefused("golden", f"expected an object with schema {SCHEMA}")
        devices: tuple[DeviceScores, ...] = read_as(
            tuple[DeviceScores, ...], data.get("devices"), "devices"
        )
        return devices


def nearest_processor(
    devices: Sequence[DeviceScores], architecture: str, processor: str | None, sha256: str
) -> DeviceScores | None:
    """Returns the device with scores of this model file that is most like the given processor.

    That is one with the same processor, else one with the same architecture, else None.
    """
    candidates = [
        device
        for device in devices
        if device.architecture == architecture and sha256 in device.scores
    ]
    for device in candidates:
        if device.processor == processor:
            return device
    return candidates[0] if candidates else None
