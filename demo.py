"""Runs all of Quince on a real sample, with the commands a user would type.

A second run keeps what is still valid.
"""

import csv
import json
import shlex
import subprocess
import sys
from pathlib import Path

QUINCE = Path(sys.executable).with_name("quince")
DATA, RUN = Path("data/elpv"), Path("runs/solar-cells")
BUNDLE = RUN / "bundle"
PAPERS = (("fine-tuned VGG-19 (Deitsch et al. 2019)", 0.8842), ("SVM (the same)", 0.8244))
TRAINING = "--features blocks --epochs 0 --variants 1"


def main() -> None:
    run(f"quince train sample elpv -o {DATA}")
    run(f"quince train {DATA} -o {RUN} {TRAINING} --overwrite")
    run(f"quince export tflite {RUN} --overwrite")
    run(f"quince export onnx {RUN} --overwrite")
    run(f"quince run verify {BUNDLE}")
    run(f"quince run predict {BUNDLE} {some_test_images()}")
    compare_with_the_paper()
    print(f"\nbundle: {BUNDLE}\nreport: {BUNDLE / 'report.html'}")


def run(command: str) -> None:
    print(f"\n$ {command}", flush=True)
    code = subprocess.run([QUINCE, *shlex.split(command)[1:]]).returncode
    if code:
        raise SystemExit(code)


def compare_with_the_paper() -> None:
    """Prints the test accuracy of the int8 file, and that on cells unlike any training image."""
    labels = labels_of_the_int8_file()
    rows = test_images()
    training_groups = {row["group"] for row in images() if row["split"] == "train"} - {""}
    new = [row for row in rows if row["group"] not in training_groups]
    defective = [row for row in rows if row["label"] == "defective"]

    def share_right(rows: list[dict[str, str]]) -> float:
        return sum(labels[row["path"]] == row["label"] for row in rows) / len(rows)

    print(f"\ntest accuracy, functional or defective, {len(rows)} held-out cells:")
    print(f"  {share_right(rows):.2%}  Quince, int8 TFLite")
    for name, accuracy in PAPERS:
        print(f"  {accuracy:.2%}  {name}")
    print(
        f"\nThe int8 file finds {share_right(defective):.2%} of the {len(defective)} defective "
        "cells."
        f"\nOn the {len(new)} cells that look like no training image its accuracy is "
        f"{share_right(new):.2%}."
    )


def labels_of_the_int8_file() -> dict[str, str]:
    """Returns the most likely class of each test image, by its path."""
    command = [QUINCE, "run", "predict", BUNDLE / "model.int8.tflite", DATA / "Test", "--json"]
    printed = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    answers = [json.loads(line) for line in printed.splitlines()]
    return {
        str(Path(answer["image"]).relative_to(DATA)): answer["predictions"][0]["label"]
        for answer in answers
    }


def test_images() -> list[dict[str, str]]:
    return [row for row in images() if row["split"] == "test"]


def images() -> list[dict[str, str]]:
    with (RUN / "images.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def some_test_images() -> str:
    """Returns the first three test images of each class, as words of a command line."""
    rows = test_images()
    chosen = [
        str(DATA / row["path"])
        for label in ("defective", "functional")
        for row in [row for row in rows if row["label"] == label][:3]
    ]
    return shlex.join(chosen)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:  # the step that ran has reported it
        raise SystemExit(130) from None
