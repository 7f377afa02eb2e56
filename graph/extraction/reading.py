"""What the sentences of a passage say of its mentions: a verb, who stands before it, what stands after it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from graph.english.words import ABSTRACT, PERSON_ROLES, word_set
from graph.extraction import roles
from graph.extraction.base import Mention, Statement
from graph.extraction.clauses import ANY, DATE, NAMED, PERSON, Clause, after_determiners, noun_end, one_of
from graph.extraction.grammar import RULES, Rule
from graph.extraction.kinship import kinship
from graph.extraction.patterns import CURRENCIES, MONEY
from graph.extraction.timing import Manner, Validity, manner_of, validity

SURE, LIKELY, GUESSED = 0.9, 0.75, 0.55

_TOKEN = re.compile(rf"{ANY}|n't|'\w{{1,2}}|[^\W_](?:[\w-]|'(?!s\b|m\b|re\b|ve\b|d\b|ll\b))*|[^\s\w]")
# What may stand between a subject and its verb.
_LIGHT = word_set(
    "'m 's 're 've 'd 'll n't am is are was were be been being have has had do does did don't doesn't didn't will won't isn't "
    "aren't wasn't haven't hasn't not no longer never would could might may should can can't cannot wouldn't going gonna used also now still "
    "currently really just recently always already usually often actually finally only even both mostly mainly originally "
    "previously formerly first once got get absolutely totally secretly all so ever a an the big proud best"
)
_BE = word_set("am is are was were be been 'm 're 's isn't aren't wasn't weren't started began")
_BARE = word_set("work live reside like love enjoy adore hate dislike despise detest prefer own use know speak study play need depend rely "
                 "require belong cost")  # fmt: skip
_CARRIES = word_set("and but then ,")
_HYPOTHETICAL = word_set("would could might may should 'd wouldn't can gonna")
_NOT = word_set("n't not no never don't doesn't didn't won't isn't aren't wasn't haven't hasn't can't cannot")
_PRONOUN = r"(?:i|you|he|she|it|we|they|my|your|his|her|its|our|their|the|there|everyone|nobody)\b"
_SOMEBODY = rf"(?: that)? (?={ANY}|{_PRONOUN})"
# What is said after these is said of no real case, up to the sentence's end.
_CONDITION = re.compile(
    rf"\b(?:if|whether|unless|imagine|suppose|wonder|as if|pretend)\b|^had (?={PERSON}|(?:i|you|he|she|we|they)\b)"
    r"|\b(?:write|tell|compose|draft|generate)\b.{0,40}\b(?:story|poem|novel|song|scene|script|dialogue|essay) (?:in which|where|about)\b",
    re.IGNORECASE,
)
# And after these it is what somebody believes, wishes or denies, up to the next clause.
_NOT_SAID = re.compile(
    r"(?:(?:(?<!\bca)(?<!\bcould)n't|\bnot|\bnever) (?:really |actually |even )?(?:think|believe|expect|say|said|mean|claim)"
    r"|\b(?:thought|believed|assumed|used to (?:think|believe)|(?:think|believe|assume|suspect|claim|hope|wish|doubt|dream)s"
    r"|hope|hoped|wish|wished|(?<!\bno )doubt|doubted|dreamed|dreamt|(?:everyone|everybody|people|they|some) (?:think|believe|assume|claim)))"
    rf"{_SOMEBODY}|(?:n't|\bnot) (?:true|the case|correct|certain|sure|clear) that\b|\b(?:neither|pretends|pretended|pretending)\b"
    r"|\b(?:maybe|perhaps|possibly|presumably|allegedly|supposedly|reportedly)\b|\b(?:false|untrue|unlikely|impossible|possible|rumou?red) that\b",
    re.IGNORECASE,
)
# Then something is said again: "I thought so, but he lives in", "I don't think you know that he lives in".
_SAID_AGAIN = re.compile(
    rf"(?:[,;:](?: and| but| so| although| though| now)?| -| but| although| though| so| because| since| until| when| and (?:then|now)){_SOMEBODY}"
    rf"| and (?={_PRONOUN})|\b(?:know|knows|knew|tell|told|mention|mentioned|add)(?: \w+)?{_SOMEBODY}|\b(?:great|good|nice|sad|strange) that\b",
    re.IGNORECASE,
)
_RELATIVE = re.compile(r"\b(?:who|which|that)(?: \w+){0,2} $", re.IGNORECASE)
_NO_MORE = re.compile(r"\b(?:any ?more|any longer)\b", re.IGNORECASE)
_VERSION = re.compile(f" {one_of('version')}")
_PRICE = re.compile(rf"[$€£¥₹]|\b(?:{CURRENCIES}|{MONEY})\b", re.IGNORECASE)
_JOINED = re.compile(r"(?:, and|, or|,| and| or| &) (?:to |also )?")
_BOUNDARY = re.compile(
    rf"\s*$|[.,;:!?)—]|\s+[-–—(]|\s+{ANY}|\s+(?:and|or|but|since|until|till|from|in|on|at|for|with|because|when|while|though|"
    r"although|so|as|over|to|any|anymore|too|every|right|now|again|together|by|these|very|a lot|more|most|which|who|that|of|"
    r"especially|instead|after|before|than|also|already|myself)\b",
    re.IGNORECASE,
)
_NOUN_BEFORE = re.compile(
    r"(?:^|[,;:(]|\b(?:and|but|that|because|so|then)) ?(?:the|our|my|this|its|a|an) ((?:[^\W\d_][\w-]{1,30} ){1,3})$",
    re.IGNORECASE,
)
_NO_SUBJECT = word_set("costs cost price total fee sum there it this that these those what which who he she they we you i here all everything something nothing "
                       "everyone someone not and but or so then if when where how why as in on at by for with")  # fmt: skip
_APPOSED = re.compile(rf"({PERSON}), (?:our|the|an?|my|his|her|their) [^,;:]{{1,40}},$", re.IGNORECASE)
_LISTS = (("and", "or"), (",", "and"))  # before the last of a list, and before the others
_REPLACES = re.compile(
    rf"(?:\breplaced|(?:\b(?:am|are|is|was|were|been|started|finished|after|by)|'m|'re|'s) replacing) (?:the |our )?({NAMED}) (?:with|by) ({NAMED})",
    re.IGNORECASE,
)
_SWITCHED = re.compile(
    rf"\b(?:migrated|switched|moved) (?:[\w ]{{1,20}} )?from ({NAMED}) to ({one_of('product')})",
    re.IGNORECASE,
)
_FAVOURITE = re.compile(rf"(?:({PERSON})'s|\bmy) favou?rite [\w ]{{2,30}}? (?:is|are) ", re.IGNORECASE)
_BIRTHDAY = re.compile(rf"(?:({PERSON})'s|\bmy) birthday (?:is|was|falls) (?:on )?({DATE})", re.IGNORECASE)
_WITHIN = re.compile(
    rf"(?<!, )({one_of('place')}), ({one_of('place')})(?!(?:,| and| or|, and) {one_of('place')})"
)
_NO_OBJECTS = word_set("kinds sorts types lots couple called named going getting being having seeing doing making taking talking trying "
                       "hearing looking spending role hard bit tons ones way ways part parts side")  # fmt: skip
_GOES_ON = re.compile(
    rf" (?:{ANY}|to|on|about|at|for|with|into|up|out|down|it|them|you|your|his|her|their|the|a|an|my|new)\b|\s{ANY}"
)
_MEANT_BY_IT = {"organisation", "product", "thing", "event"}
# Before an event it says when something was: "before Christmas it cost 20 euros" is not what Christmas cost.
_WHEN = re.compile(
    r"\b(?:before|after|since|until|till|by|at|on|over|during|around|for|last|this|next|every|past)(?: the)? $",
    re.IGNORECASE,
)
_COLLECTIVE = word_set(
    "club team association band choir group union society orchestra party league committee board council gym guild"
)


@dataclass(frozen=True, slots=True)
class Subject:
    name: str
    confidence: float
    at: int
    """Where it stands in the clause."""


class Reader:
    """Reads the clauses of one passage in order, and remembers whom "he" and "it" may mean."""

    def __init__(self, occurred_at: datetime | None) -> None:
        self.statements: list[Statement] = []
        self.things: list[Mention] = []
        """Mentions that exist only because something is said of them."""
        self._occurred_at = occurred_at
        self._people: list[str] = []
        self._things: list[str] = []
        self._seen: set[tuple[str, str, str, bool]] = set()

    def read(self, clause: Clause) -> None:
        if "?" not in clause.text[-3:] and clause.mentions:
            self._read_forms(clause)
            self._read_verbs(clause)
            self._read_roles(clause)
        self._remember(clause)

    def _remember(self, clause: Clause) -> None:
        people, things = self._spoken_of(clause, len(clause.text))
        self._people += people
        self._things += things

    def _spoken_of(self, clause: Clause, end: int) -> tuple[list[str], list[str]]:
        """The people and the things that a clause names before a place, as "he" and "it" may mean them."""
        people: list[str] = []
        things: list[str] = []
        for each, place in zip(clause.mentions, clause.places, strict=True):
            if place >= end:
                continue
            if each.kind == "person" and each.name != clause.speaker:
                people.append(each.name)
            elif each.kind in _MEANT_BY_IT and not (
                each.kind == "event" and _WHEN.search(clause.text, max(0, place - 12), place)
            ):
                things.append(each.name)
        return people, things

    def _say(
        self,
        clause: Clause,
        subject: str,
        predicate: str,
        object: str,
        confidence: float,
        valid: Validity | None = None,
    ) -> None:
        valid = valid or Validity()
        key = (subject, predicate, object, valid.negated)
        if not subject or not object or subject.lower() == object.lower() or key in self._seen:
            return
        self._seen.add(key)
        self.statements.append(
            Statement(
                subject,
                predicate,
                object,
                confidence,
                clause.start,
                clause.end,
                valid.start,
                valid.end,
                valid.negated,
                valid.over_by,
            )
        )

    # Forms that are no verb with a subject and an object.

    def _read_forms(self, clause: Clause) -> None:
        text = clause.text
        for kin in kinship(clause, lambda word, at: self._owners(clause, word, at)):
            if not _is_said(text, kin.at):
                continue
            manner = Manner(past=True, ends=True) if kin.ends else Manner(begins=True)
            valid = validity(clause, 0, len(text), manner, self._occurred_at)
            timed = valid if kin.predicate == "married_to" else None
            if kin.former:
                timed = Validity(None, self._occurred_at)
            self._say(clause, kin.subject, kin.predicate, kin.object, GUESSED if kin.guessed else SURE, timed)
        for found in [*_REPLACES.finditer(text), *_SWITCHED.finditer(text)]:
            if not _is_said(text, found.start()):
                continue
            valid = validity(
                clause, found.end(), len(text), Manner(past=True, begins=True), self._occurred_at
            )
            self._say(clause, *self._names(clause, found, "replaced_by"), LIKELY, valid)
        for found in _WITHIN.finditer(text):
            self._say(clause, *self._names(clause, found, "located_in"), LIKELY)
        for found in _BIRTHDAY.finditer(text):
            who = clause.mention(found[1]).name if found[1] else clause.speaker
            self._say(clause, who, "born_on", clause.mention(found[2]).name, SURE)
        for found in _FAVOURITE.finditer(text):
            who = clause.mention(found[1]).name if found[1] else clause.speaker
            for name in self._objects(clause, found.end(), NAMED, noun=True, several=True):
                self._say(clause, who, "likes", name, SURE)

    def _names(self, clause: Clause, found: re.Match[str], predicate: str) -> tuple[str, str, str]:
        return clause.mention(found[1]).name, predicate, clause.mention(found[2]).name

    def _owners(self, clause: Clause, word: str, at: int) -> list[str]:
        """Whom "his", "her" and "their" mean."""
        here = [
            each.name
            for each, place in zip(clause.mentions, clause.places, strict=True)
            if place < at and each.kind == "person"
        ]
        people = list(dict.fromkeys([*self._people, *here]))
        return people[-2:] if word == "their" and len(people) > 1 else people[-1:]

    def _read_roles(self, clause: Clause) -> None:
        for role in roles.roles(clause):
            if not _is_said(clause.text, role.noun_start):
                continue
            who = (
                self._pronoun(clause, role.who, role.start)
                if len(role.who) > 1
                else clause.mention(role.who).name
            )
            if not who:
                continue
            name = self._thing(clause, role.noun_start, role.noun_end)
            manner = Manner(
                begins=role.becomes, negated=role.negated, past=role.was, past_ends=True, is_role=True
            )
            valid = validity(clause, 0, len(clause.text), manner, self._occurred_at)
            confidence = GUESSED if len(role.who) > 1 else SURE
            is_person = role.is_person and (len(role.who) == 1 or self._is_person(clause, who))
            if not (role.former and (role.becomes or role.organisation)):
                # A former engineer of one may be an engineer of another.
                self._say(clause, who, "has_role" if is_person else "is_a", name, confidence, valid)
            if role.organisation and not role.negated:
                self._say(clause, who, "works_at", clause.mention(role.organisation).name, confidence, valid)

    def _is_person(self, clause: Clause, name: str) -> bool:
        return name in self._people or any(e.name == name and e.kind == "person" for e in clause.mentions)

    # Verbs.

    def _read_verbs(self, clause: Clause) -> None:
        found = sorted(
            ((match, rule) for rule in RULES for match in rule.verb.finditer(clause.text)),
            key=lambda each: (each[0].start(), -each[0].end()),
        )
        carried: list[Subject] = []
        for number, (match, rule) in enumerate(found):
            after = (each.start() for each, _ in found[number + 1 :] if each.start() >= match.end())
            carried = self._read_verb(clause, match, rule, next(after, len(clause.text)), carried)

    def _read_verb(
        self, clause: Clause, match: re.Match[str], rule: Rule, until: int, carried: list[Subject]
    ) -> list[Subject]:
        """Say what a verb says; returns the subjects that "and works at" may carry on with."""
        if not _is_said(clause.text, match.start()):
            return carried
        subjects, manner = self._before(clause, match, rule, carried)
        if not subjects and _RELATIVE.search(clause.text, max(0, match.start() - 40), match.start()):
            return []  # "and her brother, who works at": what comes then is said of nobody known
        if not subjects or manner is None:
            return subjects or carried
        if manner.negated and _NO_MORE.search(clause.text, match.end(), until):
            manner.stopped = True
        # A date that opens the sentence goes with its first verb: "since 2020 I live in Rome and work for IBM".
        lead = subjects[0].at if not carried or subjects is carried else 0
        valid = validity(clause, match.end(), until, manner, self._occurred_at, lead=lead)
        if valid is not None:
            self._read_objects(clause, match.end(), until, rule, subjects, valid)
        return subjects

    def _read_objects(
        self, clause: Clause, at: int, until: int, rule: Rule, subjects: list[Subject], valid: Validity
    ) -> None:
        names = self._objects(clause, at, rule.objects, noun=rule.noun, several=rule.several)
        if rule.predicate == "costs":
            names = [name for name in names if _PRICE.search(name)]
        for subject in subjects:
            for name in names:
                who, whom = (name, subject.name) if rule.passive else (subject.name, name)
                self._say(clause, who, self._predicate(rule, name), whom, subject.confidence, valid)
        if rule.predicate == "works_at" and names and not rule.ends:
            self._read_as(clause, at, until, subjects, valid)

    def _predicate(self, rule: Rule, name: str) -> str:
        """One joins a company to work there, and a choir to sing."""
        joins = rule.predicate == "works_at" and rule.begins
        return "member_of" if joins and not _COLLECTIVE.isdisjoint(name.lower().split()) else rule.predicate

    def _read_as(self, clause: Clause, at: int, until: int, subjects: list[Subject], valid: Validity) -> None:
        """The role in "works for Bosch as an engineer"."""
        if span := roles.role_after_as(clause.text, at, until):
            name = self._thing(clause, *span)
            for subject in subjects:
                self._say(clause, subject.name, "has_role", name, subject.confidence, valid)

    def _before(
        self, clause: Clause, match: re.Match[str], rule: Rule, carried: list[Subject]
    ) -> tuple[list[Subject], Manner | None]:
        """Who does it, and how it is said to be done; no manner where it is only thought of."""
        left = clause.text[max(0, match.start() - 100) : match.start()]
        base = match.start() - len(left)
        tokens = list(_TOKEN.finditer(left))
        light: list[str] = []
        while (
            tokens and len(light) < 8 and (tokens[-1][0].lower() in _LIGHT or self._is_auxiliary_to(tokens))
        ):
            light.append(tokens.pop()[0].lower())
        manner = manner_of(match[0], light, begins=rule.begins, ends=rule.ends, past_ends=rule.past_ends)
        manner.negated = bool(_NOT.intersection(light))
        if match[0].split()[0].lower().endswith(("ing", "into")) and _BE.isdisjoint(light):
            return [], None
        if _HYPOTHETICAL.intersection(light) and "used" not in light:
            return [], None
        return self._subjects(clause, tokens, base, match, rule, carried, helped=bool(light)), manner

    @staticmethod
    def _is_auxiliary_to(tokens: Sequence[re.Match[str]]) -> bool:
        return (
            tokens[-1][0].lower() == "to" and len(tokens) > 1 and tokens[-2][0].lower() in {"used", "going"}
        )

    def _subjects(
        self, clause: Clause, tokens: list[re.Match[str]], base: int, match: re.Match[str], rule: Rule,
        carried: list[Subject], *, helped: bool,
    ) -> list[Subject]:  # fmt: skip
        if tokens and tokens[-1][0].lower() in {"who", "which", "that"}:
            tokens.pop()
            carried = []  # whoever stands before "who", and nobody from before
            if len(tokens) > 1 and tokens[-1][0] == "," and re.match(NAMED, tokens[-2][0]):
                tokens.pop()
        if not tokens:
            return []
        if apposed := _APPOSED.search(clause.text, base, base + tokens[-1].end()):
            return [Subject(clause.mention(apposed[1]).name, LIKELY, apposed.start())]
        last, word = tokens[-1], tokens[-1][0].lower()
        if re.match(rule.subjects, last[0]):
            found = self._joined(clause, tokens, base, match)
            return found if helped or _agrees(match[0], clause.mention(last[0]), found) else []
        if word in {"he", "she"} or (word == "it" and rule.subjects != PERSON):
            name = self._pronoun(clause, word, base + last.start())
            return [Subject(name, GUESSED, base + last.start())] if name else []
        if word in _CARRIES:
            return [each for each in carried if _may_be(clause.text[each.at], rule)]
        if rule.noun_subject and (noun := _NOUN_BEFORE.search(clause.text, base, base + last.end() + 1)):
            start, end = noun.start(1), noun.end(1) - 1
            words = noun[1].lower().split()
            if _NO_SUBJECT.isdisjoint(words) and not words[-1].endswith("ly") and words[-1] not in ABSTRACT:
                return [Subject(self._thing(clause, start, end), LIKELY, start)]
        return []

    def _joined(
        self, clause: Clause, tokens: Sequence[re.Match[str]], base: int, match: re.Match[str]
    ) -> list[Subject]:
        """The subject before a verb, and with a verb in the plural those that "and" puts before it."""
        last = clause.mention(tokens[-1][0])
        found = [Subject(last.name, SURE, base + tokens[-1].start())]
        if match[0].split()[0].endswith("s") or last.text == "I":
            return found
        at = len(tokens) - 2
        while at > 0 and tokens[at][0] in _LISTS[len(found) > 1] and re.match(NAMED, tokens[at - 1][0]):
            before = tokens[at - 1]
            found.insert(0, Subject(clause.mention(before[0]).name, LIKELY, base + before.start()))
            at -= 2
        return found

    def _pronoun(self, clause: Clause, word: str, at: int) -> str:
        """Whom or what "he", "she" or "it" means: the one spoken of last, in this clause or before."""
        here = self._spoken_of(clause, at)
        people, things = self._people + here[0], self._things + here[1]
        if word == "it":
            return things[-1] if things else ""
        return people[-1] if people else things[-1] if things else ""

    def _objects(self, clause: Clause, at: int, kinds: str, *, noun: bool, several: bool) -> list[str]:
        found: list[str] = []
        text = clause.text
        while len(found) < 10:
            at = after_determiners(text, at)
            if at < len(text) and re.match(kinds, text[at]):
                found.append(clause.mention(text[at]).name)
                if clause.mention(text[at]).kind == "thing" and not _BOUNDARY.match(text, at + 1):
                    found.pop()  # "joined an LGBTQ group" names no group
                    break
                version = _VERSION.match(text, at + 1)
                at = version.end() if version else at + 1
            elif noun and (end := noun_end(text, at)) > at and _BOUNDARY.match(text, end):
                if not _is_object(text, at, end):
                    break
                found.append(self._thing(clause, at, end))
                at = end
            else:
                break
            joined = _JOINED.match(text, at) if several else None
            if not joined:
                break
            at = joined.end() - 1
        return found

    def _thing(self, clause: Clause, start: int, end: int) -> str:
        """A mention of kind thing for words of a clause; its name."""
        text = clause.text[start:end]
        first = clause.offset(start)
        mention = Mention(first, first + len(text), text, "thing", " ".join(text.split()))
        self.things.append(mention)
        return mention.name


def _is_said(text: str, at: int) -> bool:
    """Whether what a clause says at a place is said to be so, and not only supposed, believed, wished or denied."""
    if _CONDITION.search(text, 0, at):
        return False
    thought = [*_NOT_SAID.finditer(text, 0, at)]
    return not thought or bool(_SAID_AGAIN.search(text, thought[-1].end(), at))


def _is_object(text: str, at: int, end: int) -> bool:
    """Whether words name a thing by themselves: not in "love going to", "playing kinds of", "like the look of"."""
    last = text[at:end].split()[-1].lower()
    if last in ABSTRACT | PERSON_ROLES or last in _NO_OBJECTS or text.startswith(" of ", end):
        return False
    return not (last.endswith("ing") and _GOES_ON.match(text, end))


def _may_be(subject: str, rule: Rule) -> bool:
    """Whether a mention's character may be the subject of a rule; a pronoun's first letter may."""
    return bool(re.match(rule.subjects, subject)) or not re.match(ANY, subject)


def _agrees(verb: str, last: Mention, subjects: Sequence[Subject]) -> bool:
    """Whether a verb without an auxiliary may be that of a subject: not in "apps like Trello"."""
    return last.text.lower() == "i" or len(subjects) > 1 or verb.split()[0].lower() not in _BARE


def sentences_of(text: str, ends: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The bounds of the sentences that end at these places, without the blanks around them."""
    start = 0
    for end in [*ends, len(text)]:
        sentence = text[start:end]
        if stripped := sentence.strip():
            first = start + len(sentence) - len(sentence.lstrip())
            yield first, first + len(stripped)
        start = end
