"""What a sentence says about its subject, cut out of its words."""

from collections.abc import Sequence

from graph.english.function_words import STOP_WORDS
from graph.english.kinds import Kind
from graph.english.text import Sentence, Word, shortened
from graph.english.words import (
    ASIDES,
    AUXILIARIES,
    BE,
    FEELINGS,
    STATE_VERBS,
    STATES,
    VERBS,
    word_set,
)
from memories.working.entities.mentions import PRONOUNS, Mention

LONGEST_STATEMENT = 79

_CONTRACTED = {"'s": "is", "'m": "am", "'re": "are", "'ve": "have", "'ll": "will"}
_MODALS = word_set("could would might may should can does do did must")
_PROMISES = word_set(
    "keep do let try catch check give see be definitely sure take stress make think look have"
)
_PERFECT = word_set("been got gone had become")
_ADVERBS = word_set("just really also finally recently already still never always actually even then now")
# A subject may follow these; after any other word a mention is somebody else's object or a condition.
_BEFORE_SUBJECT = word_set(
    "and but so because that after then now since while though although as today yesterday recently finally also said says think "
    "thought know heard guess believe apparently luckily sadly unfortunately"
)
_CONDITIONS = word_set(
    "if whether unless when hope wish until before did do does have has had would could can what how why where"
)
_SUBJECTS = word_set("i she he they it")
_ONLY_SUBJECTS = word_set("I she he they")  # whatever stands before, as no other word is an "I"
_CLAUSES = word_set("but because so although though which who while when since unless if as")
_AFTER_COMMA = word_set("and or then thanks right let can could what how do did is are isn't please let's")


def statement(sentence: Sentence, mention: Mention, kind: Kind, *, states_only: bool = False) -> str:
    """The predicate of which the mention is the subject, of bounded length; empty if there is none to keep.

    `kind` is that of the entity; with `states_only` what is not a state, such as "is broken", does not count.
    """
    words = sentence.words
    person = PRONOUNS.get(mention.text.lower()) if mention.form == "pronoun" else None
    if (
        sentence.asks
        or mention.possessive
        or mention.end > len(words)
        or person == "you"
        or not _is_subject(words, mention)
    ):
        return ""
    verb, at = _verb(words, mention, kind)
    if not verb or verb.lower() in _MODALS or (person == "I" and _says_nothing(verb, words, at)):
        return ""
    if (states_only or person == "it") and not _is_state(verb, words, at):
        return ""
    rest = sentence.text[words[at].start : words[_clause_end(words, at) - 1].end] if at < len(words) else ""
    if not rest and verb.lower() in VERBS - STATE_VERBS:
        return ""
    if verb.lower() in AUXILIARIES and not set(rest.lower().split()) - (STOP_WORDS - STATES):
        return ""
    return _cut(" ".join(f"{verb} {rest}".split()))


def _cut(text: str) -> str:
    """Of bounded length, and then not ending in a word that asks for another."""
    short = shortened(text, LONGEST_STATEMENT)
    if len(short) == len(text):
        return short
    while (last := short.rpartition(" "))[2].lower() in STOP_WORDS and last[0]:
        short = last[0]
    return f"{short}…"


def _is_subject(words: Sequence[Word], mention: Mention) -> bool:
    if mention.form == "pronoun" and mention.text.lower() not in _SUBJECTS:
        return False
    if mention.phrase == 0:
        return True
    before = words[mention.phrase - 1].lower
    if before in _CONDITIONS:
        return False
    return "," in words[mention.phrase].gap or before in _BEFORE_SUBJECT or mention.text in _ONLY_SUBJECTS


def _verb(words: Sequence[Word], mention: Mention, kind: Kind) -> tuple[str, int]:
    """The verb after a subject and the place of the word after the verb; an empty one if no verb is there."""
    at = mention.end
    tail = words[at - 1].tail if mention.end > mention.start else ""
    if tail:
        verb = _CONTRACTED.get(tail, "")
        if tail == "'s" and at < len(words) and words[at].lower in _PERFECT:
            verb = "has"
        return verb, at
    if at < len(words) and words[at].lower in _ADVERBS:
        at += 1
    if at >= len(words) or words[at].gap != " " or not _is_verb(words[at].lower, kind):
        return "", at
    return words[at].text, at + 1


def _is_verb(word: str, kind: Kind) -> bool:
    if word in AUXILIARIES or word in VERBS or word in STATE_VERBS or (word.endswith("ed") and len(word) > 3):
        return True
    return kind == "person" and len(word) > 3 and word.endswith("s") and not word.endswith("ss")


def _says_nothing(verb: str, words: Sequence[Word], at: int) -> bool:
    after = words[at].lower if at < len(words) else ""
    if verb.lower() in {"will", "won't"}:
        return after in _PROMISES
    return verb.lower() in ASIDES or (verb.lower() in BE | {"have"} and after in FEELINGS)


def _is_state(verb: str, words: Sequence[Word], at: int) -> bool:
    after = [word.lower for word in words[at : at + 2]]
    return verb in STATE_VERBS or (verb in BE | {"has"} and any(word in STATES for word in after))


def _clause_end(words: Sequence[Word], at: int) -> int:
    most = min(len(words), at + LONGEST_STATEMENT // 2)  # words of one letter and their spaces
    for here in range(at + 1, most):
        word, after = words[here], words[here + 1].lower if here + 1 < len(words) else ""
        if word.lower in _CLAUSES or any(mark in word.gap for mark in '(:["'):
            return here
        if "," in word.gap and (word.lower in _AFTER_COMMA or word.lower in PRONOUNS or word.lower in {"we"}):
            return here
        if word.lower == "and" and (after in PRONOUNS or after == "we"):
            return here
    return most
