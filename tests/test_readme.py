"""The README's commands, run as they stand there, one after another, in an empty folder with pictures in it."""

import re
import shlex
import shutil
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def commands(section: str) -> list[list[str]]:
    text = README.read_text().split(f"## {section}\n")[1].split("\n## ")[0]
    return [shlex.split(line)[2:] for line in re.findall(r"^python -m .*$", text, re.MULTILINE)]


def test_commands_for_ones_own_pictures_work_one_after_another(tmp_path: Path, cells: Path, run_cli, small_training) -> None:
    for ours, theirs in zip(sorted(cells.iterdir()), ("banana", "orange"), strict=True):
        (tmp_path / "pictures" / theirs).mkdir(parents=True)
        for number, file in enumerate(sorted(ours.iterdir()), start=1):
            shutil.copy(file, tmp_path / "pictures" / theirs / f"{number}.jpg")
    extra = {"train": small_training, "export": ("--max-drop", "0.2", "--min-agreement", "0.8")}  # a small network, to be quick
    found = commands("Your own pictures")
    assert [command[0] for command in found] == ["train", "export", "export", "runtime", "runtime"]
    for command in found:
        done = run_cli(*command, *extra.get(command[0], ()), cwd=tmp_path)
        assert done.returncode == 0, (command, done.stderr)
    assert "banana" in done.stdout


def test_every_option_that_readme_and_docs_name_exists(run_cli) -> None:
    verbs = "train", "train check", "train evaluate", "train predict", "train tune", "export tflite", "export onnx"
    verbs += "runtime predict", "runtime camera", "runtime install", "benchmarks latency"
    helps = "".join(run_cli(*verb.split(), "--help").stdout for verb in verbs)
    pages = [README, *(README.parent / "docs" / name for name in ("train.md", "export.md"))]
    named = set(re.findall(r"--[a-z][a-z0-9-]+", "".join(page.read_text() for page in pages)))
    assert named
    assert named <= set(re.findall(r"--[a-z][a-z0-9-]+", helps)) | {"--help", "--system-site-packages"}
