"""`python -m runtime camera BUNDLE --source camera:0` on the virtual camera."""

import subprocess
import sys
import time

import vivid
from command import BUNDLE, Watching
from vivid import until

PATTERNS = {"red": vivid.RED, "blue": vivid.BLUE, "bars": vivid.BARS, "green": vivid.GREEN, "black": vivid.BLACK}
FRAMES = 2000
LONGEST_S = 400.0


def answers() -> dict[str, object]:
    """The answer for each pattern and what the page has of it; then a second opener, the camera pulled out and put back, and the end."""
    found: dict[str, object] = {"labels": {}, "page": {}}
    vivid.show(vivid.BLACK)
    watching = Watching()
    watching.line(0, label="black", seconds=120)
    for label, pattern in PATTERNS.items():
        after = len(watching.lines)
        vivid.show(pattern)
        found["labels"][label] = watching.line(after, label=label)
        state = until(lambda label=label: (told := watching.state())["label"] == label and told, 30, f"{label} on the page")
        found["page"][label] = {"state": state, "bars": vivid.bars(watching.picture())}
    found["busy"] = _second_opener()
    found["still"] = watching.state()
    found["lost"] = _out_and_in(watching)
    found["end"] = watching.end()
    found["free"] = vivid.one_frame().size
    return found


def _second_opener() -> dict[str, object]:
    command = [sys.executable, "-m", "runtime", "camera", BUNDLE, "--source", "camera:0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return {"code": done.returncode, "stdout": done.stdout, "stderr": done.stderr}


def _out_and_in(watching: Watching) -> dict[str, object]:
    after = len(watching.lines)
    began = time.monotonic()
    vivid.unplug()
    line = watching.line(after, state="lost")
    seconds = time.monotonic() - began
    page = until(lambda: (told := watching.state())["state"] == "lost" and told, 30, "lost on the page")
    said = watching.error("lost: ")
    held = watching.held(vivid.DEVICE)
    vivid.plug()
    vivid.show(vivid.RED)
    again = watching.line(after + 1, label="red", seconds=90)
    back = watching.error(": back after")
    return {"seconds": seconds, "line": line, "said": said, "page": page, "held": held, "back": back, "again": again}


def many_frames() -> dict[str, object]:
    """Memory and open files of the command while it classifies 2,000 frames, or as many as it can in 400 s."""
    vivid.show(vivid.BARS)
    watching = Watching()
    watching.line(0, label="bars", seconds=120)
    began, samples = time.monotonic(), []
    while time.monotonic() - began < LONGEST_S:
        state = watching.state()
        frames = state["number"]
        samples.append(
            {
                "frames": frames,
                "fps": state["fps"],
                "latency_ms": state["latency_ms"],
                "resident_kb": watching.resident_kb(),
                "files": watching.files(),
            }
        )
        if frames >= FRAMES:
            break
        time.sleep(5)
    seconds = time.monotonic() - began
    return {"samples": samples, "seconds": seconds, "end": watching.end()}
