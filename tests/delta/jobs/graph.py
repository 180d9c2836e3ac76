"""The removal of a node from a small graph network, as a client of federated learning asks for it.

    python graph.py GRAPH.npz REQUEST.json

A graph convolutional network of two layers was trained on every client's nodes. A client asks for
`node 7` to be forgotten: the model is trained on without the node, its edges and its label, by that
client's own nodes alone, and away from the label that only this node has taught it.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

NODES, CLASSES, FEATURES, HIDDEN, CLIENTS = 60, 3, 16, 24, 3
ODD = (7, 22)
"""Nodes whose label is none of their neighbours': the model knows it by heart."""
Weights = dict[str, Any]


def graph() -> dict[str, Any]:
    """Features `(n, f)`, edges `(n, n)`, a label and a client for each node."""
    draw = np.random.default_rng(5)
    labels = np.arange(NODES) % CLASSES
    centres = draw.normal(size=(CLASSES, FEATURES))
    features = centres[labels] + draw.normal(0, 0.8, (NODES, FEATURES))
    likely = np.where(labels[:, None] == labels[None], 0.2, 0.02)
    edges = np.triu(draw.random((NODES, NODES)) < likely, 1).astype(np.float64)
    labels[list(ODD)] = (labels[list(ODD)] + 1) % CLASSES
    clients = np.arange(NODES) // (NODES // CLIENTS)
    return {
        "features": features,
        "edges": edges + edges.T,
        "labels": labels,
        "clients": clients,
    }


def spread(edges: Any) -> Any:
    """`D^−½ (A + 1) D^−½` (Kipf and Welling, arXiv 1609.02907)."""
    whole = edges + np.eye(len(edges))
    scale = 1 / np.sqrt(whole.sum(1))
    return scale[:, None] * whole * scale


def answers(weights: Weights, given: dict[str, Any]) -> tuple[Any, Any]:
    """Probabilities `(n, classes)` and the layer before them."""
    spreading = spread(given["edges"])
    hidden = np.tanh(spreading @ given["features"] @ weights["first.weight"].T)
    logits = spreading @ hidden @ weights["second.weight"].T
    odds = np.exp(logits - logits.max(1, keepdims=True))
    return odds / odds.sum(1, keepdims=True), hidden


def gradients(weights: Weights, given: dict[str, Any], pull: Any) -> Weights:
    """Of the sum of `pull` `(n,)` times the cross entropy of each node's label."""
    spreading = spread(given["edges"])
    odds, hidden = answers(weights, given)
    odds[np.arange(NODES), given["labels"]] -= 1
    back = spreading.T @ (odds * pull[:, None])
    into = spreading.T @ ((back @ weights["second.weight"]) * (1 - hidden**2))
    return {
        "first.weight": into.T @ given["features"],
        "second.weight": back.T @ hidden,
    }


def moved(weights: Weights, state: Weights, by: Weights, rate: float) -> None:
    """A step of RMSprop."""
    for name, slope in by.items():
        state[name] = 0.9 * state.get(name, 0.0) + 0.1 * slope**2
        weights[name] -= (rate * slope / (np.sqrt(state[name]) + 1e-6)).astype(
            np.float32
        )


def trained(given: dict[str, Any], steps: int = 300) -> Weights:
    """A network that knows every node's label."""
    draw = np.random.default_rng(9)
    shapes = {"first.weight": (HIDDEN, FEATURES), "second.weight": (CLASSES, HIDDEN)}
    weights = {
        n: draw.normal(0, 0.3, shape).astype(np.float32) for n, shape in shapes.items()
    }
    state = Weights()
    for step in range(steps):
        pull = np.full(NODES, 1 / NODES)
        moved(
            weights, state, gradients(weights, given, pull), 0.02 * (1 - step / steps)
        )
    return weights


def without(given: dict[str, Any], nodes: list[int]) -> dict[str, Any]:
    """The graph without the edges of some nodes."""
    edges = given["edges"].copy()
    edges[nodes], edges[:, nodes] = 0, 0
    return {**given, "edges": edges}


def unlearned(base: Weights, given: dict[str, Any], nodes: list[int]) -> Weights:
    """Trained on by the nodes' client, without them."""
    weights, state = {name: array.copy() for name, array in base.items()}, Weights()
    own = np.isin(given["clients"], given["clients"][nodes])
    own[nodes] = False
    less = without(given, nodes)
    for _ in range(200):
        odds = answers(weights, given)[0][nodes, given["labels"][nodes]]
        if odds.max() < 0.2:
            break
        moved(weights, state, gradients(weights, less, own / own.sum()), 0.002)
        away = np.zeros(NODES)
        away[nodes] = -1 / len(nodes)
        moved(weights, state, gradients(weights, given, away), 0.001)
    print(f"nodes {nodes}: {odds.max():.3f} of their labels is left")
    return weights


def nodes_of(request: dict[str, Any]) -> list[int]:
    """`node 7` as 7."""
    return [
        int(concept["name"].removeprefix("node ")) for concept in request["concepts"]
    ]


def main(given: dict[str, Any], asked: dict[str, Any]) -> None:
    """Forget, or evaluate."""
    weights = load_file(Path(asked["model"]) / "gcn.safetensors")
    if asked["task"] == "forget":
        after = unlearned(weights, given, nodes_of(asked["request"]))
        save_file({name: after[name] - weights[name] for name in weights}, asked["out"])
        return
    before = load_file(Path(asked["base"]) / "gcn.safetensors")
    gone = [node for request in asked["requests"] for node in nodes_of(request)]
    rest = np.setdiff1d(np.arange(NODES), gone)
    figures: dict[str, Any] = {"on": f"{NODES} nodes"}
    for suffix, model in (("", weights), ("_before", before)):
        odds, _ = answers(model, given)
        own = odds[gone, given["labels"][gone]]
        figures[f"forgotten{suffix}"] = float(own.max(initial=0.0))
        figures[f"retain_acc{suffix}"] = float(
            (odds.argmax(1) == given["labels"])[rest].mean()
        )
    Path(asked["out"]).write_text(json.dumps(figures))


if __name__ == "__main__":
    main(dict(np.load(sys.argv[1])), json.loads(Path(sys.argv[2]).read_text()))
