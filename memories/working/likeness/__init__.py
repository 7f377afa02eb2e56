"""When the answer to one prompt may answer another."""

from memories.working.likeness.guards import differs
from memories.working.likeness.reading import Prompt, read_prompt

__all__ = ["Prompt", "differs", "read_prompt"]
