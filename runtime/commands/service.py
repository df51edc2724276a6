"""Runs `python -m runtime service MODEL ...`, which starts `camera` now and at boot."""

import os
import pwd
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from runtime.classifier import Classifier
from runtime.cli.identity import CONSOLE_VARIABLE, program_name
from runtime.commands.camera import camera_parser
from runtime.errors import DONE, InputRefused, MachineError
from runtime.monitor.views import sources_from_options
from runtime.shared.external_model_arguments import external_model_options
from runtime.system.atomic_files import write_file
from runtime.system.subprocesses import ROOT, python_command
from runtime.system.terminal import say

NAME = program_name("runtime")
UNIT = Path("/etc/systemd/system/quince.service")
BOOTED = "/run/systemd/system"
"""Is there if systemd started this machine (sd_booted(3))."""
TEXT = """[Unit]
Description=Quince reports what the camera sees
Wants=network-online.target
After=network-online.target

[Service]
User={user}
SupplementaryGroups=video
WorkingDirectory={folder}
Environment={variables}
EnvironmentFile=-/etc/quince.env
ExecStart={command}
Restart=on-failure
RestartSec=10
RestartPreventExitStatus=2
SuccessExitStatus=143
TimeoutStopSec=10
MemoryMax=512M
NoNewPrivileges=yes
PrivateTmp=yes
ProtectSystem=full

[Install]
WantedBy=multi-user.target
"""
"""A wrong option (exit code 2) is not tried again; a missing camera (4) is, every ten seconds."""


def main(arguments: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = camera_parser("service").parse_args(arguments)
    sources_from_options(options)
    Classifier(options.model, artifact=options.artifact, spec=external_model_options(options))
    text = unit_text(arguments)
    if os.geteuid() != 0:
        raise MachineError(str(UNIT), "only root may write it; put sudo before the command")
    if not (shutil.which("systemctl") and os.path.isdir(BOOTED)):
        raise MachineError("systemd", "does not run here; start quince run camera yourself")
    write_file(UNIT, text)
    for words in (("daemon-reload",), ("enable", UNIT.stem), ("restart", UNIT.stem)):
        _systemctl(*words)
    say(f"{UNIT}: the camera runs now, and starts at boot")
    say(f"next: journalctl -u {UNIT.stem} -f (to end: sudo systemctl disable --now {UNIT.stem})")
    return DONE


def unit_text(arguments: Sequence[str]) -> str:
    """Returns the unit that runs `camera ARGUMENTS` here, as the owner of this folder.

    `--wait` is added, because a camera may be ready later than the service.

    Raises:
        InputRefused: a word has a control character, or the owner of this folder has no name.
    """
    folder = os.getcwd()
    try:
        user = pwd.getpwuid(os.stat(folder).st_uid).pw_name
    except KeyError:
        raise InputRefused(
            folder, "expected an owner with a user name, found none; use another folder"
        ) from None
    variables = [f"PYTHONPATH={ROOT}"]
    variables += [f"{CONSOLE_VARIABLE}=1"] * (CONSOLE_VARIABLE in os.environ)
    words = python_command("-m", "runtime", "camera", "--wait", *arguments)
    return TEXT.format(
        user=user,
        folder=_escaped(folder),
        variables=" ".join(map(_quoted, variables)),
        command=" ".join(_quoted(word).replace("$", "$$") for word in words),
    )


def _quoted(word: str) -> str:
    """Returns the word as systemd.syntax(7) quotes it."""
    return '"' + _escaped(word).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _escaped(word: str) -> str:
    if not word.isprintable():
        raise InputRefused(word, "has a character that a unit of systemd cannot hold")
    return word.replace("%", "%%")


def _systemctl(*words: str) -> None:
    command = ["systemctl", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = " ".join(done.stderr.split()) or f"ended with exit code {done.returncode}"
        raise MachineError(shlex.join(command), reason)
