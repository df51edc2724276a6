"""Turns an `.h5` file of Keras 2 into a SavedModel, which Keras 3 and TFLite read.

tf_keras, the maintained Keras 2, reads the file in a child process with a limit of memory and time.
The SavedModel stays in the cache under the file's sha256, so each file is converted once.
"""

import importlib.util
import re
from pathlib import Path

from export.inputs.saved_model_files import is_saved_model
from runtime.errors import InputRefused
from runtime.shared.progress import Progress
from runtime.system.atomic_files import new_folder
from runtime.system.cache_dir import default_cache
from runtime.system.hashing import sha256_of
from runtime.system.subprocesses import ask_child
from workstation.keras_archive import HDF5, loading_memory
from workstation.keras_config import written_by_keras_2

PACKAGE = "tf_keras"
INSTALL = "pip install --no-deps 'tf_keras>=2.21,<2.22'"
"""Without --no-deps pip adds the package `tensorflow` to `tensorflow-cpu`, which has the same
files."""
BASE_SECONDS, BYTES_PER_SECOND = 240, 2**20


def is_hdf5(path: Path) -> bool:
    """Whether `path` is a file of HDF5, as Keras 2 saves models."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(HDF5)) == HDF5


def check_keras2_file(path: Path) -> None:
    """Checks that an HDF5 file says it is a model of Keras 2, and that tf_keras is installed.

    The version is searched in the bytes; the file is not opened.

    Raises:
        InputRefused: it is of Keras 3, or of no Keras, or tf_keras is not installed.
    """
    match = re.search(rb"keras_version.*?\0(\d\.\d{1,2}\.\d{1,2})", path.read_bytes(), re.DOTALL)
    if match is None:
        raise InputRefused(
            str(path),
            "an HDF5 file in which no Keras model is found; save it where it was made with"
            " model.save('model.keras')",
        )
    version = match[1].decode()
    if not version.startswith("2."):
        raise InputRefused(
            str(path),
            f"an .h5 file of Keras {version}, which can hold code; load it where it was made and"
            " save it with model.save('model.keras')",
        )
    if importlib.util.find_spec(PACKAGE) is None:
        raise InputRefused(
            str(path),
            f"an .h5 file {written_by_keras_2(version)}; or install its reader and run this again:"
            f" {INSTALL}",
        )


def saved_model_of(path: Path) -> Path:
    """Returns the folder with the SavedModel of a file that `check_keras2_file` accepted.

    Raises:
        InputRefused: the file names code or other files, or tf_keras cannot load it, or it crashes
            the child or takes too much memory or time.
        MachineError: the cache cannot be written.
    """
    size = path.stat().st_size
    target = default_cache() / "keras2" / sha256_of(path.read_bytes())
    if is_saved_model(target):
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    limit, seconds = loading_memory(size), BASE_SECONDS + size // BYTES_PER_SECOND
    with Progress("read with tf_keras", 1) as bar, new_folder(target) as folder:
        result = ask_child(
            *("-m", "export.inputs.keras2_worker", path, folder, str(limit)), timeout_s=seconds
        )
        if result.timed_out:
            raise InputRefused(str(path), f"to read it with tf_keras takes more than {seconds} s")
        if not result.answered:
            raise InputRefused(
                str(path),
                f"tf_keras {result.reason} while it read the model; at most {limit >> 20} MB are"
                " allowed for that",
            )
        result.value()
        bar.advance()
    return target
