"""Runs commands as a user would, and checks what they print with --json."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from types import MappingProxyType

import pytest
from jsonschema import Draft202012Validator
from warm_python import WarmPython

ROOT = Path(__file__).parents[2]
OUTPUTS = json.loads((ROOT / "docs/reference/outputs.schema.json").read_text())["$defs"]
WRITTEN = ("bench latency", "bench accuracy", "bench soak")
"""The commands that write JSON into a file; the earlier name of its option is --json."""
Run = Callable[..., subprocess.CompletedProcess[str]]
AT_A_START = ("PYTHON", "LD_", "LC_", "LANG", "OPENBLAS_")
"""How variables begin that count only when a process starts."""
CONSOLE_SCRIPT = "runtime.cli.console_script"
IMPORTED_BY_TRAIN = ("keras", "tensorflow", "imagehash", "jinja2", "scipy.optimize")
IMPORTED_BY_TRAIN += ("scipy.sparse.csgraph", "matplotlib.backends.backend_agg")
IMPORTED_BY_TRAIN += ("matplotlib.backends.backend_svg",)
TIMEOUT_S = 300
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


@pytest.fixture(scope="session")
def warm_python() -> Iterator[WarmPython]:
    python = WarmPython(*IMPORTED_BY_TRAIN)
    yield python
    python.close()


@pytest.fixture(scope="session")
def warm_runtime() -> Iterator[WarmPython]:
    python = WarmPython("numpy", "PIL.Image", "argparse")
    yield python
    python.close()


@pytest.fixture(scope="session")
def run_cli(
    tmp_path_factory: pytest.TempPathFactory, warm_python: WarmPython, warm_runtime: WarmPython
) -> Run:
    """Runs `python -m PACKAGE ...` as a user would, with an image cache for this session."""
    cache = tmp_path_factory.mktemp("cache")

    def run(
        *command: str | Path,
        python: str = sys.executable,
        env: Mapping[str, str] = MappingProxyType({}),
        **options: object,
    ) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(ROOT)}
        environment.pop("QUINCE_CONSOLE", None)
        environment |= env
        words = list(map(str, command))
        usual = python == sys.executable and options.keys() <= {"cwd"}
        usual = usual and not any(name.startswith(AT_A_START) for name in env)
        program = words[1] if words[0] == CONSOLE_SCRIPT else words[0]
        if usual:
            warm = warm_python if program in ("train", "export") else warm_runtime
            with warm.start(words, env=environment, errors="surrogateescape", **options) as process:
                try:
                    printed = process.communicate(timeout=TIMEOUT_S)
                finally:
                    process.kill()
            done = subprocess.CompletedProcess(words, process.returncode, *printed)
        else:
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
