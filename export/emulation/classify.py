"""Scores images with model files on an emulated device."""

import json
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event

import numpy as np
from numpy.typing import NDArray

from export.emulation.devices import Device
from export.emulation.emulated_python import EmulatedPython, emulated_python
from runtime.errors import MachineError
from runtime.shared.progress import Progress
from runtime.system.cgroups import allowed_cores

MAX_SHOWN_CHARS = 80
SCRIPT = Path(__file__).with_name("on_device.py")


def device_scores(
    device: Device, files: Sequence[Path], images: Sequence[Path]
) -> dict[str, NDArray[np.float32]]:
    """Returns (n, classes) float32 scores by model file name, of the images in order.

    The device's own code scores them, in one process for each core.

    Raises:
        InputRefused: the device has no interpreter for one of the files.
        MachineError: the device cannot be emulated here, or the script ends early.
    """
    packages = device.packages({file.suffix[1:] for file in files})
    processes = min(allowed_cores(), len(images))
    scores: list[list[list[float]]] = [[] for _ in images]
    stopped = Event()

    def score_share(first: int) -> None:
        """Scores every `processes`-th image from `first` on."""
        share = images[first::processes]
        with closing(_image_scores(emulated, first, files, share)) as results:
            for number, image_scores in enumerate(results):
                scores[first + number * processes] = image_scores
                bar.advance()
                if stopped.is_set():
                    return

    with (
        emulated_python(device.system, device.processor, packages) as emulated,
        Progress(f"on {device.name}", len(images)) as bar,
        ThreadPoolExecutor(processes) as pool,
    ):
        try:
            list(pool.map(score_share, range(processes)))
        finally:
            stopped.set()
            emulated.stop()
    return {
        file.name: np.array([image_scores[index] for image_scores in scores], np.float32)
        for index, file in enumerate(files)
    }


def _image_scores(
    emulated: EmulatedPython, number: int, files: Sequence[Path], images: Sequence[Path]
) -> Generator[list[list[float]], None, None]:
    """Yields the scores of each image, (files, classes), from process `number`."""
    job = emulated.root / f"job-{number}.json"
    paths = {
        "files": [str(file.resolve()) for file in files],
        "images": [str(image.resolve()) for image in images],
    }
    job.write_text(json.dumps(paths))
    for line in emulated.lines(SCRIPT, str(job)):
        try:
            yield json.loads(line)
        except ValueError as error:
            raise MachineError(
                SCRIPT.name, f"expected a list of scores, found {line[:MAX_SHOWN_CHARS]!r}"
            ) from error
