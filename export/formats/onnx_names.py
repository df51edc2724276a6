"""Gives everything in an ONNX graph a name by its place, where tf2onnx and the quantizer draw names at random."""

import onnx


def rename_everything(model: onnx.ModelProto) -> None:
    """Renames graph, nodes, weights and intermediate values of `model` in place; inputs and outputs keep their names."""
    graph = model.graph
    kept = {value.name for value in (*graph.input, *graph.output)}
    names = {name: name for name in kept}
    for number, weight in enumerate(_in_order_of_use(graph)):
        names.setdefault(weight, f"weight{number}")
    for number, node in enumerate(graph.node):
        node.name = f"{node.op_type}{number}"
        for index, output in enumerate(node.output):
            names.setdefault(output, f"{node.name}_{index}")
    names[""] = ""
    for node in graph.node:
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    for weight in graph.initializer:
        weight.name = names[weight.name]
    graph.initializer.sort(key=lambda weight: weight.name)
    del graph.value_info[:]
    graph.name, graph.doc_string = "quince", ""


def _in_order_of_use(graph: onnx.GraphProto) -> list[str]:
    weights = {weight.name for weight in graph.initializer}
    used = [name for node in graph.node for name in node.input if name in weights]
    unused = weights - set(used)
    for weight in [weight for weight in graph.initializer if weight.name in unused]:
        graph.initializer.remove(weight)
    return list(dict.fromkeys(used))
