"""Gives everything in an ONNX graph a place and a name by it, where tf2onnx and the quantizer draw names at random, and order by them."""

import onnx


def rename_everything(model: onnx.ModelProto) -> None:
    """Renames graph, nodes, weights and intermediate values of `model` in place; inputs and outputs keep their names."""
    graph = model.graph
    _order(graph)
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


def _order(graph: onnx.GraphProto) -> None:
    """Sorts the nodes: each behind those that it takes from, first what its first input needs."""
    givers = {output: node for node in graph.node for output in node.output}
    placed: dict[str, onnx.NodeProto] = {}
    waiting = [(value.name, False) for value in reversed(graph.output)]
    while waiting:
        name, given = waiting.pop()
        if name not in givers or givers[name].output[0] in placed:
            continue
        node = givers[name]
        if given:
            placed[node.output[0]] = node
        else:
            waiting += [(name, True), *((taken, False) for taken in reversed(node.input))]
    nodes = list(placed.values())
    del graph.node[:]
    graph.node.extend(nodes)


def _in_order_of_use(graph: onnx.GraphProto) -> list[str]:
    weights = {weight.name for weight in graph.initializer}
    used = [name for node in graph.node for name in node.input if name in weights]
    unused = weights - set(used)
    for weight in [weight for weight in graph.initializer if weight.name in unused]:
        graph.initializer.remove(weight)
    return list(dict.fromkeys(used))
