"""python -m export.load_child MODEL PREPARATION BYTES: loads a model of someone else's, runs it on one picture, and says what came of it.

Run by `export.load_trial`, so that a file which crashes Keras or takes all memory ends this process and no other. The limit is set
after TensorFlow is imported, on top of what it has taken by then.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from export.preparation import Preparation
from export.saved_model_folder import is_saved_model
from runtime.errors import QuinceError
from runtime.keras_file import check_keras_file
from runtime.memory import limited_memory
from runtime.plugins import Plugin
from runtime.quiet import prepare_tensorflow

OUT_OF_MEMORY = ("ResourceExhausted", "MemoryError", "bad_alloc")


def main(arguments: Sequence[str]) -> int:
    """Prints one JSON object: the signature, or the error's exit_code, thing and reason."""
    path, preparation, limit = Path(arguments[0]), Preparation.from_plain(json.loads(arguments[1])), int(arguments[2])
    try:
        if not is_saved_model(path):
            Plugin("export.keras_weights:check_weights", extra="export").load()(path, check_keras_file(path))
        prepare_tensorflow()
        trial = Plugin("export.keras_model:try_model", extra="export").load()
        with limited_memory(limit):
            answer = asdict(trial(path, preparation))
    except QuinceError as error:
        answer = {"exit_code": error.exit_code, "thing": error.thing, "reason": error.reason}
    except Exception as error:  # whatever Keras raises on a file made to break it
        text = f"{type(error).__name__} {error}"
        if any(word in text for word in OUT_OF_MEMORY):
            return 1
        answer = {"exit_code": 2, "thing": str(path), "reason": f"Keras cannot load it: {' '.join(text.split())[:300]}"}
    print(json.dumps(answer), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
