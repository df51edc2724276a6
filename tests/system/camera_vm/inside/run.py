"""Runs every scenario once in the virtual machine.

The results go to /share/results/NAME.json, where the tests outside read them.
"""

import json
import sys
import time
import traceback
from pathlib import Path

import usb_frames
import vivid_command
import vivid_frames

RESULTS = Path("/share/results")
SCENARIOS = {
    "offered": vivid_frames.offered,
    "colours": vivid_frames.colours,
    "sizes": vivid_frames.sizes,
    "connections": vivid_frames.connections,
    "answers": vivid_command.answers,
    "usb_formats": usb_frames.usb_formats,
    "usb_damage": usb_frames.usb_damage,
    "usb_command": usb_frames.usb_command,
    "many_frames": vivid_command.many_frames,
}


def main() -> None:
    for name, scenario in SCENARIOS.items():
        start = time.monotonic()
        print(f"{name} ...", flush=True)
        try:
            record = {"result": scenario()}
        except Exception:
            record = {"error": traceback.format_exc()}
            print(record["error"], file=sys.stderr)
        record["seconds"] = round(time.monotonic() - start, 1)
        (RESULTS / f"{name}.json").write_text(json.dumps(record))
        print(f"{name}: {record['seconds']} s", flush=True)


if __name__ == "__main__":
    main()
