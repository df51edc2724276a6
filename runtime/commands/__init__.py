"""The verbs of `python -m runtime`: one file and one row each."""

from runtime.verbs import Verb

VERBS = {
    "predict": Verb("runtime.commands.predict", "name what is in pictures"),
    "camera": Verb("runtime.commands.camera", "watch a camera, stream, clip or folder, and say when the answer changes"),
    "verify": Verb("runtime.commands.verify", "repeat the bundle's golden samples here: is it still the model that was exported?"),
    "install": Verb("runtime.commands.install", "put a new bundle in the place of the one in use, if it works here"),
    "rollback": Verb("runtime.commands.rollback", "put back the bundle that was there before the last install"),
    "info": Verb("runtime.commands.info", "say what is in a bundle or a model file"),
    "doctor": Verb("runtime.commands.doctor", "explain this machine: what works, what does not, what to do about it"),
}
