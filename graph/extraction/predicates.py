"""The closed list of what a statement may say."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Predicate:
    name: str
    description: str
    symmetric: bool = False
    """It holds the other way round too."""
    functional: bool = False
    """One object at a time: a new one ends the old one."""


_ALL = (
    Predicate("works_at", "is employed by an organisation", functional=True),
    Predicate("has_role", "has a profession, post or title", functional=True),
    Predicate("reports_to", "has the object as boss or manager", functional=True),
    Predicate("lives_in", "has its home in a place", functional=True),
    Predicate("born_on", "date of birth", functional=True),
    Predicate("born_in", "place of birth", functional=True),
    Predicate("married_to", "is husband or wife of", symmetric=True, functional=True),
    Predicate("partner_of", "is the partner of, not known to be married", symmetric=True, functional=True),
    Predicate("parent_of", "is mother or father of"),
    Predicate("sibling_of", "is sister or brother of", symmetric=True),
    Predicate("friend_of", "is a friend of", symmetric=True),
    Predicate("colleague_of", "works together with", symmetric=True),
    Predicate("likes", "likes, loves or enjoys"),
    Predicate("dislikes", "dislikes or hates"),
    Predicate("prefers", "prefers to others of its kind", functional=True),
    Predicate("allergic_to", "is allergic to"),
    Predicate("owns", "owns or has bought"),
    Predicate("uses", "uses a product or thing"),
    Predicate("knows", "knows a person, or how to use something"),
    Predicate("speaks", "speaks a language"),
    Predicate("studies_at", "is or was a student of a school or university", functional=True),
    Predicate("studies", "studies a subject"),
    Predicate("plays", "plays an instrument, sport or game"),
    Predicate("member_of", "is a member of a club, team or group"),
    Predicate("visited", "was at a place or event"),
    Predicate("created", "made, wrote or founded"),
    Predicate("located_in", "stands or takes place in a place", functional=True),
    Predicate("part_of", "is a part or subsidiary of"),
    Predicate("is_a", "is a thing of this kind"),
    Predicate("happened_on", "date of an event, past or planned", functional=True),
    Predicate("costs", "price", functional=True),
    Predicate("depends_on", "needs the object to work"),
    Predicate("replaced_by", "the object took its place", functional=True),
    Predicate("related_to", "is related in another way", symmetric=True),
)
PREDICATES = {each.name: each for each in _ALL}
SYMMETRIC = frozenset(name for name, each in PREDICATES.items() if each.symmetric)
# Those of which a later statement ends the earlier one.
FUNCTIONAL = frozenset(name for name, each in PREDICATES.items() if each.functional)
# Those of which it ends the earlier ones of both, whoever is named first.
MUTUAL = FUNCTIONAL & SYMMETRIC
