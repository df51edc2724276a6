"""Runs `python -m train DIR` and `python -m train VERB ...`."""

import signal

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)

    from runtime.cli.start import start

    start("train", "train.commands.table")
