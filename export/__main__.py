"""Runs `python -m export tflite | onnx | all RUN`."""

import signal

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)

    from runtime.cli.start import start

    start("export", "export.commands.export")
