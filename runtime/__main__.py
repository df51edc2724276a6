"""Runs `python -m runtime VERB ...`."""

import signal

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)

    from runtime.cli.start import start

    start("runtime", "runtime.commands.table")
