"""Tests that the `quince` command finds its packages whatever files the current folder has."""

import os
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks.commands.table import VERBS as BENCH
from runtime.cli.completion import SCRIPTS
from runtime.cli.dispatch import Verb
from runtime.commands.table import VERBS as RUN
from train.commands.table import VERBS as TRAIN

ROOT = Path(__file__).parents[3]


@pytest.fixture
def quince(tmp_path: Path):
    """Runs the console script in a folder that has an export.py and a runtime.py of the user."""
    script = tmp_path / "bin" / "quince"
    script.parent.mkdir()
    script.write_text("from runtime.cli.console_script import main\nmain()\n")
    here = tmp_path / "here"
    here.mkdir()
    for name in ("export.py", "runtime.py", "train.py"):
        (here / name).write_text("raise SystemExit('the wrong one')\n")

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.run(
            [sys.executable, script, *words],
            cwd=here,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


def test_verbs_reach_their_packages(quince) -> None:
    for verb in ("run", "train", "export", "bench"):
        done = quince(verb, "--help")
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"usage: quince {verb} ")


def test_errors_begin_with_the_name_that_the_user_typed(quince) -> None:
    done = quince("run", "predict", "missing.tflite", "x.jpg")
    assert (done.returncode, done.stderr) == (2, "quince run: missing.tflite: no such file\n")
    done = quince("run", "predict")
    assert done.returncode == 2
    assert done.stderr.startswith("quince run predict: the following arguments are required")


def test_version_and_help(quince, run_cli) -> None:
    assert quince("--version").stdout == run_cli("runtime", "--version").stdout
    for option in ("--help", "-h"):
        done = quince(option)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("usage: quince {")
        done = quince("completion", option)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("usage: quince completion {bash,zsh}\n")


def test_alone_it_prints_the_four_programs_and_the_next_step(quince) -> None:
    done = quince()
    assert (done.returncode, done.stderr) == (0, "")
    *usage, last = done.stdout.splitlines()
    assert [line.split()[0] for line in usage[1:5]] == ["train", "export", "run", "bench"]
    assert last.startswith("next: quince train sample elpv -o images, then quince train images")


TYPED = [
    ("", "train export run bench completion"),
    ("run pre", "predict"),
    ("run predict --th", "--threads"),
    ("run predict --layout ", "nhwc nchw"),
    ("train sa", "sample"),
    ("train --recipe ", "quince article"),
    ("export tfl", "tflite"),
    ("export tflite --prec", "--precision"),
    ("run predict --labels ", ""),
    ("completion ", "bash zsh"),
    ("run predict bundle --channels ", "rgb bgr grey"),
]


@pytest.mark.parametrize(("typed", "offered"), TYPED)
def test_bash_completes(tmp_path: Path, typed: str, offered: str) -> None:
    script = tmp_path / "quince.bash"
    script.write_text(SCRIPTS["bash"])
    words = " ".join(f"'{word}'" for word in ("quince", *typed.split(" ")))
    code = f"""quince() {{ '{sys.executable}' -m quince "$@"; }}
    source {script}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
    _quince; echo "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.stdout.strip(), done.stderr) == (offered, "")


ZSH = """
zmodload zsh/zpty
zpty shell zsh -f -i
type() { zpty -w -n shell "$1"; }
until_shown() { zpty -r -m shell output "*$1*"; print -rn -- "$output"; }
type $'PS1=; autoload -U compinit; compinit -u -D; source %s; print $((40+2))ready\n'
until_shown 42ready
type $'quince() { %s -m quince "$@" }; print $((40+2))defined\n'
until_shown 42defined
type $'quince run predict --layout n\t'
until_shown nhwc
"""


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
def test_zsh_completes(quince, tmp_path: Path) -> None:
    script = tmp_path / "quince.zsh"
    script.write_text(quince("completion", "zsh").stdout)
    command = ["zsh", "-f", "-c", ZSH % (script, sys.executable)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert "nchw" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("verb", [*TRAIN.values(), *RUN.values(), *BENCH.values()])
def test_a_command_offers_its_options_and_does_not_run(
    verb: Verb, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QUINCE_COMPLETE", "-")
    with pytest.raises(SystemExit, match="0"):
        import_module(verb.module).main(["something"])
    printed = capsys.readouterr()
    assert "--help\tshow this help message and exit" in printed.out
    assert "==" not in printed.out, "as argparse marks what --help hides"
    assert not printed.err


@pytest.mark.parametrize("words", [["completion", "bash"], ["--help"], []], ids=str)
def test_closed_pipe_behind_it_is_exit_141_and_no_line(words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        done = subprocess.run(
            [sys.executable, "-m", "quince", *words],
            cwd=ROOT,
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("words", [["completion"], ["classify"], ["--surprise"]], ids=str)
def test_anything_else_is_one_line_and_exit_2(quince, words: list[str]) -> None:
    done = quince(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1


def test_module_of_the_same_name_does_the_same_without_an_installation() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "quince", "run", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: quince run ")
