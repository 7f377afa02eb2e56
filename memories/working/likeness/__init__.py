"""When the answer to one prompt may answer another."""

from memories.working.likeness.guards import differs

__all__ = ["differs"]
