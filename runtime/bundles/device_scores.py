"""Reads and writes golden/devices.json: scores of the golden samples on other processors.

`export --device-check` measures them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from runtime.bundles.golden_samples import FOLDER, is_score
from runtime.errors import InputRefused, naming
from runtime.system.json_records import (
    expect_list,
    expect_names,
    from_json_object,
    parse_json,
    read_text,
)

FILE = "devices.json"
SCHEMA = 1

Scores = Mapping[str, Mapping[str, tuple[float, ...]]]
"""Holds (classes,) scores by the sha256 of a model file and the file of a golden sample."""


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
    scores: Scores

    def __post_init__(self) -> None:
        expect_names(self, "processor", "architecture", "system")
        if not isinstance(self.versions, dict) or not all(
            isinstance(version, str) for version in self.versions.values()
        ):
            raise InputRefused(
                "golden",
                f"expected versions to be texts by package, found {str(self.versions)[:50]!r}",
            )
        if not isinstance(self.scores, dict) or not all(
            isinstance(by_sample, dict) for by_sample in self.scores.values()
        ):
            raise InputRefused("golden", "expected scores by model and sample")
        score_lists = [
            scores for by_sample in self.scores.values() for scores in by_sample.values()
        ]
        if not all(
            isinstance(scores, list | tuple) and all(map(is_score, scores))
            for scores in score_lists
        ):
            raise InputRefused(
                "golden",
                f"expected the scores on {self.processor} to be lists of numbers from -1e6 to 1e6",
            )


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
        return tuple(
            from_json_object(DeviceScores, device)
            for device in expect_list("devices", data.get("devices"))
        )


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
