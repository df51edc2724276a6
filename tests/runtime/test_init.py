"""Tests that the public names of `runtime` are imported when they are used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import runtime
from runtime.system.cgroups import allowed_cores

ROOT = Path(__file__).parents[2]


def output_of(code: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def test_nothing_heavy_is_imported_before_a_verb_is_chosen() -> None:
    assert (
        output_of(
            "import sys, runtime.__main__, runtime.cli.start, runtime.commands.table;"
            " print([name for name in ('numpy', 'PIL') if name in sys.modules])"
        )
        == "[]"
    )


def test_predict_of_one_image_imports_only_what_it_needs(exported: Path, photo: Path) -> None:
    """Each of these takes 1 % of the instructions of a start, or more."""
    unneeded = (
        "shutil",
        "concurrent.futures",
        "logging.handlers",
        "zipfile",
        "hashlib",  # OpenSSL
        "runtime.models.adopted_spec",
        "runtime.models.first_load.first_load",
        "PIL.JpegImagePlugin",  # the photo is a PNG
        "runtime.bundles.recommendation",
        "runtime.models.labels",
        "runtime.models.model_spec",
        "runtime.models.normalization",
        "numpy.typing",
    )
    words = ["predict", str(exported), str(photo)]
    code = f"import sys, runtime.commands.table as m; m.main({words})"
    output = output_of(f"{code}; print([name for name in {unneeded} if name in sys.modules])")
    assert output.splitlines()[1:] == ["[]"]


def test_numpy_comes_without_docstrings_and_whole_otherwise(exported: Path) -> None:
    """A numpy that writes them in other modules fails here, and starts are 4 % slower."""
    code = (
        f"import runtime.commands.table as m; m.main(['info', {str(exported)!r}]);"
        " import numpy, numpy.ma, numpy.random, numpy.fft, numpy.polynomial;"
        " print(numpy.ndarray.sum.__doc__, numpy.sum.__doc__ is not None, numpy.add(1, 2))"
    )
    assert output_of(code).splitlines()[-1] == "None True 3"


@pytest.mark.parametrize(
    ("variables", "threads"), [({}, 1), ({"OPENBLAS_NUM_THREADS": "2"}, min(2, allowed_cores()))]
)
def test_numpy_starts_no_threads_by_default_and_children_inherit_no_setting(
    exported: Path, variables: dict[str, str], threads: int
) -> None:
    code = (
        f"import os, runtime.commands.table as m; m.main(['info', {str(exported)!r}]);"
        " print(len(os.listdir('/proc/self/task')));"
        " print(os.environ.get('OPENBLAS_NUM_THREADS'))"
    )
    environment = {
        key: value for key, value in os.environ.items() if key != "OPENBLAS_NUM_THREADS"
    } | variables
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    assert done.stdout.splitlines()[-2:] == [
        str(threads),
        str(variables.get("OPENBLAS_NUM_THREADS")),
    ]


def test_public_names_are_there() -> None:
    names = {getattr(runtime, name).__name__ for name in runtime.__all__}
    assert names == set(runtime.__all__)
    with pytest.raises(AttributeError, match="module 'runtime' has no attribute 'Missing'"):
        runtime.Missing  # type: ignore[attr-defined]  # noqa: B018
