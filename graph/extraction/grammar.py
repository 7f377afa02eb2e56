"""Which words say which predicate, and between what."""

import re
from dataclasses import dataclass

from graph.extraction.clauses import DATE, NAMED, PERSON, one_of

_ORG = one_of("organisation", "product", "thing")
_THING = one_of("product", "thing", "event", "organisation", "place")
_TECH = one_of("product", "thing", "organisation", "identifier")


@dataclass(frozen=True, slots=True)
class Rule:
    predicate: str
    verb: re.Pattern[str]
    objects: str
    """The mentions that may be the object, as a class of characters."""
    noun: bool = False
    """Words that are no mention may be the object too, and become one."""
    several: bool = False
    subjects: str = PERSON
    noun_subject: bool = False
    """Words that are no mention may be the subject: "the billing service"."""
    begins: bool = False
    """It holds from a time that is told: "moved to"."""
    ends: bool = False
    """It holds until then: "left"."""
    past_ends: bool = False
    """In the past tense it is over."""
    passive: bool = False
    """Subject and object change places."""


def _rule(
    predicate: str, verb: str, objects: str, *, noun: bool = False, several: bool = False, subjects: str = PERSON,
    noun_subject: bool = False, begins: bool = False, ends: bool = False, past_ends: bool = False, passive: bool = False,
) -> Rule:  # fmt: skip
    pattern = re.compile(rf"(?<![\w-])(?:{verb})(?![\w'-])", re.IGNORECASE)
    return Rule(
        predicate, pattern, objects, noun, several, subjects, noun_subject, begins, ends, past_ends, passive
    )


RULES = (
    _rule("works_at", r"(?:works?|working|worked|employed|interning|interned)(?: as [^.,;]{1,40}?)? (?:at|for|by)", _ORG, past_ends=True),
    _rule("works_at", r"(?:got|have|has|landed|found|start|starts|started|starting|began)(?: (?:a|an|my|his|her|their|the|this|new|first|second|full-time|part-time|summer|great|dream)){0,4} (?:job|position|role|internship) (?:at|with)", _ORG, begins=True),
    _rule("works_at", r"(?:took|accepted)(?: \w+){0,4} (?:job|position|role|internship|offer) (?:at|with|from)", _ORG, begins=True),
    _rule("works_at", r"(?:teach|teaches|teaching|taught) at", _ORG, past_ends=True),
    _rule("works_at", r"(?:join|joined|joining|started at|starting at|start at|began at|started working (?:at|for)|starts at|hired by)", one_of("organisation", "thing"), begins=True),
    _rule("works_at", r"(?:left|quit|quitting|leaving|resigned from|retired from)", one_of("organisation", "thing"), ends=True),
    _rule("works_at", r"(?:left|quit|quitting|leaving|lost|resigned from)(?: my| his| her| their| the)(?: \w+)? (?:job|position|post|role) (?:at|with)", _ORG, ends=True),
    _rule("works_at", r"(?:fired|sacked|laid off|let go)(?: from| by)(?: (?:my|his|her|their|the)(?: \w+)? (?:job|position|post|role) (?:at|with))?", _ORG, ends=True),
    _rule("lives_in", r"(?:lives?|living|lived|resides?|based|settled) in", one_of("place", "thing"), past_ends=True),
    _rule("lives_in", r"(?:move|moved|moving|relocate|relocated|relocating|moves)(?: back| over)?(?: from \S{1,20})? to", one_of("place", "thing"), begins=True),
    _rule("lives_in", r"(?:moved|moving|relocated)(?: away| out)? (?:from|of)", one_of("place"), ends=True),
    _rule("born_in", r"born(?: and raised)?(?: on \S{1,4})? in", one_of("place")),
    _rule("born_on", rf"born(?: in {one_of('place')})?(?: on| in)?", DATE),
    _rule("likes", r"(?:likes?|liked|loves?|loved|enjoys?|enjoyed|adores?|am (?:a )?(?:big |huge )?fan of|'m (?:a )?(?:big |huge )?fan of|is (?:a )?(?:big |huge )?fan of|into)", _THING, noun=True, several=True),
    _rule("dislikes", r"(?:dislikes?|disliked|hates?|hated|despises?|detests?|can't stand|cannot stand)", _THING, noun=True, several=True),
    _rule("prefers", r"(?:prefers?|preferred)", _THING, noun=True),
    _rule("owns", r"(?:owns?|owned)", one_of("product", "thing"), noun=True, past_ends=True),
    _rule("owns", r"(?:bought|purchased)", one_of("product", "thing"), noun=True, begins=True),
    _rule("owns", r"(?:have|has|'ve got|'s got)", one_of("product")),
    _rule("uses", r"(?:uses?|using|used|switched to|migrated to|runs on|is built (?:on|with)|built (?:on|with))", _TECH, several=True, subjects=NAMED, noun_subject=True),
    _rule("knows", r"(?:knows?|knew)", one_of("product"), several=True),
    _rule("knows", r"(?:knows?|met)", PERSON, several=True),
    _rule("speaks", r"(?:speaks?|spoke|fluent in)", one_of("thing"), noun=True, several=True),
    _rule("studies_at", r"(?:(?:studies|study|studying|studied)(?: [\w ]{1,30}?)? at(?: the)?|enrolled (?:at|in))", _ORG, past_ends=True),
    _rule("studies_at", r"graduated from", _ORG, ends=True),
    _rule("studies", r"(?:studies|study|studying|studied|majoring in|majored in)", one_of("thing"), noun=True, several=True),
    _rule("plays", r"(?:plays?|playing|played)", one_of("thing", "product"), noun=True, several=True),
    _rule("allergic_to", r"allergic to", one_of("thing", "product"), noun=True, several=True),
    _rule("member_of", r"(?:(?:a |an )?member of|belongs? to)", one_of("organisation", "thing")),
    _rule("visited", r"(?:visited|been to|went to|travell?ed to|flew to|attended|toured)", one_of("place", "event", "organisation"), several=True),
    _rule("created", r"(?:founded|co-founded|wrote|created|invented|built|developed|composed|painted|designed|authored|directed|published)", one_of("organisation", "product", "thing", "identifier"), noun=True),
    _rule("created", r"(?:founded|created|written|invented|built|developed|composed|painted|designed|made|directed) by", one_of("person", "organisation"), subjects=NAMED, passive=True, several=True),
    _rule("located_in", r"(?:(?:located|based|headquartered|situated|held|takes? place|took place)(?: on \S)? (?:in|at)|is in|are in|lies in|is (?:on )?[" + DATE[1:-1] + r"] (?:at|in))", one_of("place"), subjects=one_of("place", "organisation", "event", "product", "thing"), noun_subject=True),
    _rule("part_of", r"(?:(?:a )?part of|(?:a )?subsidiary of|owned by|acquired by)", one_of("organisation", "product", "place"), subjects=NAMED, noun_subject=True),
    _rule("happened_on", rf"(?:takes? place|took place|held|starts?|started|begins?|is|was|happened|scheduled for|opens?)(?: in {one_of('place')}| at {one_of('place')})?(?: on| in| from)?", DATE, subjects=one_of("event")),
    _rule("costs", r"(?:costs?|costed|cost me|priced at|sells for|sold for)", one_of("amount"), subjects=one_of("product", "thing"), noun_subject=True),
    _rule("married_to", r"(?:married to|married)", PERSON, begins=True),
    _rule("married_to", r"divorced(?: from)?", PERSON, ends=True),
    _rule("partner_of", r"engaged to", PERSON, begins=True),
    _rule("reports_to", r"(?:reports?|reporting) to", PERSON),
    _rule("depends_on", r"(?:depends? on|depended on|relies on|rely on|requires?|needs?)", _TECH, subjects=_TECH, noun_subject=True, several=True),
    _rule("replaced_by", r"(?:replaced|superseded|succeeded) by", _TECH, subjects=_TECH, noun_subject=True, begins=True),
)  # fmt: skip
