"""The two stages: fuse what every candidate has, then again with late interaction for the best."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from memories.ranking.confidence import confidence, term_coverage
from memories.ranking.late import late_signals
from memories.ranking.profile import Content, Profile, Weights
from memories.ranking.question import Question
from memories.ranking.signals import (
    Neighbourhood,
    alike,
    beyond,
    bm25,
    inverse_document_frequency,
    names_told,
    on_date,
    relative_length,
    session_best,
    spoken_by,
    to_unit,
)
from memories.ranking.types import ROLE_USER, Candidates, Closer, Floats, Ranking, Scope

# A question is met if any of the first few rows meets it.
CONFIDENT_ROWS = 3


class Saturation(NamedTuple):
    """The two constants of BM25."""

    k1: float
    b: float


def saturation(profile: Profile, average_length: float) -> Saturation:
    """BM25's constants for a scope: long messages want length normalised in full."""
    share = _longness(profile, average_length)
    return Saturation(profile.k1, _between(profile.b_short, profile.b_long, share))


def most_linked(scope: Scope, profile: Profile) -> int:
    """How many memories the graph may add: one of two numbers, as each makes a statement of its own."""
    is_long = _longness(profile, scope.average_length) > 0.5
    return min(profile.linked, profile.linked_long) if is_long else profile.linked


def first_stage(question: Question, candidates: Candidates, scope: Scope, profile: Profile) -> Ranking:
    """Rank by everything that needs no token vectors; in the modes "text" and "vector" by BM25 or the cosine alone."""
    if profile.mode != "hybrid":
        return _by_one(candidates, scope, profile)
    near = Neighbourhood.of(candidates.conversations, candidates.turns, profile.reach)
    content = _content(candidates, scope, near, profile)
    signals = content | _structure(question, candidates, scope, near, content, profile)
    weights = _weights(question, (profile.first_short, profile.first_long), signals, scope, profile)
    contributions = _contributions(signals, weights, profile)
    fused = _total(contributions, len(candidates))
    order = np.argsort(-fused, kind="stable")
    sure = _confidence(candidates, scope, order, profile)
    return Ranking(order, _scaled(fused, order, sure), sure, fused, contributions, signals)


def second_stage(
    question: Question,
    first: Ranking,
    rows: NDArray[np.intp],
    closer: Closer,
    candidates: Candidates,
    scope: Scope,
    profile: Profile,
) -> Ranking:
    """Rank `rows`, the first of `first.order`, anew by a closer look at them; the others keep their order below."""
    if not len(rows) or not len(closer.tokens) or np.isnan(closer.matches).all():
        return first
    near = Neighbourhood.of(candidates.conversations[rows], candidates.turns[rows], 1)
    late, late_window = late_signals(closer.matches, closer.tokens, near, profile)
    signals = {name: values[rows] for name, values in first.signals.items()}
    signals |= {
        "late": to_unit(late, floor=profile.late_floor, unknown=signals.get("lexical")),
        "late_window": to_unit(late_window, floor=profile.late_floor, unknown=signals.get("lexical")),
    }
    if question.for_names:
        signals["names"] = names_told(closer.names)
    weights = _weights(question, (profile.second_short, profile.second_long), signals, scope, profile)
    anew = _contributions(signals, weights, profile)
    best = np.argsort(-_total(anew, len(rows)), kind="stable")[: profile.alike_to]
    anew |= _contributions({"alike": alike(closer.gists, best)}, weights, profile)
    return _ranked_anew(first, rows, anew)


def _ranked_anew(first: Ranking, rows: NDArray[np.intp], anew: Mapping[str, Floats]) -> Ranking:
    size = len(first.order)
    contributions = {
        name: _put(first.contributions.get(name), rows, anew.get(name), size)
        for name in {**first.contributions, **anew}
    }
    fused = _total(contributions, size)
    rest = first.order[~np.isin(first.order, rows)]
    order = np.r_[rows[np.argsort(-fused[rows], kind="stable")], rest]
    similarity = _scaled(fused, order, first.confidence)
    return replace(
        first,
        order=order,
        similarity=similarity,
        fused=fused,
        contributions=contributions,
    )


def _by_one(candidates: Candidates, scope: Scope, profile: Profile) -> Ranking:
    """Rank by one kind of evidence as it is: the similarity is the cosine, or the share of the best BM25 score."""
    if profile.mode == "vector":
        fused = np.nan_to_num(candidates.cosines.astype(np.float64), nan=-1.0)
        order = np.argsort(-fused, kind="stable")
        similarity, sure = np.clip(fused, 0.0, 1.0), float(np.clip(fused.max(initial=0.0), 0.0, 1.0))
        return Ranking(order, similarity, sure, fused, {"dense": fused}, {"dense": fused})
    k1, b = saturation(profile, scope.average_length)
    idf = inverse_document_frequency(scope.documents, scope.document_frequencies)
    fused = bm25(
        candidates.frequencies.astype(np.float64),
        candidates.lengths.astype(np.float64),
        scope.average_length,
        idf,
        k1=k1,
        b=b,
    )
    order = np.argsort(-fused, kind="stable")
    sure = _confidence(candidates, scope, order, profile)
    return Ranking(order, _scaled(fused, order, sure), sure, fused, {"lexical": fused}, {"lexical": fused})


def _confidence(candidates: Candidates, scope: Scope, order: NDArray[np.intp], profile: Profile) -> float:
    cosines = np.zeros(0) if profile.mode == "text" else candidates.cosines.astype(np.float64)
    coverage = term_coverage(candidates.frequencies, scope)
    return confidence(cosines, coverage, order[:CONFIDENT_ROWS], profile)


def _content(
    candidates: Candidates, scope: Scope, near: Neighbourhood, profile: Profile
) -> dict[str, Floats]:
    k1, b = saturation(profile, scope.average_length)
    idf = inverse_document_frequency(scope.documents, scope.document_frequencies)
    frequencies, lengths = (
        candidates.frequencies.astype(np.float64),
        candidates.lengths.astype(np.float64),
    )
    own, average = profile.window_own, scope.average_length
    wide, wide_lengths = near.window(frequencies, own), near.window(lengths, own)
    signals = {
        "lexical": to_unit(bm25(frequencies, lengths, average, idf, k1=k1, b=b), floor=0.0),
        "window": to_unit(bm25(wide, wide_lengths, average * (own + 2), idf, k1=k1, b=b), floor=0.0),
    }
    if not np.isnan(candidates.cosines).all():
        # What was stored a moment ago has no vector yet: it means at least what its words say.
        signals["dense"] = to_unit(
            candidates.cosines.astype(np.float64), floor=profile.dense_floor, unknown=signals["lexical"]
        )
    return signals


def _structure(
    question: Question,
    candidates: Candidates,
    scope: Scope,
    near: Neighbourhood,
    content: Mapping[str, Floats],
    profile: Profile,
) -> dict[str, Floats]:
    base = _mean(
        [content[name] for name in ("lexical", "dense") if name in content],
        len(candidates),
    )
    asks = candidates.asks.astype(np.float64)
    lengths = candidates.lengths.astype(np.float64)
    return {
        "session": to_unit(session_best(candidates.conversations, base, profile.session_top)),
        "neighbours": to_unit(near.spread(base, profile.fade)),
        "answers": near.after(base * asks),
        "length": relative_length(lengths, scope.average_length),
        "speaker": spoken_by(candidates.speakers, question.named),
        "date": on_date(candidates.occurred, question.when),
        "asks": asks * (1 - beyond(lengths, profile.question_length)),
        "own_words": (candidates.roles == ROLE_USER).astype(np.float64),
    }


def _weights(
    question: Question,
    ends: tuple[Content, Content],
    signals: Mapping[str, Floats],
    scope: Scope,
    profile: Profile,
) -> dict[str, float]:
    """The weights for this question and scope; evidence that is missing leaves its weight to what is there."""
    share = _longness(profile, scope.average_length)
    content = _mixed(*ends, share)
    present = {name: weight for name, weight in content.items() if name in signals}
    scale = sum(content.values()) / (sum(present.values()) or 1.0)
    structure = _mixed(profile.structure_short, profile.structure_long, share)
    if question.for_several:
        structure = {
            name: weight + getattr(profile.structure_several, name) if weight else 0.0
            for name, weight in structure.items()
        }
    return {name: weight * scale for name, weight in present.items()} | structure


def _mixed(short: Weights, long: Weights, share: float) -> dict[str, float]:
    return {
        each.name: _between(getattr(short, each.name), getattr(long, each.name), share)
        for each in fields(short)
    }


def _contributions(
    signals: Mapping[str, Floats], weights: Mapping[str, float], profile: Profile
) -> dict[str, Floats]:
    if profile.fusion == "rrf":
        content = [each.name for each in fields(Content) if each.name in signals]
        return {name: weights[name] / (profile.rank_constant + 1 + _ranks(signals[name])) for name in content}
    return {name: weight * signals[name] for name, weight in weights.items() if name in signals}


def _ranks(values: Floats) -> Floats:
    ranks = np.empty(len(values))
    ranks[np.argsort(-values, kind="stable")] = np.arange(len(values))
    return ranks


def _scaled(fused: Floats, order: NDArray[np.intp], best: float) -> Floats:
    """The fused values as a share of the first one's, times `best`; never rising along the order."""
    if not len(fused) or fused[order[0]] <= 0:
        return np.zeros_like(fused)
    out = np.empty_like(fused)
    out[order] = best * np.minimum.accumulate(np.maximum(fused[order] / fused[order[0]], 0.0))
    return out


def _longness(profile: Profile, average_length: float) -> float:
    """0 for short turns to 1 for long messages, smooth in the average length of the scope."""
    return float(beyond(np.array(average_length), profile.long_length))


def _between(short: float, long: float, share: float) -> float:
    return short + share * (long - short)


def _mean(columns: Sequence[Floats], size: int) -> Floats:
    return sum(columns, np.zeros(size)) / max(len(columns), 1)


def _total(contributions: Mapping[str, Floats], size: int) -> Floats:
    return sum(contributions.values(), np.zeros(size))


def _put(before: Floats | None, rows: NDArray[np.intp], values: Floats | None, size: int) -> Floats:
    """A column with new values in some rows; what has none there counts nothing."""
    out = np.zeros(size) if before is None else before.copy()
    out[rows] = 0.0 if values is None else values
    return out
