"""Runs `python -m runtime camera BUNDLE --source camera:0` on the virtual camera."""

import subprocess
import sys
import time

import vivid
from command import BUNDLE, RunningCommand
from vivid import wait_for

PATTERNS = {
    "red": vivid.RED,
    "blue": vivid.BLUE,
    "bars": vivid.BARS,
    "green": vivid.GREEN,
    "black": vivid.BLACK,
}
FRAMES = 2000
MAX_SECONDS = 400.0


def answers() -> dict[str, object]:
    """Returns answer and page for each pattern, then the results of faults.

    The faults are a second opener, the camera pulled out and plugged in again, and the end.
    """
    result: dict[str, object] = {"labels": {}, "page": {}}
    vivid.show(vivid.BLACK)
    command = RunningCommand()
    command.line(0, predicted="black", seconds=120)
    for label, pattern in PATTERNS.items():
        after = len(command.lines)
        vivid.show(pattern)
        result["labels"][label] = command.line(after, predicted=label)
        state = wait_for(
            lambda label=label: (state := command.state())["predicted"] == label and state,
            30,
            f"{label} on the page",
        )
        result["page"][label] = {"state": state, "bars": vivid.bars(command.image())}
    result["busy"] = _second_opener()
    result["state_after_busy"] = command.state()
    result["lost"] = _pull_out_and_plug_in(command)
    result["end"] = command.end()
    result["size_after_end"] = vivid.one_frame().size
    return result


def _second_opener() -> dict[str, object]:
    command = [sys.executable, "-m", "runtime", "camera", BUNDLE, "--source", "camera:0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return {"code": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


def _pull_out_and_plug_in(command: RunningCommand) -> dict[str, object]:
    after = len(command.lines)
    start = time.monotonic()
    vivid.unplug()
    line = command.line(after, state="lost")
    seconds = time.monotonic() - start
    page = wait_for(
        lambda: (state := command.state())["state"] == "lost" and state, 30, "lost on the page"
    )
    lost_line = command.error("lost: ")
    held = command.uses(vivid.DEVICE)
    vivid.plug()
    vivid.show(vivid.RED)
    line_after_return = command.line(after + 1, predicted="red", seconds=90)
    back_line = command.error(": back after")
    return {
        "seconds": seconds,
        "line": line,
        "lost_line": lost_line,
        "page": page,
        "held": held,
        "back_line": back_line,
        "line_after_return": line_after_return,
    }


def many_frames() -> dict[str, object]:
    """Measures memory and open files of the command over 2,000 frames, or for 400 s."""
    vivid.show(vivid.BARS)
    command = RunningCommand()
    command.line(0, predicted="bars", seconds=120)
    start, samples = time.monotonic(), []
    while time.monotonic() - start < MAX_SECONDS:
        state = command.state()
        frames = state["number"]
        samples.append(
            {
                "frames": frames,
                "fps": state["fps"],
                "latency_ms": state["latency_ms"],
                "resident_kb": command.resident_kb(),
                "files": command.files(),
            }
        )
        if frames >= FRAMES:
            break
        time.sleep(5)
    seconds = time.monotonic() - start
    return {"samples": samples, "seconds": seconds, "end": command.end()}
