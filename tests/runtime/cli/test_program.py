"""Tests the exit codes of runtime.cli.program and `python -m runtime`, and one line per error."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.cli.output import JSON_SCHEMA
from runtime.system.terminal import escape_control_chars

ROOT = Path(__file__).parents[3]


# the outcome of a main function is the exit code


def run_main(body: str) -> subprocess.CompletedProcess[str]:
    code = (
        "from runtime.cli.program import run_program\nfrom runtime.errors import *\n"
        f"def main(arguments):\n    {body}\nrun_program('prog', main, [])"
    )
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    ("body", "code", "line"),
    [
        ("return 0", 0, ""),
        ("return 3", 3, ""),
        ("raise InputRefused('a.jpg', 'empty')", 2, "prog: a.jpg: empty\n"),
        ("raise ImageRefused('a.jpg', 'empty')", 2, "prog: a.jpg: empty\n"),
        ("raise CheckFailed('a', 'b')", 3, "prog: a: b\n"),
        ("raise MachineError('a', 'b')", 4, "prog: a: b\n"),
        ("raise MemoryError", 4, "prog: memory: not enough for this input\n"),
        (
            "raise RuntimeError('Resource temporarily unavailable')",
            4,
            "prog: memory: not enough for this input\n",
        ),
        (
            "raise ImportError('a.so: failed to map segment from shared object')",
            4,
            "prog: memory: too little is left to load a library; raise the limit\n",
        ),
        ("raise KeyboardInterrupt", 130, "prog: interrupted\n"),
        ("raise BrokenPipeError(32, 'Broken pipe')", 141, ""),
        ("raise InputRefused('a\\nb\\x1b[31m', 'c\\r')", 2, "prog: a\\nb\\x1b[31m: c\\r\n"),
    ],
)
def test_outcome_is_an_exit_code_and_at_most_one_line(body: str, code: int, line: str) -> None:
    done = run_main(body)
    assert (done.returncode, done.stderr, done.stdout) == (code, line, "")


@pytest.mark.parametrize("body", ["1 / 0", "open('/nowhere/at/all')", "import no_such_module"])
def test_bug_shows_its_traceback_and_exits_1(body: str) -> None:
    done = run_main(body)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")


def test_control_characters_and_undecodable_bytes_are_escaped() -> None:
    assert escape_control_chars("café 猫 a b") == "café 猫 a b"
    assert escape_control_chars("a\nb\x1b[31m\u202e\udce9\0") == r"a\nb\x1b[31m\u202e\udce9\x00"


def test_names_that_differ_print_differently_and_can_be_recovered() -> None:
    names = ["a\nb", r"a\nb", r"a\\nb", "a\\\nb", "\\", r"\udce9", "\udce9", "\U000e0001"]
    printed = [escape_control_chars(name) for name in names]
    assert len(set(printed)) == len(names)
    for name, text in zip(names, printed, strict=True):
        assert text.isprintable()
        assert text.encode("latin-1", "backslashreplace").decode("unicode_escape") == name


def test_refusal_is_one_object_for_a_program_that_reads_json(
    exported: Path, run_cli, tmp_path: Path
) -> None:
    for command, code in (
        (("runtime", "predict", exported, tmp_path), 2),
        (("runtime", "info", tmp_path), 2),
        (("train", "check", tmp_path / "none"), 2),
    ):
        done = run_cli(*command, "--json")
        (line,) = done.stdout.splitlines()
        error = json.loads(line)["error"]
        assert (done.returncode, error["exit_code"]) == (code, code)
        assert done.stderr.endswith(f": {error['thing']}: {error['reason']}\n")
        assert run_cli(*command).stdout == ""


@pytest.mark.parametrize(
    "words",
    [
        ("runtime", "predict", "--json"),
        ("runtime", "--json", "predictt"),
        ("runtime", "info", "x", "y", "--json"),
        ("train", "check", "x", "--input-size", "x", "--json"),
        ("export", "--json"),
        ("benchmarks", "compare", "--json"),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_one_object_too(run_cli, words: tuple[str, ...]) -> None:
    done = run_cli(*words)
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["error"]["exit_code"] == done.returncode == 2
    assert json.loads(line)["error"]["reason"] in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("runtime", "predict", "MODEL", ""),
        ("runtime", "predict", "", "x.jpg"),
        ("runtime", "info", ""),
        ("runtime", "camera", "MODEL", "--source", ""),
        ("train", "check", ""),
        ("train", "", "-o", "run"),
        ("export", "tflite", "MODEL", "-o", ""),
    ],
)
def test_empty_name_is_refused_and_never_means_this_folder(
    run_cli, exported: Path, arguments: tuple[str, ...]
) -> None:
    done = run_cli(*(exported if word == "MODEL" else word for word in arguments), cwd=exported)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.splitlines()) == 1
    assert "empty" in done.stderr


# help, version, usage


@pytest.mark.parametrize(
    "words", [["--help"], ["predict", "--help"], ["verify", "--help"], ["--version"]], ids=" ".join
)
def test_help_and_version_go_to_stdout(run_cli, words: list[str]) -> None:
    done = run_cli("runtime", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(
        "quince " if words == ["--version"] else "usage: python -m runtime"
    )


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["classify"],
        ["predict"],
        ["predict", "bundle"],
        ["predict", "bundle", "x.jpg", "--to", "1"],
        ["predict", "bundle", "x.jpg", "--top", "0"],
        ["predict", "bundle", "x.jpg", "--top", "1e9"],
        ["predict", "bundle", "x.jpg", "--top", "9" * 5000],
        ["predict", "bundle", "x.jpg", "--threads", "-1"],
        ["verify"],
        ["verify", "bundle", "x"],
    ],
    ids=lambda words: " ".join(words)[:40] or "nothing",
)
def test_wrong_usage_is_one_line_and_exit_2(run_cli, refuses, words: list[str]) -> None:
    done = run_cli("runtime", *words)
    refuses(done, 2, "--help)")
    assert done.stdout == ""


# predict


def test_good_images_are_answered_and_bad_ones_named(
    exported: Path, photo: Path, tmp_path: Path, run_cli, with_oddities
) -> None:
    folder = with_oddities(tmp_path / "images")
    shutil.copy(photo, folder / "a good one.png")
    shutil.copy(photo, folder / "z.png")
    done = run_cli("runtime", "predict", exported, folder)
    assert done.returncode == 2, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all(re.search(r"\.png: (\w+) 0\.\d{3}, (\w+) 0\.\d{3}$", line) for line in lines)
    errors = done.stderr.splitlines()
    assert errors[-1] == "python -m runtime: refused 10 of 12 files"
    assert len(errors) == 12
    assert "1 left out: hidden" in errors[-2]  # a link to the folder itself
    reasons = {
        "fifo.jpg": "not a regular file",
        "zero.jpg": "not a regular file",
        "loop.jpg": "Too many levels",
        "dangling.jpg": "No such file",
        "sparse.jpg": "8589934592 bytes",
        "empty.jpg": "empty file",
        "text.jpg": "not an image",
        r"line\nbreak\x1b[31m.jpg": "not an image",
        r"latin-\udce9.jpg": "not an image",
        "nnn.jpg": "not an image",
    }
    for name, reason in reasons.items():
        assert sum(f"{name}: {reason}" in line for line in errors) == 1, name
    assert "\x1b" not in done.stderr


def test_json_is_one_valid_object_an_image_for_any_name(
    exported: Path, photo: Path, tmp_path: Path
) -> None:
    names = [
        b"caf\xc3\xa9.png",
        b"latin-\xe9.png",
        b"line\nbreak.png",
        b'quo"te.png',
        b"\x1b[31m.png",
        b"n" * 251 + b".png",
    ]
    for name in names:
        shutil.copy(photo, os.fsencode(tmp_path) + b"/" + name)
    done = subprocess.run(
        [sys.executable, "-m", "runtime", "predict", exported, ".", "--json", "--top", "1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    answers = [json.loads(line) for line in done.stdout.decode("utf-8").splitlines()]
    assert len(answers) == len(names)
    assert all(
        answer["schema"] == JSON_SCHEMA and len(answer["predictions"]) == 1 for answer in answers
    )
    assert all(answer["image"].isprintable() for answer in answers), (
        "no terminal codes, no half characters"
    )
    recovered = {re.sub(r"\\(n|x..|udc..)", _raw, answer["image"]) for answer in answers}
    assert recovered == {os.fsdecode(name) for name in names}


def _raw(escape: re.Match[str]) -> str:
    return json.loads('"' + escape[0].replace("\\x", "\\u00") + '"')


def test_missing_image_is_named_and_the_others_are_answered(
    exported: Path, photo: Path, run_cli
) -> None:
    done = run_cli("runtime", "predict", exported, "missing.jpg", "n" * 300, photo)
    assert done.returncode == 2
    assert len(done.stdout.splitlines()) == 1
    assert "python -m runtime: missing.jpg: No such file or directory" in done.stderr
    assert "Traceback" not in done.stderr


def test_predict_refuses_a_folder_without_files(exported: Path, tmp_path: Path, run_cli) -> None:
    (tmp_path / "empty").mkdir()
    done = run_cli("runtime", "predict", exported, tmp_path / "empty")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [f"python -m runtime: {tmp_path / 'empty'}: holds no files"]
