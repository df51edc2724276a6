"""Lets a child process load a model file, with limits of memory and time that grow with its size.

A file that crashes a library or takes all memory then ends only the child.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from runtime.errors import InputRefused, QuinceError
from runtime.system.subprocesses import ask_child, print_answer
from workstation.keras_archive import loading_memory

BASE_SECONDS, BYTES_PER_SECOND = 240, 2**20
"""What loading and running a model on a few images may take."""
OUT_OF_MEMORY = ("ResourceExhausted", "MemoryError", "bad_alloc")
"""Words in the errors of TensorFlow, Python and C++ when memory is short."""
LimitedWork = Callable[..., Mapping[str, Any]]


def ask_limited_child(
    module: str, path: Path, size: int, *words: str | Path, library: str, question: str = ""
) -> Mapping[str, Any]:
    """Returns what a child process answers about the model at `path`; see `answer_limited`.

    Args:
        module: runs in the child, as `python -m MODULE PATH BYTES WORDS...`.
        path: of the model.
        size: of the model in bytes.
        words: more of them for the child.
        library: loads the model; errors name it.
        question: what the child reads on its standard input.

    Raises:
        InputRefused: the child crashed, took too much memory or time, or refused the model.
        QuinceError: another error that the child met.
    """
    limit, seconds = loading_memory(size), BASE_SECONDS + size // BYTES_PER_SECOND
    result = ask_child(
        *("-m", module, path, str(limit), *words), question=question, timeout_s=seconds
    )
    if result.timed_out:
        raise InputRefused(str(path), f"{library} takes more than {seconds} s to load and run it")
    if not result.answered:
        raise InputRefused(
            str(path),
            f"{library}, in a process of its own that loaded and ran it, {result.reason};"
            f" at most {limit >> 20} MB are allowed for that",
        )
    return result.value()


def answer_limited(work: LimitedWork) -> None:
    """Prints what `work(path, limit, *words)` returns, for `ask_limited_child`.

    `work` sets the limit, in bytes, after the import of its libraries.
    """
    path, limit, *words = sys.argv[1:]
    print_answer(lambda: name_damage(work, Path(path), int(limit), *words))


def name_damage(work: LimitedWork, path: Path, limit: int, *words: str) -> Mapping[str, Any]:
    """Returns what `work(path, limit, *words)` returns, or raises one line about the file.

    Raises:
        InputRefused: a library raised an error, or `limit` bytes are too few.
        QuinceError: `work` raised it.
    """
    try:
        return work(path, limit, *words)
    except QuinceError:
        raise
    except Exception as error:  # a file made to break a library may raise anything
        text = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        reason = f"cannot be loaded: {text}"
        if any(word in text for word in OUT_OF_MEMORY):
            reason = f"loading and running it takes more than {limit >> 20} MB"
        raise InputRefused(str(path), reason) from error
