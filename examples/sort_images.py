"""Sorts a folder of images by class: python sort_images.py BUNDLE FOLDER DESTINATION

Images without a clear class go to DESTINATION/unknown or DESTINATION/unsure: label those by hand
and train again.
"""

import shutil
import sys
from pathlib import Path

from quince import Classifier

bundle, folder, destination = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
classifier = Classifier(bundle)
for file in sorted(folder.rglob("*")):
    if file.suffix.lower() not in (".jpg", ".jpeg", ".png"):
        continue
    answer = classifier.classify(file, top=1)
    label = answer[0].label if answer.verdict == "known" else answer.verdict
    (destination / label).mkdir(parents=True, exist_ok=True)
    shutil.copy(file, destination / label / file.name)
    print(f"{file} -> {label}")
