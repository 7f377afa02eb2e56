"""How candidates become an order: pure numpy, no database, the same for every door."""

from memories.ranking.blend import blend, recency
from memories.ranking.profile import (
    DEFAULT_PROFILE,
    Confidence,
    Content,
    Profile,
    Structure,
    Weights,
)
from memories.ranking.question import (
    Question,
    When,
    dense_text,
    other_names,
    read_date,
    read_question,
)
from memories.ranking.stages import Saturation, first_stage, most_linked, saturation, second_stage
from memories.ranking.types import (
    ROLE_ASSISTANT,
    ROLE_NONE,
    ROLE_SYSTEM,
    ROLE_TOOL,
    ROLE_USER,
    Candidates,
    Closer,
    Fusion,
    Mode,
    Ranking,
    Scope,
)

__all__ = [
    "DEFAULT_PROFILE",
    "ROLE_ASSISTANT",
    "ROLE_NONE",
    "ROLE_SYSTEM",
    "ROLE_TOOL",
    "ROLE_USER",
    "Candidates",
    "Closer",
    "Confidence",
    "Content",
    "Fusion",
    "Mode",
    "Profile",
    "Question",
    "Ranking",
    "Saturation",
    "Scope",
    "Structure",
    "Weights",
    "When",
    "blend",
    "dense_text",
    "first_stage",
    "most_linked",
    "other_names",
    "read_date",
    "read_question",
    "recency",
    "saturation",
    "second_stage",
]
