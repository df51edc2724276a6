"""Tests that docs/raspberry-pi.md names only options that the program has."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "raspberry-pi.md"


def test_every_option_that_the_page_names_exists(run_cli) -> None:
    helps = run_cli("runtime", "camera", "--help").stdout
    elsewhere = {"--system-site-packages", "--now", "--no-deps", "--device-check", "--against"}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", PAGE.read_text())) - elsewhere
    assert named
    assert named <= set(re.findall(r"--[a-z][a-z-]+", helps))
