"""Runs `python main.py SCRIPT SOURCE IMAGES TARGET OPTION`, which quantizes a float model.

SCRIPT has `quantize(source, images, target, option)`, in which `images` are the representative
dataset, (n, height, width, 3) uint8. The last line of the output is the processor time that it
took, in seconds. Imports do not count.
"""

import sys
from time import process_time
from typing import Any

import numpy as np


def main() -> None:
    """Writes TARGET and prints the seconds."""
    script, source, images, target, option = sys.argv[1:]
    with open(script, encoding="utf-8") as file:
        names: dict[str, Any] = {"__name__": "quantizer"}
        exec(compile(file.read(), script, "exec"), names)
    pixels = np.load(images)
    start = process_time()
    names["quantize"](source, pixels, target, option)
    print(process_time() - start)


if __name__ == "__main__":
    main()
