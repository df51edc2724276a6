"""Lists the commands of `python -m runtime`, one file and one row each."""

from collections.abc import Sequence

from runtime.cli.dispatch import Verb, dispatch

VERBS = {
    "predict": Verb("runtime.commands.predict", "name what is in images"),
    "camera": Verb(
        "runtime.commands.camera",
        "watch a camera, stream, clip or folder, and report when the answer changes",
    ),
    "collect": Verb(
        "runtime.commands.collect", "keep the images of a camera that are worth a label"
    ),
    "service": Verb(
        "runtime.commands.service",
        "start camera, with its options, now and at boot (systemd; needs root)",
    ),
    "label": Verb(
        "runtime.commands.label", "label the images of an inbox in a browser, for a training"
    ),
    "verify": Verb(
        "runtime.commands.verify",
        "repeat the bundle's golden images here: is it still the model that was exported?",
    ),
    "install": Verb(
        "runtime.commands.install",
        "replace the bundle in use by a new one, if the new one works here",
    ),
    "update": Verb(
        "runtime.commands.update",
        "fetch a signed bundle that is newer, install it, and go back if the camera fails",
    ),
    "rollback": Verb(
        "runtime.commands.rollback", "restore the bundle from before the last install"
    ),
    "info": Verb("runtime.commands.info", "show what is in a bundle or a model file"),
    "doctor": Verb(
        "runtime.commands.doctor.command",
        "explain this machine: what works, what does not, and what to do about it",
    ),
}


def main(words: Sequence[str]) -> int:
    """Runs one verb and returns the exit code."""
    description = "Classify images with an exported model. Needs no TensorFlow."
    return dispatch("runtime", description, VERBS, words)
