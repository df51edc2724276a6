"""What model files answer on an emulated device."""

import json
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Event

import numpy as np
from numpy.typing import NDArray

from export.emulated.devices import Device
from export.emulated.python import EmulatedPython, emulated_python
from runtime.errors import MachineError
from runtime.progress import Progress
from runtime.threads import allowed_cores

SHOWN = 80
SCRIPT = Path(__file__).with_name("on_device.py")


def device_scores(device: Device, files: Sequence[Path], pictures: Sequence[Path]) -> dict[str, NDArray[np.float32]]:
    """(n, classes) float32 scores by model file name, of each picture file in order, through the device's own code; a process a core.

    Raises:
        InputRefused: no interpreter for one of the files there.
        MachineError: the device cannot be emulated here, or the script ends early.
    """
    packages = device.packages({file.suffix[1:] for file in files})
    count = min(allowed_cores(), len(pictures))
    shares = [list(pictures[first::count]) for first in range(count)]
    answers: list[list[list[float]]] = [[] for _ in pictures]
    stopped = Event()

    def answer(first: int) -> None:
        with closing(_answers(emulated, first, files, shares[first])) as found:
            for place, scores in enumerate(found):
                answers[first + place * count] = scores
                bar.advance()
                if stopped.is_set():
                    return

    with (
        emulated_python(device.system, device.processor, packages) as emulated,
        Progress(f"on {device.name}", len(pictures)) as bar,
        ThreadPoolExecutor(count) as pool,
    ):
        try:
            list(pool.map(answer, range(count)))
        finally:
            stopped.set()
            emulated.stop()
    return {file.name: np.array([scores[index] for scores in answers], np.float32) for index, file in enumerate(files)}


def _answers(
    emulated: EmulatedPython, number: int, files: Sequence[Path], pictures: Sequence[Path]
) -> Generator[list[list[float]], None, None]:
    job = emulated.root / f"job-{number}.json"
    named = {"files": [str(file.resolve()) for file in files], "pictures": [str(picture.resolve()) for picture in pictures]}
    job.write_text(json.dumps(named))
    for line in emulated.lines(SCRIPT, str(job)):
        try:
            yield json.loads(line)
        except ValueError as error:
            raise MachineError(SCRIPT.name, f"expected a list of scores, found {line[:SHOWN]!r}") from error
