"""Runs in the virtual machine: every scenario once; what each found goes to /share/results/NAME.json, for the tests outside to judge."""

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
        began = time.monotonic()
        print(f"{name} ...", flush=True)
        try:
            told = {"found": scenario()}
        except Exception:
            told = {"error": traceback.format_exc()}
            print(told["error"], file=sys.stderr)
        told["seconds"] = round(time.monotonic() - began, 1)
        (RESULTS / f"{name}.json").write_text(json.dumps(told))
        print(f"{name}: {told['seconds']} s", flush=True)


if __name__ == "__main__":
    main()
