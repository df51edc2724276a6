"""Counts the answers of a camera, stream, clip or folder: python count_answers.py BUNDLE SOURCE

It reads what `quince run camera --json` prints, one line whenever the answer changes. Any language
can do the same.
"""

import json
import subprocess
import sys
from collections import Counter

command = ["quince", "run", "camera", sys.argv[1], "--source", sys.argv[2], "--json"]
counts: Counter[str] = Counter()
with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
    assert process.stdout
    for line in process.stdout:
        change = json.loads(line)
        if change["state"] == "running":
            counts[change["predicted"] or change["verdict"]] += 1
for label, count in counts.most_common():
    print(f"{label}: {count}")
