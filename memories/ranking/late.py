"""Late interaction (Khattab and Zaharia 2020): each token of the question with its best match in a row."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from graph.english.function_words import STOP_WORDS
from memories.ranking.profile import Profile
from memories.ranking.signals import Neighbourhood
from memories.ranking.types import Floats


def token_weights(tokens: Sequence[str], stop_word_weight: float) -> Floats:
    """A weight per token, adding up to 1: nothing for punctuation, little for stop words."""
    weights = np.array([_token_weight(token, stop_word_weight) for token in tokens], np.float64)
    total = weights.sum()
    return weights / total if total > 0 else np.full(len(weights), 1 / max(len(weights), 1))


def late_signals(
    matches: NDArray[np.float32],
    tokens: Sequence[str],
    near: Neighbourhood,
    profile: Profile,
) -> tuple[Floats, Floats]:
    """For rows given as (m, Q) best matches per token: the weighted mean, and the same over the window of turns."""
    weights = token_weights(tokens, profile.stop_word_weight)
    own = matches.astype(np.float64)
    return own @ weights, near.strongest(own, profile.late_fade) @ weights


def _token_weight(token: str, stop_word_weight: float) -> float:
    if not any(character.isalnum() for character in token):
        return 0.0
    return stop_word_weight if token.lower() in STOP_WORDS else 1.0
