"""Provides real images, and a small run and bundle that are made from them once a session."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import venv
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from html.parser import HTMLParser
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from threading import Lock, Timer

import pytest
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared" / "data"
OUTPUTS = json.loads((ROOT / "docs/reference/outputs.schema.json").read_text())["$defs"]
WRITTEN = ("bench latency", "bench accuracy", "bench soak")
"""The commands whose --json names a file."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]
Run = Callable[..., subprocess.CompletedProcess[str]]
TIMEOUT_S = 300
if "PYTEST_XDIST_WORKER" in os.environ:
    # More threads than cores would wait for each other: a training took 8.9 instead of 7.7 s of
    # processor time, and under load 26 instead of 19 s.
    cores = os.cpu_count() or 1
    share = max(1, cores // int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
        os.environ.setdefault(name, str(share))
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # `make test &` in a script: what the tests start would ignore Ctrl-C as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)
SMALL_TRAINING = (
    "--backbone",
    "simple-cnn",
    "--input-size",
    "64",
    "--head-epochs",
    "10",
    "--epochs",
    "10",
    "--views",
    "2",
    "--batch",
    "16",
    "--patience",
    "4",
)


CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>
static int (*real)(clockid_t, struct timespec *);
int clock_gettime(clockid_t clock, struct timespec *now) {
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    if (clock != CLOCK_REALTIME) return real(clock, now);
    real(CLOCK_MONOTONIC, now);
    now->tv_sec %= 100000;
    return 0;
}
time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
int gettimeofday(struct timeval *restrict out, void *restrict zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    out->tv_sec = now.tv_sec;
    out->tv_usec = now.tv_nsec / 1000;
    return 0;
}
"""


class Elements(HTMLParser):
    """The tags and the text of a page, in which no element has a handler of events."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts files of few tests first where pytest-xdist hands out files.

    Theirs are whole commands; at the end of `make test`, none may keep one process waiting.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        counts = Counter(item.path for item in items)
        items.sort(key=lambda item: counts[item.path])


@pytest.fixture(scope="session")
def elements() -> type[Elements]:
    return Elements


def shared(folder: str) -> Path:
    """Returns a folder of the shared images; skips the test by name where it is absent."""
    path = SHARED / folder
    if not path.is_dir():
        pytest.skip(f"the images of {folder} are not here ({path})")
    return path


@pytest.fixture(scope="session")
def fruits() -> Path:
    return shared("fruits360-16")


@pytest.fixture(scope="session")
def grocery() -> Path:
    return shared("grocery-fruit")


@pytest.fixture(scope="session")
def camera_jpegs() -> Path:
    return shared("camera-jpegs")


@pytest.fixture(scope="session")
def contents() -> Callable[[Path], dict[str, bytes]]:
    """Returns the content of each file below a folder, by its path there."""
    return lambda folder: {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


class WarmPython:
    """Runs commands in forks of tests/warm_python.py, one at a time."""

    def __init__(self) -> None:
        self.lock = Lock()
        self._process: subprocess.Popen[str] | None = None

    def run(
        self, command: list[str], environment: dict[str, str], cwd: str | Path
    ) -> subprocess.CompletedProcess[str]:
        process = self._started()
        assert process.stdin
        assert process.stdout
        with tempfile.TemporaryDirectory() as folder:
            files = Path(folder, "out"), Path(folder, "err")
            for file in files:
                file.touch()
            out, err = map(str, files)
            request = {"package": command[0], "words": command[1:], "env": environment}
            process.stdin.write(json.dumps({**request, "cwd": str(cwd), "out": out, "err": err}))
            process.stdin.write("\n")
            process.stdin.flush()
            limit = Timer(TIMEOUT_S, self.close)
            limit.start()
            answer = process.stdout.readline()
            limit.cancel()
            assert answer, f"{command} took longer than {TIMEOUT_S} s"
            texts = [file.read_text(errors="surrogateescape") for file in files]
        return subprocess.CompletedProcess(command, int(answer), *texts)

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, ROOT / "tests/warm_python.py"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                start_new_session=True,
            )
        return self._process

    def close(self) -> None:
        """Ends the process and the command that it runs."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()
            self._process = None


@pytest.fixture(scope="session")
def warm_python() -> Iterator[WarmPython]:
    python = WarmPython()
    yield python
    python.close()


@pytest.fixture(scope="session")
def run_cli(tmp_path_factory: pytest.TempPathFactory, warm_python: WarmPython) -> Run:
    """Runs `python -m PACKAGE ...` as a user would, with an image cache for this session."""
    cache = tmp_path_factory.mktemp("cache")

    def run(
        *command: str | Path, python: str = sys.executable, **options: object
    ) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(ROOT)}
        environment.pop("QUINCE_CONSOLE", None)
        words = list(map(str, command))
        usual = python == sys.executable and options.keys() <= {"cwd"}
        if usual and words[0] in ("train", "export") and warm_python.lock.acquire(blocking=False):
            try:
                done = warm_python.run(words, environment, options.get("cwd", os.getcwd()))
            finally:
                warm_python.lock.release()
        else:
            environment |= options.pop("env", {})  # type: ignore[call-overload]
            done = subprocess.run(
                [python, "-m", *words],
                capture_output=True,
                text=True,
                env=environment,
                timeout=TIMEOUT_S,
                errors="surrogateescape",
                **options,
            )
        check_json(words, done.stdout)
        return done

    return run


def check_json(command: list[str], printed: str) -> None:
    """Checks each line that a command prints with --json against the schema of that command."""
    program = {"runtime": "run", "benchmarks": "bench"}.get(command[0], command[0])
    verb = " ".join([program, *command[1:2]])
    name = verb if verb in OUTPUTS else program
    if "--json" in command and name in OUTPUTS and name not in WRITTEN:
        for line in printed.splitlines():
            data = json.loads(line)
            require_schema("error" if "error" in data else name, data)


@pytest.fixture(scope="session")
def fits_schema() -> Callable[[str, object], None]:
    return require_schema


def require_schema(name: str, data: object) -> None:
    """Checks an output against its schema in docs/reference."""
    schema = {"$ref": f"#/$defs/{name.replace(' ', '%20')}", "$defs": OUTPUTS}
    Draft202012Validator(schema).validate(data)


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="the package playwright is not here"
    )
    chromium = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not chromium:
        pytest.skip("the browser chromium is not here")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Fills a folder in the first of pytest-xdist's processes that needs it; others wait for it."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent

    def fill(name: str, make: Callable[[Path], None]) -> Path:
        folder = base / name / "cells"
        folder.parent.mkdir(exist_ok=True)
        with (folder.parent / "made").open("a") as made:
            fcntl.flock(made, fcntl.LOCK_EX)
            if not made.tell():
                make(folder)
                made.write("yes")
        return folder

    return fill


@pytest.fixture(scope="session")
def cells(made_once: Callable[..., Path]) -> Path:
    """Returns a folder per class with 60 real photos of solar cells, mono and polycrystalline.

    A small network learns them easily.
    """

    def copy(folder: Path) -> None:
        package = Path(str(find_spec("elpv_dataset").origin)).parent / "data"  # type: ignore[union-attr]
        counts = {"mono": 0, "poly": 0}
        for line in (package / "labels.csv").read_text().splitlines():
            file, _probability, label = line.split()
            if counts[label] < 60:
                counts[label] += 1
                (folder / label).mkdir(parents=True, exist_ok=True)
                shutil.copy(package / file, folder / label)

    return made_once("data", copy)


@pytest.fixture(scope="session")
def small_training() -> tuple[str, ...]:
    """The options `trained` was made with."""
    return SMALL_TRAINING


@pytest.fixture(scope="session")
def trained(cells: Path, run_cli: Run, made_once: Callable[..., Path]) -> Path:
    """Returns the run folder of a small network trained on `cells`. To change it use `run_copy`."""

    def train(folder: Path) -> None:
        done = run_cli("train", cells, "-o", folder, *SMALL_TRAINING)
        assert done.returncode == 0, done.stderr

    return made_once("runs", train)


@pytest.fixture(scope="session")
def exported(trained: Path, run_cli: Run, made_once: Callable[..., Path]) -> Path:
    """Returns a bundle with int8 TFLite and fp32 ONNX of `trained`. To change it use `bundle`."""

    def export(folder: Path) -> None:
        for kind in ("tflite", "onnx"):
            done = run_cli(
                "export", kind, trained, "-o", folder, "--max-drop", "0.2", "--min-agreement", "0.8"
            )
            assert done.returncode == 0, done.stderr

    return made_once("bundles", export)


@pytest.fixture(scope="session")
def in_1970(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Returns the environment of a program that sees 1970.

    A library before the C library's answers so, because a test must not set a clock.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler here, so no clock of 1970")
    folder = tmp_path_factory.mktemp("clock")
    (folder / "clock.c").write_text(CLOCK)
    library = folder / "clock.so"
    subprocess.run(
        [compiler, "-shared", "-fPIC", "-o", library, folder / "clock.c", "-ldl"], check=True
    )
    environment = {"LD_PRELOAD": str(library)}
    year = subprocess.run(["date", "+%Y"], env=environment, capture_output=True, text=True)
    assert year.stdout.strip() == "1970"
    return environment


@pytest.fixture
def run_copy(trained: Path, tmp_path: Path) -> Path:
    """A copy of `trained` that a test may change."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture
def bundle(exported: Path, tmp_path: Path) -> Path:
    """A copy of `exported` that a test may change."""
    return Path(shutil.copytree(exported, tmp_path / "bundle"))


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Makes a virtual environment with only the named distributions; returns its interpreter."""

    def make(*distributions: str) -> str:
        folder = tmp_path_factory.mktemp("venv")
        venv.create(folder, with_pip=False, symlinks=True)
        site = Path(
            sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
        )
        for name in distributions:
            distribution = metadata.distribution(name)
            tops = {
                file.parts[0]
                for file in distribution.files or ()
                if file.parts[0] not in ("..", "__pycache__")
            }
            for top in tops:
                (site / top).symlink_to(distribution.locate_file(top))
        return str(folder / "bin" / "python")

    return make


@pytest.fixture(scope="session")
def with_oddities() -> Callable[[Path], Path]:
    """Fills a folder with files that are no images or could block, loop or exhaust memory."""

    def make(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        os.mkfifo(folder / "fifo.jpg")
        (folder / "zero.jpg").symlink_to("/dev/zero")
        (folder / "loop.jpg").symlink_to("loop.jpg")
        (folder / "dangling.jpg").symlink_to("nowhere")
        (folder / "again").symlink_to(".")
        with (folder / "sparse.jpg").open("wb") as file:
            file.truncate(8 * 2**30)
        (folder / "empty.jpg").touch()
        (folder / "text.jpg").write_text("hello")
        (folder / "line\nbreak\x1b[31m.jpg").write_text("hello")
        Path(os.fsdecode(os.fsencode(folder) + b"/latin-\xe9.jpg")).write_text("hello")
        (folder / ("n" * 251 + ".jpg")).write_text("hello")
        return folder

    return make
