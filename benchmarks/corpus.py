"""Sentences as people write them to assistants, as many as wanted, the same for the same seed.

Composed from topics so that their vectors form clusters, as those of real conversations do.
"""

import random
from collections.abc import Iterator

PEOPLE = (
    "Ana Ben Carla Dev Elif Femi Greta Hugo Ines Jonas Kira Liam Mara Nils Olga Pavel Quinn Rosa Sami Tara Umar Vera Wim Xena "
    "Yann Zoe my sister|my brother|my boss|our neighbour|the landlord|my dentist|a colleague|the teacher"
)
TOPICS: dict[str, tuple[str, str, str]] = {
    "garden": ("planted watered pruned dug fertilised", "tomatoes roses lavender beans hedge lawn apples basil", "garden balcony greenhouse yard"),
    "cooking": ("baked cooked fried burnt tasted", "bread curry soup lasagne dumplings pancakes stew salad", "kitchen restaurant canteen market"),
    "travel": ("booked cancelled visited missed planned", "flight train ferry hotel hostel tour visa itinerary", "Lisbon Oslo Kyoto Lima Cairo Tallinn Porto Hanoi"),
    "work": ("finished postponed presented reviewed estimated", "report budget prototype migration contract audit roadmap invoice", "office meeting workshop standup"),
    "music": ("practised recorded composed bought tuned", "guitar piano violin drums cello song album setlist", "studio concert rehearsal festival"),
    "health": ("booked skipped finished started discussed", "check-up therapy vaccination diet treatment prescription scan", "clinic hospital pharmacy gym"),
    "pets": ("adopted fed walked trained lost", "cat dog rabbit parrot hamster tortoise kitten puppy", "park shelter garden vet"),
    "code": ("deployed debugged refactored benchmarked rewrote", "parser scheduler index cache driver migration pipeline compiler", "staging production laptop cluster"),
    "sport": ("won lost watched trained for signed up for", "marathon match tournament regatta climb relay derby league", "stadium pool hall track"),
    "school": ("passed failed submitted revised postponed", "exam essay thesis course project lecture homework seminar", "university library school campus"),
    "home": ("repaired painted sold cleaned rented", "roof kitchen boiler window fence sofa apartment bathroom", "house flat cellar attic"),
    "art": ("painted sketched exhibited framed restored", "portrait landscape sculpture mural etching watercolour photograph", "gallery museum studio workshop"),
}  # fmt: skip
WHEN = "yesterday|last week|this morning|on Monday|on Friday|in March|in July|before Christmas|two days ago|at noon|tonight|last year"
WHY = (
    "because the deadline moved|although it rained all day|and it took three hours|but nobody noticed|so we celebrated afterwards|"
    "which was cheaper than expected|and I want to remember that|even though it cost {n} euros|for the {n}th time|with {n} people"
)
FRAMES = (
    "{who} {did} the {thing} {place} {when} {why}.",
    "{when_} {who} {did} a new {thing} {place}, {why}.",
    "I told you that {who} {did} the {thing} {when}, {why}.",
    "Could you remind me that {who} {did} the {thing} {place} {when}?",
    "The {thing} that {who} {did} {when} is still {place}.",
)
QUESTIONS = (
    "Who {did} the {thing} {place}?",
    "When did {who} take care of the {thing}?",
    "What happened with the {thing} {place}?",
    "Where is the {thing} that {who} {did}?",
)


def _people() -> list[str]:
    named, _, rest = PEOPLE.partition("my sister")
    return named.split() + ("my sister" + rest).split("|")


def _parts(rnd: random.Random) -> dict[str, str]:
    verbs, things, places = TOPICS[rnd.choice(list(TOPICS))]
    when = rnd.choice(WHEN.split("|"))
    number = str(rnd.randint(2, 9999))
    return {
        "who": rnd.choice(_people()),
        "did": rnd.choice(verbs.split()),
        "thing": rnd.choice(things.split()),
        "place": "in the " + rnd.choice(places.split()),
        "when": when,
        "when_": when.capitalize(),
        "why": rnd.choice(WHY.split("|")).format(n=number),
    }


def sentences(count: int, *, seed: int = 1) -> Iterator[str]:
    """``count`` messages of about 15 words."""
    rnd = random.Random(seed)
    for _ in range(count):
        yield rnd.choice(FRAMES).format(**_parts(rnd))


def questions(count: int, *, seed: int = 2) -> Iterator[str]:
    """``count`` questions about such messages."""
    rnd = random.Random(seed)
    for _ in range(count):
        yield rnd.choice(QUESTIONS).format(**_parts(rnd))
