"""Who and what a session speaks of, kept turn by turn, and a short account of it for a prompt."""

from graph.english.kinds import Kind
from memories.working.entities.descriptions import Similar
from memories.working.entities.rendering import render
from memories.working.entities.tracker import State, Tracker
from memories.working.entities.types import Entity, Guess, Turn

__all__ = ["Entity", "Guess", "Kind", "Similar", "State", "Tracker", "Turn", "render"]
