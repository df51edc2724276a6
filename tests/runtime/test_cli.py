"""runtime.cli and python -m runtime: the exit codes, one line an error, and the terminal, pipes and signals around it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime import cli

ROOT = Path(__file__).parents[2]
BUFFERED = {"PYTHONUNBUFFERED": ""}
INT8, FP32 = "model.int8.tflite", "model.fp32.onnx"
Edit = Callable[[Path, Callable[[dict], object]], None]
MakeModel = Callable[..., Path]


def shell(line: str, *arguments: Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """A line of bash, in which $RUN is `python -m runtime`; its pipes' exit codes are in $codes."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RUN": f"{sys.executable} -m runtime", **BUFFERED, **variables}
    return subprocess.run(["bash", "-c", line, "bash", *arguments], capture_output=True, env=environment, timeout=60)


# the outcome of a main function is the exit code


def leave(body: str) -> subprocess.CompletedProcess[str]:
    code = f"from runtime import cli\nfrom runtime.errors import *\ndef main(arguments):\n    {body}\ncli.run('prog', main, [])"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(
    ("body", "code", "line"),
    [
        ("return 0", 0, ""),
        ("return 3", 3, ""),
        ("raise InputRefused('a.jpg', 'empty')", 2, "prog: a.jpg: empty\n"),
        ("raise PictureRefused('a.jpg', 'empty')", 2, "prog: a.jpg: empty\n"),
        ("raise CheckFailed('a', 'b')", 3, "prog: a: b\n"),
        ("raise MachineError('a', 'b')", 4, "prog: a: b\n"),
        ("raise MemoryError", 4, "prog: memory: not enough for this input\n"),
        (
            "raise ImportError('a.so: failed to map segment from shared object')",
            4,
            "prog: memory: not enough to load a library: a.so: failed to map segment from shared object\n",
        ),
        ("raise KeyboardInterrupt", 130, "prog: interrupted\n"),
        ("raise BrokenPipeError(32, 'Broken pipe')", 141, ""),
        ("raise InputRefused('a\\nb\\x1b[31m', 'c\\r')", 2, "prog: a\\nb\\x1b[31m: c\\r\n"),
    ],
)
def test_outcome_is_an_exit_code_and_at_most_one_line(body: str, code: int, line: str) -> None:
    done = leave(body)
    assert (done.returncode, done.stderr, done.stdout) == (code, line, "")


@pytest.mark.parametrize("body", ["1 / 0", "open('/nowhere/at/all')", "import no_such_module"])
def test_bug_shows_its_traceback_and_exits_1(body: str) -> None:
    done = leave(body)
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")


def test_printable_escapes_what_moves_the_cursor_and_what_is_not_text() -> None:
    assert cli.printable("café 猫 a b") == "café 猫 a b"
    assert cli.printable("a\nb\x1b[31m\u202e\udce9\0") == r"a\nb\x1b[31m\u202e\udce9\x00"


# help, version, usage


@pytest.mark.parametrize("words", [["--help"], ["predict", "--help"], ["verify", "--help"], ["--version"]], ids=" ".join)
def test_help_and_version_go_to_stdout(run_cli, words: list[str]) -> None:
    done = run_cli("runtime", *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("quince " if words == ["--version"] else "usage: python -m runtime")


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


def test_good_pictures_are_answered_and_bad_ones_named(exported: Path, photo: Path, tmp_path: Path, run_cli, with_oddities) -> None:
    folder = with_oddities(tmp_path / "pictures")
    shutil.copy(photo, folder / "a good one.png")
    shutil.copy(photo, folder / "z.png")
    done = run_cli("runtime", "predict", exported, folder)
    assert done.returncode == 2, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all(re.search(r"\.png: (\w+) 0\.\d{3}, (\w+) 0\.\d{3}$", line) for line in lines)
    errors = done.stderr.splitlines()
    assert errors[-1] == "python -m runtime: refused 10 of 12 files"
    assert len(errors) == 11
    reasons = {
        "fifo.jpg": "not a regular file",
        "zero.jpg": "not a regular file",
        "loop.jpg": "Too many levels",
        "dangling.jpg": "No such file",
        "sparse.jpg": "8589934592 bytes",
        "empty.jpg": "empty file",
        "text.jpg": "not a picture",
        r"line\nbreak\x1b[31m.jpg": "not a picture",
        r"latin-\udce9.jpg": "not a picture",
        "nnn.jpg": "not a picture",
    }
    for name, reason in reasons.items():
        assert sum(f"{name}: {reason}" in line for line in errors) == 1, name
    assert "\x1b" not in done.stderr


def test_json_is_one_valid_object_a_picture_for_any_name(exported: Path, photo: Path, tmp_path: Path) -> None:
    given = [b"caf\xc3\xa9.png", b"latin-\xe9.png", b"line\nbreak.png", b'quo"te.png', b"\x1b[31m.png", b"n" * 251 + b".png"]
    for name in given:
        shutil.copy(photo, os.fsencode(tmp_path) + b"/" + name)
    done = subprocess.run(
        [sys.executable, "-m", "runtime", "predict", exported, ".", "--json", "--top", "1"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    answers = [json.loads(line) for line in done.stdout.decode("utf-8").splitlines()]
    assert len(answers) == len(given)
    assert all(answer["schema"] == 1 and len(answer["predictions"]) == 1 for answer in answers)
    assert all(answer["picture"].isprintable() for answer in answers), "no terminal codes, no half characters"
    recovered = {re.sub(r"\\(n|x..|udc..)", _raw, answer["picture"]) for answer in answers}
    assert recovered == {os.fsdecode(name) for name in given}


def _raw(escape: re.Match[str]) -> str:
    return json.loads('"' + escape[0].replace("\\x", "\\u00") + '"')


def test_missing_picture_is_named_and_the_others_are_answered(exported: Path, photo: Path, run_cli) -> None:
    done = run_cli("runtime", "predict", exported, "missing.jpg", "n" * 300, photo)
    assert done.returncode == 2
    assert len(done.stdout.splitlines()) == 1
    assert "python -m runtime: missing.jpg: No such file or directory" in done.stderr
    assert "Traceback" not in done.stderr


def damage_manifest(bundle: Path, edit_json: Edit) -> None:
    edit_json(bundle / "manifest.json", lambda data: data["artifacts"][0].update(file="../x.tflite"))


def add_a_label(bundle: Path, edit_json: Edit) -> None:
    edit_json(bundle / "manifest.json", lambda data: data["labels"].append("third"))


def drop_the_labels(bundle: Path, edit_json: Edit) -> None:
    edit_json(bundle / "manifest.json", lambda data: data.pop("labels"))


def flip_a_bit(bundle: Path, edit_json: Edit) -> None:
    content = bytearray((bundle / INT8).read_bytes())
    content[5000] ^= 4
    (bundle / INT8).write_bytes(content)


def zero_a_page(bundle: Path, edit_json: Edit) -> None:
    content = (bundle / INT8).read_bytes()
    (bundle / INT8).write_bytes(content[:4096] + bytes(4096) + content[8192:])


def remove_the_model(bundle: Path, edit_json: Edit) -> None:
    (bundle / INT8).unlink()


def remove_the_manifest(bundle: Path, edit_json: Edit) -> None:
    (bundle / "manifest.json").unlink()


def cut_the_golden_samples(bundle: Path, edit_json: Edit) -> None:
    path = bundle / "golden/golden.json"
    path.write_text(path.read_text()[:700])


BUNDLE_FAULTS = [
    (damage_manifest, ["manifest.json", "plain file name", "../x.tflite"]),
    (add_a_label, [INT8, "2 outputs", "3 labels"]),
    (drop_the_labels, ["manifest.json", "labels"]),
    (flip_a_bit, [INT8, "sha256"]),
    (zero_a_page, [INT8, "sha256"]),
    (remove_the_model, [INT8, "no such file"]),
    (remove_the_manifest, ["no manifest.json"]),
]


@pytest.mark.parametrize(("damage", "words"), BUNDLE_FAULTS, ids=lambda part: getattr(part, "__name__", ""))
def test_damaged_bundle_is_refused_by_predict(
    bundle: Path, photo: Path, run_cli, refuses, edit_json: Edit, damage, words: list[str]
) -> None:
    damage(bundle, edit_json)
    done = run_cli("runtime", "predict", bundle, photo)
    refuses(done, 2, *words)
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("damage", "words"),
    [(flip_a_bit, [INT8, "sha256"]), (cut_the_golden_samples, ["golden.json", "not valid JSON"])],
    ids=["model", "golden"],
)
def test_damaged_bundle_is_refused_by_verify(bundle: Path, run_cli, refuses, edit_json: Edit, damage, words: list[str]) -> None:
    damage(bundle, edit_json)
    refuses(run_cli("runtime", "verify", bundle, "--artifact", INT8), 2, *words)


@pytest.mark.parametrize("name", ["cut.tflite", "page.tflite", "html.onnx", "cut.onnx", "missing.onnx", "photo.tflite", "photo.png"])
def test_model_file_that_is_none_is_refused(exported: Path, photo: Path, tmp_path: Path, run_cli, refuses, name: str) -> None:
    tflite, onnx = (exported / INT8).read_bytes(), (exported / FP32).read_bytes()
    files = {
        "cut.tflite": tflite[: len(tflite) // 2],
        "page.tflite": b"\0" * 4096 + tflite[4096:],
        "html.onnx": b"<!DOCTYPE html>",
        "cut.onnx": onnx[: len(onnx) // 2],
        "photo.tflite": photo.read_bytes(),
        "photo.png": photo.read_bytes(),
    }
    if name in files:
        (tmp_path / name).write_bytes(files[name])
    refuses(run_cli("runtime", "predict", tmp_path / name, photo), 2, name)


def test_model_that_answers_nan_is_exit_3(onnx_model: MakeModel, photo: Path, run_cli, refuses) -> None:
    done = run_cli("runtime", "predict", onnx_model(factor=float("nan")), photo)
    refuses(done, 3, "small.onnx", "NaN")
    assert done.stdout == ""


# verify


def test_verify_reports_each_artifact_as_json(exported: Path, run_cli) -> None:
    done = run_cli("runtime", "verify", exported, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [result["artifact"] for result in results] == [FP32, INT8]
    assert all(result["passed"] and result["stage"] == "" and result["schema"] == 1 for result in results)


@pytest.mark.parametrize("field", ["sha256", "decoded_sha256", "pixels_sha256"])
def test_verify_that_fails_names_the_stage_and_the_picture_with_exit_3(bundle: Path, run_cli, edit_json: Edit, field: str) -> None:
    stage = {"sha256": "file", "decoded_sha256": "decode", "pixels_sha256": "resize"}[field]
    edit_json(bundle / "golden/golden.json", lambda data: data["samples"][0].update({field: "0" * 64}))
    done = run_cli("runtime", "verify", bundle)
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.count(f"DIFFERS at the stage '{stage}' on 1: 00-") == 2


def test_verify_of_an_artifact_that_is_not_there_is_refused(exported: Path, run_cli, refuses) -> None:
    refuses(run_cli("runtime", "verify", exported, "--artifact", "model.fp16.onnx"), 2, "has no artifact model.fp16.onnx")


# pipes, terminals, environment, signals


@pytest.mark.parametrize("command", ["predict $1 $2 $2 $2 $2", "verify $1", "--help", "predict --help"])
def test_closed_pipe_ends_it_quietly(exported: Path, photo: Path, command: str) -> None:
    done = shell(f"$RUN {command} | head -c 1 > /dev/null; echo ${{PIPESTATUS[0]}}", exported, photo)
    assert done.stderr == b""
    assert int(done.stdout) in (0, 141)


@pytest.mark.parametrize("command", ["predict $1 $2", "predict $1 $2 --json", "verify $1", "--help"])
def test_full_disk_behind_stdout_is_exit_4_and_one_line(exported: Path, photo: Path, command: str) -> None:
    done = shell(f"$RUN {command} > /dev/full", exported, photo)
    assert (done.returncode, done.stderr) == (4, b"python -m runtime: standard output: No space left on device\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_change_nothing_else(exported: Path, photo: Path, closed: str) -> None:
    done = shell(f"$RUN predict $1 $2 {closed}", exported, photo)
    assert (done.returncode, done.stderr) == (0, b"")
    assert bool(done.stdout) == (">&-" not in closed.replace("2>&-", ""))
    refused = shell(f"$RUN predict $1 missing.jpg {closed}", exported)
    assert refused.returncode == 2
    assert refused.stdout == b""


def test_bare_environment_and_ascii_terminal_work(exported: Path, photo: Path, tmp_path: Path) -> None:
    name = "caf\u00e9 猫.png"
    shutil.copy(photo, tmp_path / name)
    for variables in ({}, {"LANG": "C", "PYTHONIOENCODING": "ascii"}, {"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}):
        done = subprocess.run(
            [sys.executable, "-m", "runtime", "predict", exported, tmp_path / name],
            cwd=ROOT,
            env=variables,
            capture_output=True,
            timeout=60,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert done.stdout.count(b"\n") == 1


@pytest.mark.parametrize(
    ("number", "code", "line"),
    [(signal.SIGINT, 130, b"python -m runtime: interrupted\n"), (signal.SIGTERM, 143, b""), (signal.SIGHUP, 129, b"")],
)
@pytest.mark.parametrize("file", [INT8, FP32])
def test_signal_in_the_middle_ends_it_with_a_whole_last_line(
    exported: Path, photo: Path, tmp_path: Path, file: str, number: int, code: int, line: bytes
) -> None:
    for index in range(5000):
        (tmp_path / f"{index}.png").symlink_to(photo)
    running = subprocess.Popen(
        [sys.executable, "-m", "runtime", "predict", exported / file, tmp_path],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: (signal.signal(signal.SIGINT, signal.default_int_handler), signal.signal(signal.SIGHUP, signal.SIG_DFL)),
    )
    assert running.stdout is not None
    assert running.stdout.readline()
    running.send_signal(number)
    out, errors = running.communicate(timeout=10)
    assert (running.returncode, errors) == (code, line)
    assert out.count(b"\n") < 4999, "it was to be stopped in the middle"
    assert out == b"" or out.endswith(b"\n")


def test_predict_refuses_a_folder_without_files(exported: Path, tmp_path: Path, run_cli) -> None:
    (tmp_path / "empty").mkdir()
    done = run_cli("runtime", "predict", exported, tmp_path / "empty")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [f"python -m runtime: {tmp_path / 'empty'}: holds no files"]
