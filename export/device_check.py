"""The parity gate on an emulated device: each artifact there against the same artifact here, which the gate has compared with Keras.

Against Keras a few hundred pictures decide nothing, and emulated ones are slow; against the same file on another processor they decide
much, since there what differs by chance is nothing.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from export.emulated.check import device_scores
from export.emulated.devices import Device
from export.emulated.root import require_programs
from export.gate import Judged, Limits, decide
from export.trained import Run, balanced
from runtime.cpu_model import PARTS
from runtime.device_scores import DeviceScores, read_device_scores, write_device_scores
from runtime.digest import digest
from runtime.golden import FOLDER, Sample
from runtime.parity import compare

PICTURES = 200
"""At most so many, as evenly over the classes as they allow."""

Checked = dict[str, dict[str, Any]]
"""By model file, what parity.json says of it on one device."""


def require_devices(devices: Sequence[Device], formats: set[str]) -> None:
    """Says before the long work what would be said after it.

    Raises:
        InputRefused: nothing runs files of one of these formats on one of the devices.
        MachineError: a program is missing that emulates it.
    """
    for device in devices:
        device.packages(formats)
        require_programs(device.system)


def check_on_device(run: Run, device: Device, judged: Mapping[Path, Judged], limits: Limits, count: int, seed: int) -> Checked:
    """Holds what each model file answers on the device for at most `count` test pictures against what the gate saw it answer here.

    Raises:
        InputRefused: nothing runs one of them there, or a picture is gone.
        MachineError: the device cannot be emulated here.
    """
    place = {picture.path: number for number, picture in enumerate(run.split("test"))}
    pictures = balanced(run.split("test"), count, seed)
    chosen = [place[picture.path] for picture in pictures]
    there = device_scores(device, list(judged), [Path(os.path.join(run.data, picture.path)) for picture in pictures])
    labels = run.manifest.labels
    truth = np.array([labels.index(picture.label) for picture in pictures])
    names = [picture.path for picture in pictures]
    checked = {}
    for path, seen in judged.items():
        scores = there[path.name]
        verdict = decide(compare(names, truth, seen.found[chosen], scores, labels), replace(limits, strict=False))
        checked[path.name] = {
            "device": device.described,
            "versions": device.versions({path.suffix[1:]}),
            "outcome": "failed" if verdict.reasons else "passed",
            "reasons": [f"on {device.name}, against the same file here: {reason}" for reason in verdict.reasons],
            "agreement_with_keras": float(np.mean(scores.argmax(1) == seen.expected[chosen].argmax(1))),
            **{name: value for name, value in asdict(verdict.parity).items() if name != "true_scores"},
        }
    return checked


def record_device_scores(bundle: Path, samples: Sequence[Sample], files: Mapping[str, str], devices: Sequence[Device]) -> None:
    """Adds what the model files (sha256 by file name) answer on the devices for the golden samples; drops those of files that are gone."""
    known = {device.processor: device for device in read_device_scores(bundle)}
    pictures = [bundle / FOLDER / sample.file for sample in samples]
    for device in devices:
        answers = device_scores(device, [bundle / file for file in files], pictures)
        new = {
            sha256: {sample.file: tuple(map(float, scores)) for sample, scores in zip(samples, answers[file], strict=True)}
            for file, sha256 in files.items()
        }
        name = PARTS[int(device.processor.part, 16)]
        before = known[name].scores if name in known else {}
        versions = device.versions({Path(file).suffix[1:] for file in files})
        versions = {**known[name].versions, **versions} if before else versions
        known[name] = DeviceScores(name, device.system.machine, device.described, versions, {**before, **new})
    there = {digest(file.read_bytes()) for file in bundle.iterdir() if file.is_file()}
    kept = [replace(one, scores={sha256: one.scores[sha256] for sha256 in one.scores if sha256 in there}) for one in known.values()]
    if kept:
        write_device_scores(bundle / FOLDER, kept)
