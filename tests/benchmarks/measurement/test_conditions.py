"""Tests what is read about the machine, and what makes figures doubtful."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.measurement.conditions import doubts_of, others_cores, read_conditions


def test_a_quiet_machine_gives_no_doubt(conditions) -> None:
    assert list(doubts_of(conditions(), conditions(at_s=60, busy_s=60, own_s=60))) == []


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        ({"governors": ("performance", "ondemand")}, "governor ondemand, not performance"),
        ({"throttled": 0x50005}, "throttled: throttled, under-voltage"),
        ({"throttled": 0x80000}, "throttled while measuring: soft temperature limit"),
        ({"swap_free_mb": 400}, "112 MB went to swap"),
    ],
    ids=lambda part: str(part)[:20],
)
def test_what_is_wrong_afterwards_is_a_doubt(conditions, changes: dict, doubt: str) -> None:
    doubts = list(doubts_of(conditions(), conditions(at_s=60, busy_s=60, own_s=60, **changes)))
    assert len(doubts) == 1
    assert doubts[0].startswith(doubt)


def test_throttling_long_before_is_no_doubt_about_this_run(conditions) -> None:
    assert list(doubts_of(conditions(throttled=0x50000), conditions(throttled=0x50000))) == []


def test_load_above_the_cores_is_a_doubt_and_at_the_cores_is_none(conditions) -> None:
    assert "load 4.1 on 4 cores" in next(doubts_of(conditions(load=4.1), conditions()))
    assert list(doubts_of(conditions(load=4.0), conditions())) == []


def test_what_others_used_is_all_that_was_used_less_ours(conditions) -> None:
    before, after = conditions(0, 100.0, 5.0), conditions(10, 125.0, 15.0)
    assert others_cores(before, after) == 1.5
    assert "other programs used 1.5 cores" in next(doubts_of(before, after))
    assert others_cores(conditions(busy_s=None), after) is None


def test_state_is_read_below_a_root(pi) -> None:
    state = read_conditions(pi(governor="ondemand", throttled="0x50005"))
    assert state.machine.board == "Raspberry Pi 5 Model B Rev 1.0"
    assert (state.machine.governors, state.machine.temperature_c, state.machine.throttled) == (
        ("ondemand",),
        67.2,
        0x50005,
    )
    assert state.power_w == pytest.approx(0.5 * 3.3 + 2.0 * 0.8), (
        "a rail with a voltage alone does not count"
    )
    assert state.versions["numpy"]


def test_what_is_not_known_is_none(tmp_path) -> None:
    state = read_conditions(tmp_path)
    assert (state.machine.board, state.machine.temperature_c, state.busy_s) == (None, None, None)
    assert state.machine.governors == ()


@pytest.mark.parametrize("amperes", ["0.0.0", "9" * 400, ".", "9" * 12])
def test_current_that_is_no_number_is_that_of_no_rail(pi, amperes: str) -> None:
    root = pi()
    program = root / "usr/bin/vcgencmd"
    program.write_text(program.read_text().replace("0.50000000A", f"{amperes}A"))
    assert read_conditions(root).power_w == pytest.approx(2.0 * 0.8)


@pytest.mark.parametrize("ticks", ["9" * 400, "9" * 5000, "-5"], ids=len)
def test_processor_time_that_cannot_be_is_not_known(pi, ticks: str) -> None:
    root = pi()
    (root / "proc/stat").write_text(f"cpu {ticks} 0 0 0 0 0 0 0 0 0\n")
    assert read_conditions(root).busy_s is None


def test_busy_loop_of_another_program_is_seen_here() -> None:
    before = read_conditions()
    loop = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    spent = 0.0
    while spent < 0.5:
        words = Path(f"/proc/{loop.pid}/stat").read_text().rpartition(")")[2].split()
        spent = int(words[11]) / os.sysconf("SC_CLK_TCK")
        time.sleep(0.02)
    after = (
        read_conditions()
    )  # the loop is not ours yet: its time counts as a child's only when it was waited for
    loop.kill()
    loop.wait()
    assert others_cores(before, after) > 0.2
