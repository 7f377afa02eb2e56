"""When the answer to one prompt may answer another."""

from memories.working.likeness.guards import THRESHOLD, differs

__all__ = ["THRESHOLD", "differs"]
