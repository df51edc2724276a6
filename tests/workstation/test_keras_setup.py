"""Tests what is set before TensorFlow is imported."""

import subprocess
import sys
from pathlib import Path

CODE = """
import gc
from workstation.keras_setup import prepare_tensorflow
prepare_tensorflow()
found = []
gc.callbacks.append(lambda phase, _: found.append(1) if phase == "stop" else None)
import tensorflow
print(len(found))
"""


def test_the_import_of_tensorflow_is_not_slowed_down_by_a_search_for_garbage() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 200, "collections: 55 here, 790 with the threshold of Python"
