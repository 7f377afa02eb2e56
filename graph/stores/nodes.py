"""What is in Neo4j, as neomodel describes it: for whoever reads the graph there with neomodel's own means.

All is of one tenant, nodes and relationships. Times are microseconds since 1970.
"""

from neomodel import (
    FloatProperty,
    IntegerProperty,
    RelationshipFrom,
    RelationshipTo,
    StringProperty,
    StructuredNode,
    StructuredRel,
)


class Relates(StructuredRel):
    """A relation: it holds from ``begins`` until before ``ends``."""

    tenant = StringProperty(required=True)
    uid = StringProperty(required=True)
    predicate = StringProperty(required=True)
    confidence = FloatProperty(required=True)
    memory = StringProperty()
    begins = IntegerProperty(required=True)
    ends = IntegerProperty(required=True)


class Mentions(StructuredRel):
    """That a memory speaks of an entity."""

    tenant = StringProperty(required=True)


class EntityOfGraph(StructuredNode):
    """An entity; tenant and uid are unique together."""

    __label__ = "Entity"

    tenant = StringProperty(required=True)
    uid = StringProperty(required=True)
    kind = StringProperty(required=True)
    name = StringProperty(required=True)

    relates = RelationshipTo("EntityOfGraph", "RELATES", model=Relates)
    related_by = RelationshipFrom("EntityOfGraph", "RELATES", model=Relates)
    mentioned_by = RelationshipFrom("MemoryOfGraph", "MENTIONS", model=Mentions)


class MemoryOfGraph(StructuredNode):
    """A memory that was read; its text is not here."""

    __label__ = "Memory"

    tenant = StringProperty(required=True)
    uid = StringProperty(required=True)

    mentions = RelationshipTo("EntityOfGraph", "MENTIONS", model=Mentions)


class GraphOfTenant(StructuredNode):
    """Under which epoch a tenant's graph was filled in."""

    __label__ = "Graph"

    tenant = StringProperty(required=True)
    epoch = StringProperty(required=True)
