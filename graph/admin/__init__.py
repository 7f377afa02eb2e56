"""The curators' pages of the graph: entities, what is said of them, pairs that may be one, what was merged and split."""

from graph.admin.doubts import DoubtAdmin
from graph.admin.entities import EntityAdmin
from graph.admin.merges import MergeAdmin, SplitAdmin
from graph.admin.relations import RelationAdmin

__all__ = ["DoubtAdmin", "EntityAdmin", "MergeAdmin", "RelationAdmin", "SplitAdmin"]
