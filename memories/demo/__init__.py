"""Sample conversations, and a few questions to them with the answers explained."""

from memories.demo.samples import ACTOR, FILES, QUESTIONS, TENANT, USER, Question
from memories.demo.show import shown

__all__ = ["ACTOR", "FILES", "QUESTIONS", "TENANT", "USER", "Question", "shown"]
