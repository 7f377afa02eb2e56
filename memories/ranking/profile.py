"""Every number of the ranking, with the value that measurement gave it.

Weights are in log-odds: they were fitted as a softmax over each question's candidates, leaving one
conversation out at a time, and rounded. `short` is for scopes of short turns between people, `long` for
scopes of long messages; between them the weights are mixed by the average length of the scope.
"""

from dataclasses import dataclass

from memories.ranking.types import Fusion, Mode


@dataclass(frozen=True, slots=True)
class Weights:
    """A table of weights, by the name of the signal."""


@dataclass(frozen=True, slots=True)
class Content(Weights):
    """How much each match of words or meaning adds; signals are stretched to 0..1 over the candidates."""

    lexical: float
    """BM25 of the row's own text."""
    window: float
    """BM25 of the row with the turn before and after."""
    dense: float
    """Cosine of the best chunk."""
    late: float = 0.0
    """Late interaction: each word of the question with its best match in the row."""
    late_window: float = 0.0
    """The same, where the turn before or after may hold the match."""


@dataclass(frozen=True, slots=True)
class Structure(Weights):
    """How much the place and kind of a row adds."""

    session: float = 0.0
    """The best rows of the conversation match well."""
    neighbours: float = 0.0
    """The turns around match well; below zero it prefers the one that stands out."""
    answers: float = 0.0
    """The turn before is a question that matches: this is the answer."""
    length: float = 0.0
    """Longer than the average, as a logarithm in -1..1."""
    speaker: float = 0.0
    """Said by the one person the question names."""
    date: float = 0.0
    """From the date that the question names, 0..2."""
    asks: float = 0.0
    """A short question itself, which seldom tells anything."""
    own_words: float = 0.0
    """Said by the user and not by the assistant."""
    names: float = 0.0
    """Names something, where a name may be the answer; in the second stage."""
    alike: float = 0.0
    """Like the best rows together; in the second stage."""


@dataclass(frozen=True, slots=True)
class Confidence(Weights):
    """Log-odds that a question is met at all, from the best of the first rows; the cosine's depends on the model."""

    bias: float
    cosine: float = 0.0
    coverage: float = 0.0
    """Of the share of the question's words that a row holds, rare words counting more."""


@dataclass(frozen=True, slots=True)
class Profile:
    """Constants of the ranking; each is a setting."""

    mode: Mode = "hybrid"
    fusion: Fusion = "scores"
    first_short: Content = Content(lexical=0.0, window=2.6, dense=3.8)
    first_long: Content = Content(lexical=4.4, window=0.0, dense=3.4)
    second_short: Content = Content(lexical=0.0, window=0.3, dense=0.4, late=2.7, late_window=3.2)
    second_long: Content = Content(lexical=3.0, window=0.0, dense=1.5, late=2.2, late_window=2.2)
    structure_short: Structure = Structure(
        session=2.7,
        neighbours=0.0,
        answers=1.3,
        length=1.0,
        speaker=2.5,
        date=2.2,
        asks=-1.4,
        own_words=2.0,
        names=1.2,
        alike=0.5,
    )
    structure_long: Structure = Structure(
        session=0.8,
        neighbours=-1.1,
        answers=0.0,
        length=-1.4,
        speaker=2.5,
        date=0.6,
        asks=-0.4,
        own_words=2.2,
        names=0.0,
        alike=1.5,
    )
    structure_several: Structure = Structure(session=-0.7, speaker=0.8, names=1.0)
    """Added to what counts at all where a question asks for several things, which are told in several conversations."""
    long_length: float = 60.0
    """Lexemes per row at which a scope counts half as one of long messages."""
    question_length: float = 16.0
    """Lexemes at which a message that asks counts half as nothing but a question."""
    k1: float = 1.2
    b_short: float = 0.75
    b_long: float = 1.0
    window_own: float = 3.0
    """How often the row's own words count in the window, beside once for each neighbour's."""
    session_top: int = 2
    reach: int = 4
    """Turns that still count as neighbours."""
    fade: float = 0.5
    """What is left of a neighbour's match per turn of distance."""
    dense_floor: float = 0.0
    """A cosine that means nothing in common, with this embedding model."""
    late_floor: float = 0.25
    """The same for late interaction."""
    linked: int = 8
    """Memories that the graph may add after the first stage, because they speak of the same as the best."""
    linked_long: int = 4
    """No more than so many among long messages, which speak of much."""
    late_depth: int = 50
    """Rows of the first stage that the second one looks at."""
    alike_to: int = 3
    """How many of the best rows stand for what is sought."""
    late_fade: float = 0.9
    """What a match in the neighbouring turn is worth in late interaction."""
    stop_word_weight: float = 0.25
    """What a stop word of the question counts in late interaction."""
    rank_constant: float = 60.0
    """Of reciprocal rank fusion, which takes the content alone (Cormack, Clarke and Büttcher 2009)."""
    confidence_hybrid: Confidence = Confidence(bias=-5.0, cosine=5.0, coverage=7.0)
    confidence_text: Confidence = Confidence(bias=-3.6, coverage=9.5)
    confidence_vector: Confidence = Confidence(bias=-3.9, cosine=8.5)
    similarity_weight: float = 0.6
    importance_weight: float = 0.3
    recency_weight: float = 0.1
    strength: float = 0.05
    """0..1: how far importance and recency may move a memory against its similarity."""
    half_life_days: float = 30.0


DEFAULT_PROFILE = Profile()
