"""`make dist` builds an sdist, a wheel for the workstation and one for a Raspberry Pi."""

import inspect
import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime import Classifier
from runtime.monitor.sinks.dispatcher import SinkDispatcher

ROOT = Path(__file__).parents[1]
PACKAGES = ("runtime", "workstation", "train", "export", "benchmarks")
ON_THE_PI = ("runtime", "benchmarks")
NOT_ON_THE_PI = (
    "benchmarks/commands/report.py",
    *(
        f"benchmarks/reporting/{name}.py"
        for name in ("charts", "html_report", "markdown", "pareto")
    ),
    "runtime/shared/html_page.css",
    "runtime/shared/html_page.py",
)
MAX_PI_WHEEL_BYTES = 325_000
PROOF = ("benchmarks/claims/", "benchmarks/peers/", "benchmarks/recorded/")
OLD_BUNDLE = ROOT / "tests" / "data" / "bundle_schema_1"


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `make dist` fills, in a copy of the checkout."""
    checkout = tmp_path_factory.mktemp("checkout")
    for name in (*PACKAGES, "docs", "examples", "notebooks", "tools"):
        shutil.copytree(
            ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__", ".venv")
        )
    for file in ROOT.iterdir():
        if file.is_file():
            shutil.copy(file, checkout)
    programs = Path(sys.executable).parent
    command = ["make", "dist", "-o", ".venv/build", f"BIN={programs}"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return checkout / "dist"


def members(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def packaged(packages: tuple[str, ...]) -> set[str]:
    """Every file of the packages that a wheel has to hold, and quince.py."""
    files = {"quince.py"}
    for package in packages:
        for file in (ROOT / package).rglob("*"):
            name = file.relative_to(ROOT).as_posix()
            if file.is_file() and "__pycache__" not in name and not name.startswith(PROOF):
                files.add(name)
    return files


def test_the_wheel_holds_every_file_of_the_packages_and_none_of_the_proof(dist: Path) -> None:
    (wheel,) = (file for file in dist.glob("*.whl") if "-1pi-" not in file.name)
    assert members(wheel) == packaged(PACKAGES)


def test_the_wheel_for_a_pi_holds_what_runs_there(dist: Path) -> None:
    (wheel,) = dist.glob("*-1pi-py3-none-any.whl")
    assert members(wheel) == packaged(ON_THE_PI) - set(NOT_ON_THE_PI)
    assert wheel.stat().st_size <= MAX_PI_WHEEL_BYTES


def test_the_sdist_holds_the_wheel_the_licence_and_the_docs(dist: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert packaged(PACKAGES) <= names
    wanted = {"LICENSE", "README.md", "CHANGELOG.md", "docs/README.md", "pyproject.toml"}
    assert wanted <= names
    assert not [name for name in names if name.startswith(("tests/", *PROOF))]


@pytest.fixture(scope="module")
def pi_python(dist: Path, bare_python: Callable[..., str]) -> str:
    """A Python that has what a Pi has: numpy, Pillow, LiteRT and the wheel."""
    python = bare_python("numpy", "pillow", "ai-edge-litert", "flatbuffers")
    (wheel,) = dist.glob("*-1pi-py3-none-any.whl")
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site.stdout.strip())
    return python


def quince(python: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    code = "from runtime.cli.console_script import main; main()"
    command = [python, "-P", "-c", code, *map(str, words)]
    without = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        command, cwd=OLD_BUNDLE, capture_output=True, text=True, check=False, env=without
    )


def test_the_installed_wheel_names_an_image(pi_python: str) -> None:
    done = quince(pi_python, "run", "predict", OLD_BUNDLE, "golden/00-circle.png", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["predictions"][0]["label"] == "circle"
    assert quince(pi_python, "run", "verify", OLD_BUNDLE).returncode == 0


def test_the_installed_wheel_measures_latency(pi_python: str) -> None:
    done = quince(
        pi_python, "bench", "latency", OLD_BUNDLE, "--iterations", "64", "--min-seconds", "0"
    )
    assert done.returncode == 0, done.stderr
    assert "model.int8.tflite" in done.stdout


def test_what_stays_on_the_workstation_is_refused_in_one_line(pi_python: str) -> None:
    for line in ("train images", "export tflite run", "bench claims", "bench report x.json"):
        done = quince(pi_python, *line.split())
        assert done.returncode == 4, done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_a_pi_completes_only_what_it_can_do(
    pi_python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUINCE_COMPLETE", "")
    for line, expected in (
        ("", "run bench completion"),
        ("bench", "latency compare accuracy recommend soak"),
    ):
        done = quince(pi_python, *line.split())
        words = [line.partition("\t")[0] for line in done.stdout.splitlines()]
        assert (words, done.stderr) == (expected.split(), "")


def test_on_a_pi_help_shows_the_public_names_and_tracebacks_the_lines_of_the_checkout(
    pi_python: str,
) -> None:
    code = (
        "import inspect, quince; from runtime.monitor.sinks import dispatcher;"
        "print(quince.Classifier.__doc__, dispatcher.SinkDispatcher.__doc__,"
        " inspect.getsourcelines(dispatcher.SinkDispatcher)[1])"
    )
    done = subprocess.run([pi_python, "-I", "-c", code], capture_output=True, text=True, check=True)
    shown, line = done.stdout.rsplit(maxsplit=1)
    assert str(Classifier.__doc__).strip() in shown
    assert str(SinkDispatcher.__doc__).strip() not in shown
    assert int(line) == inspect.getsourcelines(SinkDispatcher)[1]


def test_quince_gives_the_public_names(pi_python: str) -> None:
    code = (
        "import sys, quince; print('numpy' in sys.modules); from quince import Classifier; "
        "print(Classifier('.').classify('golden/01-square.png')[0].score)"
    )
    done = subprocess.run(
        [pi_python, "-c", code], cwd=OLD_BUNDLE, capture_output=True, text=True, check=True
    )
    here = Classifier(OLD_BUNDLE).classify(OLD_BUNDLE / "golden" / "01-square.png")
    assert done.stdout.split() == ["False", str(here[0].score)]


def test_quince_and_runtime_have_the_same_public_names() -> None:
    import quince as front
    import runtime

    assert front.__all__ == runtime.__all__
    assert all(getattr(front, name) is getattr(runtime, name) for name in front.__all__)
    with pytest.raises(AttributeError, match="'quince' has no attribute 'Missing'"):
        front.Missing  # noqa: B018
