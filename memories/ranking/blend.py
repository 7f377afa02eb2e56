"""From similarity to the final score: importance and recency order what is about equally relevant."""

import numpy as np

from memories.ranking.profile import Profile
from memories.ranking.types import Floats

DAY = 86_400.0


def recency(age_seconds: Floats, profile: Profile) -> Floats:
    """1 for now, one half after each half-life; the future counts as now."""
    return np.exp2(-np.maximum(age_seconds, 0.0) / (profile.half_life_days * DAY))


def blend(similarity: Floats, importance: Floats, age_seconds: Floats, profile: Profile) -> Floats:
    """0..1: the weighted mean of the three, as far as `strength` lets importance and recency replace similarity.

    At strength 1 it is the plain weighted mean. Below, the two are worth no more than the best similarity: where
    a question is hardly met, all similarities are small, and importance would otherwise decide the order.
    """
    _, important, recent = _shares(profile)
    best = float(similarity.max(initial=0.0))
    worth = profile.strength * (best + profile.strength * (1 - best))
    score: Floats = (1 - profile.strength * (important + recent)) * similarity + worth * (
        important * importance + recent * recency(age_seconds, profile)
    )
    return score


def _shares(profile: Profile) -> tuple[float, float, float]:
    weights = (
        profile.similarity_weight,
        profile.importance_weight,
        profile.recency_weight,
    )
    total = sum(weights)
    return (weights[0] / total, weights[1] / total, weights[2] / total) if total > 0 else (1.0, 0.0, 0.0)
