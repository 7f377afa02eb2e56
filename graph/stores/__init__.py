"""Where ways through the graph are found: backends behind one contract, chosen by the setting MEMOS_GRAPH."""

from graph.stores.base import (
    MAX_DEPTH,
    Edge,
    GraphProjection,
    GraphStore,
    GraphUnavailable,
    Neighbour,
    Neighbourhood,
    Node,
    Way,
)
from memos_project.backends import BackendHandler

__all__ = [
    "MAX_DEPTH",
    "Edge",
    "GraphProjection",
    "GraphStore",
    "GraphUnavailable",
    "Neighbour",
    "Neighbourhood",
    "Node",
    "Way",
    "graph_projection",
    "graph_store",
    "graph_stores",
]


class GraphStores(BackendHandler[GraphStore]):
    """The configured graph stores by alias."""

    settings_name = "MEMOS_GRAPH"
    base = GraphStore


graph_stores = GraphStores()


def graph_store() -> GraphStore:
    """The store that ways are asked of: MEMOS_GRAPH["default"]."""
    return graph_stores["default"]


def graph_projection() -> GraphProjection | None:
    """The same store if it is one that must be brought level with the rows."""
    store = graph_store()
    return store if isinstance(store, GraphProjection) else None
