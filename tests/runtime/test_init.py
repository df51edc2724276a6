"""runtime: its public names come when asked for, so that Ctrl-C ends `python -m runtime` from its first line."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import runtime
from runtime.threads import allowed_cores

ROOT = Path(__file__).parents[2]


def output_of(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def test_nothing_heavy_is_imported_before_main_sees_to_ctrl_c() -> None:
    assert output_of("import sys, runtime.__main__; print([name for name in ('numpy', 'PIL') if name in sys.modules])") == "[]"


def test_a_start_for_one_picture_imports_only_what_it_needs(exported: Path, photo: Path) -> None:
    """Each of these is a hundredth of a start."""
    spared = ("shutil", "concurrent.futures", "logging.handlers", "zipfile", "runtime.recommended", "runtime.labels_file")
    code = f"import sys, runtime.__main__ as m; m.main(['predict', {str(exported)!r}, {str(photo)!r}])"
    output = output_of(f"{code}; print([name for name in {spared} if name in sys.modules])")
    assert output.splitlines()[1:] == ["[]"]


@pytest.mark.parametrize(("given", "threads"), [({}, 1), ({"OPENBLAS_NUM_THREADS": "2"}, min(2, allowed_cores()))])
def test_numpy_starts_no_threads_unless_asked_and_what_is_started_later_inherits_nothing(
    exported: Path, given: dict[str, str], threads: int
) -> None:
    code = f"import os, runtime.__main__ as m; m.main(['info', {str(exported)!r}]); print(len(os.listdir('/proc/self/task')))"
    code += "; print(os.environ.get('OPENBLAS_NUM_THREADS'))"
    environment = {key: value for key, value in os.environ.items() if key != "OPENBLAS_NUM_THREADS"} | given
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines()[-2:] == [str(threads), str(given.get("OPENBLAS_NUM_THREADS"))]


def test_public_names_are_there() -> None:
    from runtime import Bundle, Classifier, Foreign, Prediction, Preprocessing, preprocess

    found = {part.__name__ for part in (Bundle, Classifier, Foreign, Prediction, Preprocessing, preprocess)}
    assert found == set(runtime.__all__)
    with pytest.raises(AttributeError, match="module 'runtime' has no attribute 'Missing'"):
        runtime.Missing  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("first", ["import runtime.preprocess", "import runtime.classifier", "pass"])
def test_preprocess_is_the_function_whatever_was_imported_before(first: str) -> None:
    """There is a module of that name too, which importing sets as an attribute of the package."""
    code = f"{first}\nimport runtime\nfrom runtime import preprocess\nprint(type(preprocess).__name__, type(runtime.preprocess).__name__)"
    assert output_of(code) == "function function"


def test_ctrl_c_at_any_moment_of_the_start_shows_no_traceback(tmp_path: Path) -> None:
    """From the moment that our first line runs: the interpreter's own start is not ours."""
    (tmp_path / "numpy.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(30)\n")
    code = f"import sys, runpy; sys.path[:0] = [{str(tmp_path)!r}, {str(ROOT)!r}]; sys.argv[1:] = ['info', 'x']; "
    started = [sys.executable, "-c", code + "runpy.run_module('runtime', run_name='__main__', alter_sys=True)"]
    process = subprocess.Popen(
        started,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "importing\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (130, "python -m runtime: interrupted\n")
