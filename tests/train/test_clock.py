"""A computer whose clock stands at 1970 trains and exports.

A library before the C library's answers with 1970, because this test must not set a clock.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

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


@pytest.fixture(scope="module")
def in_1970(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Returns the environment of a program that sees 1970."""
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


def test_a_run_and_its_bundle_are_made_in_1970(in_1970, cells, run_cli, tmp_path: Path) -> None:
    run = tmp_path / "run"
    options = ("--backbone", "simple-cnn", "--input-size", "32", "--head-epochs", "0")
    done = run_cli("train", cells, "-o", run, *options, "--epochs", "2", env=in_1970)
    assert done.returncode == 0, done.stderr
    limits = ("--max-drop", "1", "--min-agreement", "0", "--allow-poor-model")
    done = run_cli("export", "tflite", run, *limits, env=in_1970)
    assert done.returncode == 0, done.stderr
    assert run_cli("runtime", "verify", run / "bundle", env=in_1970).returncode == 0
