"""Runs `python ncnn.py MODEL FILE`, which makes ncnn's files of a float `.onnx` with pnnx.

FILE gets the structure, and FILE.bin the weights, in float32. Only the scores are kept. The pixels
come as whole numbers over 255, so the Casts that make them whole change nothing; ncnn has no Cast.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import onnx


def main() -> None:
    """Writes both files."""
    program = Path(sys.executable).with_name("pnnx")
    model, target = onnx.load(sys.argv[1]), Path(sys.argv[2])
    ends = model.graph.input[0].name, model.graph.output[0].name
    model = onnx.utils.Extractor(model).extract_model([ends[0]], [ends[1]])
    for node in model.graph.node:
        if node.op_type == "Cast":
            node.op_type = "Identity"
            del node.attribute[:]
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "model.onnx"
        onnx.save(model, source)
        command = [str(program), str(source), "fp16=0"]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)
        shutil.move(Path(folder) / "model.ncnn.param", target)
        shutil.move(Path(folder) / "model.ncnn.bin", f"{target}.bin")


if __name__ == "__main__":
    main()
