"""How well a question is met at all: what makes similarity comparable between questions."""

import math

import numpy as np
from numpy.typing import NDArray

from memories.ranking.profile import Profile
from memories.ranking.signals import inverse_document_frequency
from memories.ranking.types import Floats, Scope


def term_coverage(frequencies: NDArray[np.int16], scope: Scope) -> Floats:
    """0..1 by row: the share of the question's words it holds, rare words counting more; empty without words."""
    if not frequencies.shape[1]:
        return np.zeros(0)
    idf = inverse_document_frequency(scope.documents, scope.document_frequencies)
    coverage: Floats = (frequencies > 0) @ idf / max(float(idf.sum()), 1e-9)
    return coverage


def confidence(cosines: Floats, coverage: Floats, first: NDArray[np.intp], profile: Profile) -> float:
    """0..1 from the best cosine and the best coverage among the `first` rows; either may be missing (empty, NaN)."""
    known = cosines[first] if len(cosines) else cosines
    known = known[~np.isnan(known)]
    covered = coverage[first] if len(coverage) else coverage
    if len(known) and len(covered):
        odds = profile.confidence_hybrid
    elif len(known):
        odds = profile.confidence_vector
    elif len(covered):
        odds = profile.confidence_text
    else:
        return 0.0
    log_odds = odds.bias + odds.cosine * known.max(initial=0.0) + odds.coverage * covered.max(initial=0.0)
    return 1 / (1 + math.exp(-float(log_odds)))
