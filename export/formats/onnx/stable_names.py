"""Orders and renames everything in an ONNX graph by its place.

tf2onnx and ONNX Runtime's quantizer use random names, and order by them.
"""

import onnx


def rename_nodes(model: onnx.ModelProto) -> None:
    """Renames graph, nodes, weights and intermediate values of `model`, in place.

    Inputs and outputs keep their names. Unused weights are dropped.
    """
    graph = model.graph
    _sort_nodes(graph)
    new_names = {value.name: value.name for value in (*graph.input, *graph.output)}
    for number, weight in enumerate(_keep_used_weights(graph)):
        new_names.setdefault(weight, f"weight{number}")
    for number, node in enumerate(graph.node):
        node.name = f"{node.op_type}{number}"
        for index, output in enumerate(node.output):
            new_names.setdefault(output, f"{node.name}_{index}")
    new_names[""] = ""
    for node in graph.node:
        node.input[:] = [new_names[name] for name in node.input]
        node.output[:] = [new_names[name] for name in node.output]
    for weight in graph.initializer:
        weight.name = new_names[weight.name]
    graph.initializer.sort(key=lambda weight: weight.name)
    del graph.value_info[:]
    graph.name, graph.doc_string = "quince", ""


def _sort_nodes(graph: onnx.GraphProto) -> None:
    """Places each node after its producers, and the producers of its first input first."""
    producers = {output: node for node in graph.node for output in node.output}
    placed: dict[str, onnx.NodeProto] = {}
    waiting = [(value.name, False) for value in reversed(graph.output)]
    while waiting:
        name, inputs_placed = waiting.pop()
        if name not in producers or producers[name].output[0] in placed:
            continue
        node = producers[name]
        if inputs_placed:
            placed[node.output[0]] = node
        else:
            waiting.append((name, True))
            waiting += [(input_name, False) for input_name in reversed(node.input)]
    nodes = list(placed.values())
    del graph.node[:]
    graph.node.extend(nodes)


def _keep_used_weights(graph: onnx.GraphProto) -> list[str]:
    """Drops unused weights and returns the names of the others in the order of their use."""
    weights = {weight.name for weight in graph.initializer}
    used = [name for node in graph.node for name in node.input if name in weights]
    unused = weights - set(used)
    for weight in [weight for weight in graph.initializer if weight.name in unused]:
        graph.initializer.remove(weight)
    return list(dict.fromkeys(used))
