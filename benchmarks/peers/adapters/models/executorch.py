"""Runs `python executorch.py MODEL FILE`, which makes a `.pte` of a float `.onnx`.

XNNPACK runs it. Only the scores are kept. onnx2torch reads the axes of a Squeeze while the network
runs, which `torch.export` refuses, so a Flatten that does the same replaces it.
"""

import sys
from pathlib import Path

import onnx
import torch
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.exir import to_edge_transform_and_lower
from onnx2torch import convert


def main() -> None:
    """Writes the file."""
    model = onnx.load(sys.argv[1])
    graph = model.graph
    model = onnx.utils.Extractor(model).extract_model([graph.input[0].name], [graph.output[0].name])
    for node in model.graph.node:
        if node.op_type == "Squeeze":
            node.op_type = "Flatten"
            del node.input[1:]
    shape = [axis.dim_value for axis in graph.input[0].type.tensor_type.shape.dim]
    exported = torch.export.export(convert(model).eval(), (torch.rand(shape),))
    lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()])
    Path(sys.argv[2]).write_bytes(lowered.to_executorch().buffer)


if __name__ == "__main__":
    main()
