"""The evidence for a candidate, each kind as one column over all candidates."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from memories.ranking.question import When
from memories.ranking.types import Floats

# Gap between conversations on the line of turns: farther than any reach.
_CONVERSATION_SPAN = 1 << 32


def inverse_document_frequency(documents: int, frequencies: NDArray[np.int32]) -> Floats:
    """Robertson and Spärck Jones' weight of a term, kept above zero (Robertson and Zaragoza 2009)."""
    found = np.minimum(frequencies, documents).astype(np.float64)
    weight: Floats = np.log1p((documents - found + 0.5) / (found + 0.5))
    return weight


def bm25(
    frequencies: Floats,
    lengths: Floats,
    average: float,
    weights: Floats,
    *,
    k1: float,
    b: float,
) -> Floats:
    """Okapi BM25 (Robertson and Zaragoza 2009) of rows already counted per term."""
    damping = k1 * (1 - b + b * lengths / max(average, 1e-9))
    score: Floats = (frequencies * (k1 + 1) / (frequencies + damping[:, None])) @ weights
    return score


def to_unit(values: Floats, floor: float = np.inf, unknown: Floats | None = None) -> Floats:
    """Stretch to 0..1 over the candidates, from `floor` where even the least is above it.

    NaN counts as the mean of the others, or as `unknown` (0..1) where that is more; no spread as no evidence. The floor
    matters in small scopes, where the least of a few good matches must not be taken for none.
    """
    known = ~np.isnan(values)
    stretched = np.zeros_like(values)
    if known.any():
        low, high = min(float(values[known].min()), floor), float(values[known].max())
        if high - low >= 1e-9:
            stretched = (values - low) / (high - low)
            stretched[~known] = stretched[known].mean()
    if unknown is not None:
        stretched[~known] = np.maximum(stretched, unknown)[~known]
    return stretched


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Which candidates stand within `reach` turns of each other in one conversation."""

    line: NDArray[np.intp]
    """Candidates in the order of conversations and turns."""
    gaps: Sequence[NDArray[np.int64]]
    """gaps[k - 1][i]: turns between the i-th on the line and the k-th after it."""
    reach: int

    @classmethod
    def of(cls, conversations: NDArray[np.int32], turns: NDArray[np.int32], reach: int) -> "Neighbourhood":
        """Sort once, then look only at the next `reach` on the line."""
        keys = conversations.astype(np.int64) * _CONVERSATION_SPAN + turns
        alone = conversations < 0
        keys[alone] = -_CONVERSATION_SPAN * (np.flatnonzero(alone) + 1)
        line = np.argsort(keys, kind="stable")
        keys = keys[line]
        steps = range(1, min(reach, max(len(keys) - 1, 0)) + 1)
        return cls(line, [keys[k:] - keys[:-k] for k in steps], reach)

    def spread(self, values: Floats, fade: float) -> Floats:
        """What each candidate gets from its neighbours: their values times fade to the power of the distance."""
        ordered = values[self.line]
        received = np.zeros_like(ordered)
        for k, gap in enumerate(self.gaps, 1):
            share = np.where(
                (gap > 0) & (gap <= self.reach),
                fade ** np.minimum(gap, self.reach),
                0.0,
            )
            received[k:] += ordered[:-k] * share
            received[:-k] += ordered[k:] * share
        return self._back(received)

    def window(self, values: Floats, own: float) -> Floats:
        """Own values times `own`, plus those of the turn before and the turn after; rows may be vectors."""
        ordered = values[self.line]
        total = ordered * own
        if self.gaps:
            next_to = (self.gaps[0] == 1).astype(np.float64)
            share = next_to[:, None] if values.ndim == 2 else next_to
            total[1:] += ordered[:-1] * share
            total[:-1] += ordered[1:] * share
        return self._back(total)

    def strongest(self, values: Floats, fade: float) -> Floats:
        """The best of own values and, faded, those of the turn before and after; rows are vectors, NaN is unknown."""
        ordered = values[self.line]
        best = ordered.copy()
        if self.gaps:
            next_to = np.flatnonzero(self.gaps[0] == 1)
            best[next_to + 1] = np.fmax(ordered[next_to + 1], fade * ordered[next_to])
            best[next_to] = np.fmax(best[next_to], fade * ordered[next_to + 1])
        return self._back(best)

    def after(self, values: Floats) -> Floats:
        """The value of the turn right before, 0 where that is not among the candidates."""
        ordered = values[self.line]
        received = np.zeros_like(ordered)
        if self.gaps:
            next_to = np.flatnonzero(self.gaps[0] == 1)
            received[next_to + 1] = ordered[next_to]
        return self._back(received)

    def _back(self, ordered: Floats) -> Floats:
        out = np.empty_like(ordered)
        out[self.line] = ordered
        return out


def session_best(conversations: NDArray[np.int32], values: Floats, top: int) -> Floats:
    """For each candidate the mean of the best `top` values in its conversation; without one, its own value."""
    if not len(values):
        return values.copy()
    order = np.lexsort((-values, conversations))
    codes = conversations[order]
    starts = np.flatnonzero(np.r_[True, codes[1:] != codes[:-1]])
    sizes = np.diff(np.r_[starts, len(codes)])
    rank = np.arange(len(codes)) - np.repeat(starts, sizes)
    sums = np.add.reduceat(np.where(rank < top, values[order], 0.0), starts)
    out = np.empty_like(values)
    out[order] = np.repeat(sums / np.minimum(sizes, top), sizes)
    return np.where(conversations < 0, values, out)


def spoken_by(speakers: Sequence[str], named: frozenset[str]) -> Floats:
    """1 where the one person the question names is the speaker; two names say nothing about who speaks."""
    if len(named) != 1:
        return np.zeros(len(speakers))
    return np.fromiter((speaker in named for speaker in speakers), np.float64, len(speakers))


def on_date(occurred: NDArray[np.datetime64], when: When | None) -> Floats:
    """0..2 by how well a row's date fits the question's: month 1, near day up to 2, week after 0.4, year 0.3."""
    if when is None:
        return np.zeros(len(occurred))
    months = occurred.astype("datetime64[M]")
    number = months.astype(np.int64)
    known = ~np.isnat(occurred)
    month = np.where(known, number % 12 + 1, 0)
    fits_year = known & ((number // 12 + 1970 == when.year) if when.year else True)
    if not when.months:
        return np.where(fits_year, 0.3, 0.0)
    day = np.where(known, (occurred.astype("datetime64[D]") - months).astype(np.int64) + 1, 0)
    in_month = np.isin(month, when.months)
    value = in_month.astype(np.float64)
    if when.day is not None:
        gap = np.abs(day - when.day)
        value += in_month * np.where(gap <= 1, 1.0, np.where(gap <= 7, 0.5, 0.0))
    soon_after = ~in_month & np.isin(month, [m % 12 + 1 for m in when.months]) & (day <= 7)
    return np.where(fits_year, np.where(soon_after, 0.4, value), 0.0)


def beyond(values: Floats, half: float) -> Floats:
    """0..1: how far positive values are past `half`, where it is one half; a soft step."""
    return 1 / (1 + (half / np.maximum(values, 1e-9)) ** 4)


def relative_length(lengths: Floats, average: float) -> Floats:
    """-1..1: the logarithm of how much longer than the average a row is, at 20 times either way full."""
    ratio = np.log((lengths + 1) / max(average, 1.0))
    return np.clip(ratio / 3, -1.0, 1.0)


def names_told(names: NDArray[np.int16]) -> Floats:
    """0..1: whether a row names something, one half for the first name, full from three on."""
    told: Floats = np.minimum(np.log2(1.0 + names) / 2, 1.0)
    return told


def alike(gists: NDArray[np.float32], best: NDArray[np.intp]) -> Floats:
    """0..1: how like each row is to the `best` together (Rocchio 1971), stretched over the rows; NaN counts as the mean."""
    lengths = np.linalg.norm(gists.astype(np.float64), axis=1, keepdims=True)
    unit = gists / np.maximum(lengths, 1e-9)
    known = best[~np.isnan(unit[best]).any(axis=1)]
    return to_unit(unit @ unit[known].mean(axis=0)) if len(known) else np.zeros(len(gists))
