"""Tests `python -m benchmarks latency` as a user runs it, also on a bad machine."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.commands.table import main
from benchmarks.reporting.result_file import LatencyReport
from runtime.errors import InputRefused

ROOT = Path(__file__).parents[3]
INT8 = "model.int8.tflite"
SHORT = ("--threads", "1", "--min-seconds", "0", "--iterations")


def test_throttled_machine_and_its_governor_are_in_the_result_and_fail_strict(
    exported: Path, pi, tmp_path: Path, capsys
) -> None:
    root, path = pi(governor="ondemand", throttled="0x50005"), tmp_path / "a.json"
    words = ["latency", exported / INT8, *SHORT, "5", "--sysfs-root", root, "-o", path]
    assert main([str(word) for word in (*words, "--strict")]) == 3
    out, errors = capsys.readouterr()
    assert "governor ondemand" in out
    assert "0x50005: now under-voltage, throttled; since boot under-voltage, throttled" in out
    assert "temperature 67.2 °C" in out
    assert "doubt: throttled: throttled, under-voltage" in errors
    assert "doubt: governor ondemand, not performance" in errors
    report = LatencyReport.read(path)
    assert [when.machine.throttled for when in (report.before, report.after)] == [0x50005, 0x50005]
    measurement = report.measurements[0]
    assert measurement.power_w == pytest.approx(3.25), "read while it ran, from the power chip"
    assert measurement.energy_mj == pytest.approx(3.25 * measurement.summary.mean_ms)


def test_more_threads_than_cores_are_reported_and_not_used(
    exported: Path, tmp_path: Path, capsys
) -> None:
    cores = len(os.sched_getaffinity(0))
    words = [
        "latency",
        exported / INT8,
        "--threads",
        "1000,2000",
        "--iterations",
        "3",
        "--min-seconds",
        "0",
        "-o",
        tmp_path / "a.json",
    ]
    assert main([str(word) for word in words]) == 0
    assert (
        f"1000, 2000 threads were asked for, {cores} cores are allowed: measured with {cores}"
        in capsys.readouterr().err
    )
    assert [
        measurement.threads for measurement in LatencyReport.read(tmp_path / "a.json").measurements
    ] == [cores]


def test_one_sample_claims_no_p95(exported: Path, capsys) -> None:
    assert main(["latency", str(exported / INT8), *SHORT, "1"]) == 0
    out, errors = capsys.readouterr()
    assert "; 1 sample, " in out
    assert "p95" not in out
    assert "1 sample; p99 needs 100" in errors


def test_memory_stages_and_cold_start_are_apart(measured: Path, fits_schema) -> None:
    fits_schema("bench latency", json.loads(measured.read_text()))
    for measurement in LatencyReport.read(measured).measurements:
        assert measurement.stages is not None
        assert measurement.memory is not None
        assert all(value > 0 for value in measurement.stages.medians().values())
        assert measurement.memory.bare_bytes < 30_000_000 < measurement.memory.peak_bytes
        for start in measurement.cold_starts:
            assert start.import_ms > measurement.stages.medians()["invoke"]
            assert start.load_ms > 0 < start.first_ms


@pytest.mark.parametrize(
    "words",
    [
        ["latency"],
        ["latency", "b", "--iterations", "0"],
        ["latency", "b", "--threads", "0"],
        ["latency", "b", "--threads", "1,"],
        ["latency", "b", "--min-seconds", "nan"],
        ["compare", "a.json"],
        ["soak", "b", "--minutes", "x"],
        ["measure"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_one_line_and_exit_2(words: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as leaving:
        main(words)
    assert leaving.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["missing"], "python -m benchmarks: missing: no such file"),
        (["bundle", "missing.onnx"], "missing.onnx: no such file"),
        (["bundle", "--artifact", "model.int8.tflit"], "did you mean 'model.int8.tflite'"),
        (
            ["bundle", "--interleave", "--threads", "1,2"],
            "expected two model files and one number of threads",
        ),
        (
            ["bundle", "--min-seconds", "9", "--max-seconds", "1"],
            "max_seconds of at least min_seconds",
        ),
        (
            ["bundle", "-o", "bundle/manifest.json"],
            "exists already; replace it with --overwrite",
        ),
        (["bundle", "-o", "bundle/manifest.json/a.json"], "manifest.json is a file"),
        (["bundle", "-o", "bundle", "--overwrite"], "it is a folder"),
        (["bundle", "--images", "bundle/manifest.json"], "holds no readable image"),
    ],
    ids=lambda part: " ".join(part)[:40] if isinstance(part, list) else "",
)
def test_input_that_cannot_be_used_is_refused(
    bundle: Path, run_cli, words: list[str], said: str
) -> None:
    done = run_cli("benchmarks", "latency", *words, cwd=bundle.parent)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.splitlines()[-1].startswith("python -m benchmarks: ")
    assert said in done.stderr


def test_damaged_model_is_refused_in_one_line_and_not_a_traceback_of_the_measuring_process(
    bundle: Path, run_cli
) -> None:
    content = (bundle / INT8).read_bytes()
    (bundle / INT8).write_bytes(content[:4096] + bytes(4096) + content[8192:])
    done = run_cli("benchmarks", "latency", bundle, "--artifact", INT8)
    assert done.returncode == 2
    assert "sha256 differs" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_interrupted_it_leaves_the_old_result_whole_and_no_process(
    exported: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    path.write_text("the old one")
    words = [
        "latency",
        exported / INT8,
        "--threads",
        "1",
        "--min-seconds",
        "100",
        "-o",
        path,
        "--overwrite",
    ]
    running = subprocess.Popen(
        [sys.executable, "-m", "benchmarks", *map(str, words)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        text=True,
    )
    deadline = time.monotonic() + 60
    while not (children := _children(running.pid)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert children, "it has to be stopped in the middle"
    running.send_signal(signal.SIGINT)
    out, errors = running.communicate(timeout=60)
    assert (running.returncode, out) == (130, "")
    assert errors.splitlines()[-1] == "python -m benchmarks: interrupted"
    assert path.read_text() == "the old one"
    assert list(tmp_path.iterdir()) == [path]
    deadline = time.monotonic() + 20
    while (
        any(Path(f"/proc/{child}").exists() for child in children) and time.monotonic() < deadline
    ):
        time.sleep(0.05)
    assert not any(Path(f"/proc/{child}").exists() for child in children), "it ends with its parent"


def _children(process: int) -> list[int]:
    return [
        int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()
    ]


def test_result_is_kept_where_nobody_reads_what_is_printed(exported: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    words = [
        sys.executable,
        "-m",
        "benchmarks",
        "latency",
        exported / INT8,
        *SHORT,
        "3",
        "-o",
        path,
    ]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            list(map(str, words)), stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
    assert done.returncode == 4
    assert "standard output: No space left on device" in done.stderr
    assert LatencyReport.read(path).measurements[0].summary.count == 3


def test_pipe_or_device_is_not_replaced_by_the_result(exported: Path, tmp_path: Path) -> None:
    """As root, -o /dev/null --overwrite made a file of it."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputRefused, match="it is a device, pipe or socket"):
        main(["latency", str(exported), "-o", str(tmp_path / "pipe"), "--overwrite"])
    assert (tmp_path / "pipe").is_fifo()


def test_pair_alternates_two_models_and_prints_their_ratio(
    exported: Path, tmp_path: Path, capsys
) -> None:
    path = tmp_path / "pair.json"
    assert main(["latency", str(exported), "--interleave", *SHORT, "30", "-o", str(path)]) == 0
    assert "model.int8.tflite against model.fp32.onnx: " in capsys.readouterr().out
    report = LatencyReport.read(path)
    assert report.pair_loads == (3,) * 12
    assert [len(measurement.samples_ms) for measurement in report.measurements] == [36, 36]
    assert [measurement.artifact for measurement in report.measurements] == [
        "model.fp32.onnx",
        "model.int8.tflite",
    ]


def test_results_of_two_machines_are_not_compared(measured: Path, tmp_path: Path, run_cli) -> None:
    data = json.loads(measured.read_text())
    data["before"]["machine"]["cpu_model"] = "Cortex-A72"
    (tmp_path / "pi.json").write_text(json.dumps(data))
    done = run_cli("benchmarks", "compare", measured, tmp_path / "pi.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert "cannot be compared: processor '" in done.stderr
    assert "'Cortex-A72'" in done.stderr


def test_slowdown_is_exit_3(measured: Path, tmp_path: Path, capsys, fits_schema) -> None:
    data = json.loads(measured.read_text())
    for measurement in data["measurements"]:
        measurement["samples_ms"] = [2 * ms for ms in measurement["samples_ms"]]
    (tmp_path / "slow.json").write_text(json.dumps(data))
    slow = str(tmp_path / "slow.json")
    assert main(["compare", str(measured), slow, "--max-slowdown", "0.05", "--json"]) == 3
    out, errors = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    for row in rows:
        fits_schema("bench compare", row)
    assert [row["ratio"] for row in rows] == pytest.approx([2, 2], rel=1e-3)
    assert "slower by 100.0%, more than 5.0%" in errors
    assert main(["compare", slow, str(measured), "--max-slowdown", "0.05"]) == 0


@pytest.mark.parametrize(
    "words",
    [[], ["latency"], ["compare"], ["accuracy"], ["report"], ["recommend"], ["soak"], ["claims"]],
    ids=str,
)
def test_help_is_there(words: list[str], capsys) -> None:
    with pytest.raises(SystemExit) as leaving:
        main([*words, "--help"])
    assert leaving.value.code == 0
    assert capsys.readouterr().out.startswith("usage: python -m benchmarks")


def test_external_model_is_measured_with_the_options_that_describe_it(
    exported: Path, tmp_path: Path, capsys
) -> None:
    content = (exported / INT8).read_bytes()
    (tmp_path / "other.tflite").write_bytes(content[: content.index(b"PK\x03\x04")])
    (tmp_path / "labels.txt").write_text("mono\npoly\n")
    words = ["latency", str(tmp_path / "other.tflite"), *SHORT, "3"]
    with pytest.raises(InputRefused, match="labels"):
        main(words)
    assert main([*words, "--labels", str(tmp_path / "labels.txt")]) == 0
    out = capsys.readouterr().out
    assert "other.tflite, LiteRT" in out
    assert "with random pixels, because there is no image" in out
