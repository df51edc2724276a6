"""The README's commands run as they stand there, in an empty folder with images in it."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import write_reference

SMALL = ("--backbone", "simple-cnn", "--input-size", "64", "--batch", "16", "--variants", "1")
SMALL += ("--head-epochs", "5", "--epochs", "0")
OURS = "https://github.com/quince-edge/quince/blob/main/"
README = Path(__file__).parents[1] / "README.md"


def commands(section: str) -> list[list[str]]:
    """Returns the words of each `quince ...` line in a section of the README."""
    text = README.read_text().split(f"## {section}\n")[1].split("\n## ")[0]
    return [shlex.split(line)[1:] for line in re.findall(r"^quince .*$", text, re.MULTILINE)]


def test_commands_for_ones_own_images_work_one_after_another(
    tmp_path: Path, cells: Path, run_cli
) -> None:
    for ours, theirs in zip(sorted(cells.iterdir()), ("banana", "orange"), strict=True):
        (tmp_path / "images" / theirs).mkdir(parents=True)
        for number, file in enumerate(sorted(ours.iterdir()), start=1):
            shutil.copy(file, tmp_path / "images" / theirs / f"{number}.jpg")
    extra = {
        "train": SMALL,
        "export": ("--max-drop", "0.2", "--min-agreement", "0.8"),
        "bench": ("--min-seconds", "0"),
    }  # to be quick
    six = commands("Six commands")
    programs = [command[0] for command in six]
    assert programs == ["train", "export", "export", "run", "run", "bench"]
    printed = {}
    for command in six:
        words = (*command, *extra.get(command[0], ()))
        done = run_cli("runtime.cli.console_script", *words, cwd=tmp_path)
        assert done.returncode == 0, (command, done.stderr)
        printed[command[1]] = done.stdout
    assert "banana" in printed["predict"]


def test_the_first_screen_is_short() -> None:
    lines = README.read_text().splitlines()
    assert 60 <= len(lines) <= 90
    assert max(map(len, lines)) <= 88


def test_every_option_that_readme_and_docs_name_exists() -> None:
    """The reference has the help of each command, as the next test checks."""
    verbs = (
        "train",
        "train check",
        "train evaluate",
        "train predict",
        "train tune",
        "train choose",
        "train sample",
        "export tflite",
        "export onnx",
        "export push",
        "export pull",
    )
    verbs += "run predict", "run camera", "run install", "bench latency"
    reference = (write_reference.FOLDER / "commands.md").read_text()
    helps = "".join(reference.split(f"## quince {verb}\n")[1].split("\n## ")[0] for verb in verbs)
    pages = [README, *(README.parent / "docs" / name for name in ("train.md", "export.md"))]
    named = set(re.findall(r"--[a-z][a-z0-9-]+", "".join(page.read_text() for page in pages)))
    assert named
    assert named <= set(re.findall(r"--[a-z][a-z0-9-]+", helps)) | {
        "--help",
        "--logdir",  # of TensorBoard
        "--no-deps",
        "--system-site-packages",
    }


@pytest.mark.parametrize("name", sorted(write_reference.PAGES))
def test_the_reference_is_what_help_and_docstrings_say(name: str) -> None:
    """`make reference` writes it anew."""
    assert (write_reference.FOLDER / name).read_text() == write_reference.PAGES[name]()


def test_every_page_says_first_what_its_reader_can_do_and_is_in_the_index() -> None:
    folder = README.parent / "docs"
    index = (folder / "README.md").read_text()
    for page in sorted(folder.rglob("*.md")):
        lines = [line for line in page.read_text().splitlines() if line]
        assert lines[0].startswith("# "), page
        assert lines[1].startswith("After reading this page you "), page
        assert page.relative_to(folder).as_posix() in index or page.name == "README.md", page


def test_links_between_pages_lead_somewhere() -> None:
    root = README.parent
    for page in (README, root / "CONTRIBUTING.md", *(root / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            path = page.parent / target
            if target.startswith(OURS):  # what the site of the docs does not hold
                path = root / target.removeprefix(OURS)
            elif "://" in target:
                continue
            assert path.exists(), (page, target)


def test_the_site_of_the_docs_has_every_page_and_no_dead_link(tmp_path: Path) -> None:
    pytest.importorskip("zensical")
    root = README.parent
    for name in ("docs", "zensical.toml"):
        if (root / name).is_dir():
            shutil.copytree(root / name, tmp_path / name)
        else:
            shutil.copy(root / name, tmp_path)
    build = [sys.executable, "-m", "zensical", "build", "--strict"]
    done = subprocess.run(build, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-3000:]
    named = set(re.findall(r'"([^"]+\.md)"', (root / "zensical.toml").read_text()))
    docs = root / "docs"
    assert named == {page.relative_to(docs).as_posix() for page in docs.rglob("*.md")}
    assert (tmp_path / "build/site/reference/commands/index.html").exists()
