"""What held at a moment, as it was known at another, against a replay of all that was ever said."""

import random
import re
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from graph import merging, neighbourhoods, queries, rows, services
from graph.extraction import FUNCTIONAL, MUTUAL, SYMMETRIC, Statement
from graph.models import Entity, Relation
from graph.services import Source
from graph.stores.postgres import PostgresStore
from memories import services as memories
from memos_project.db import tenant_scope
from memos_project.errors import Conflict, NotFound
from tests.factories import new_memory, saying, statement

pytestmark = pytest.mark.django_db

START = datetime(2020, 1, 1, tzinfo=UTC)
PEOPLE = ("Ada", "Ben", "Cleo")
PLACES = ("Berlin", "Paris", "Rome", "Oslo")
PREDICATES = ("lives_in", "visited", "married_to", "friend_of")


def day(number: int) -> datetime:
    return START + timedelta(days=number)


def said(subject: str, predicate: str, object_: str, number: int, **more) -> Statement:
    return statement(subject, predicate, object_, day(number), **more)


@pytest.fixture
def learn(tenant):
    """Have a memory say something, a new one or one that said something else; returns its id."""

    def learn(
        *statements: Statement,
        memory_id: UUID | None = None,
        at: datetime = START,
        content_hash: str = "hash",
    ) -> UUID:
        if memory_id is None:
            memory_id = memories.remember(tenant, [new_memory()], actor="test")[0].id
        with tenant_scope(tenant.id):
            services.learn(
                tenant.id,
                [
                    (
                        Source(memory_id, content_hash, at),
                        saying(*statements, **dict.fromkeys(PLACES, "place")),
                    )
                ],
            )
        return memory_id

    return learn


@pytest.fixture
def entity(tenant):
    def entity(name: str) -> UUID:
        return queries.search(tenant.id, name)[0].id

    return entity


def objects(facts) -> list[str]:
    return [fact.object for fact in facts]


class TestFunctional:
    def test_a_new_one_ends_the_old(self, tenant, learn, entity):
        learn(said("Ada", "lives_in", "Berlin", 0))
        learn(said("Ada", "lives_in", "Paris", 100))
        ada = entity("Ada")
        assert objects(queries.as_of(tenant.id, ada, at=day(99))) == ["Berlin"]
        assert objects(queries.as_of(tenant.id, ada, at=day(100))) == ["Paris"]
        old, new = queries.timeline(tenant.id, ada)
        assert (old.valid_to, old.superseded_by) == (day(100), new.id)
        assert (new.valid_to, new.superseded_by) == (None, None)

    def test_what_is_learned_late_finds_its_place(self, tenant, learn, entity):
        learn(said("Ada", "lives_in", "Paris", 100))
        learn(said("Ada", "lives_in", "Berlin", 0))
        assert objects(queries.as_of(tenant.id, entity("Ada"))) == ["Paris"]
        assert objects(queries.as_of(tenant.id, entity("Ada"), at=day(5))) == ["Berlin"]

    def test_others_stand_side_by_side(self, tenant, learn, entity):
        learn(said("Ada", "visited", "Berlin", 0), said("Ada", "visited", "Paris", 1))
        assert objects(queries.as_of(tenant.id, entity("Ada"))) == ["Berlin", "Paris"]

    def test_a_denial_ends_what_it_denies(self, tenant, learn, entity):
        learn(said("Ada", "lives_in", "Berlin", 0))
        learn(said("Ada", "lives_in", "Berlin", 50, negated=True))
        assert objects(queries.as_of(tenant.id, entity("Ada"), at=day(49))) == ["Berlin"]
        assert queries.as_of(tenant.id, entity("Ada"), at=day(50)) == []


def now_of(tenant, entity_id: UUID) -> list[str]:
    """The objects of what holds now, on which all who work that out must agree."""
    facts = queries.as_of(tenant.id, entity_id)
    ends = {end for fact in facts for end in (fact.subject_id, fact.object_id)}
    near = PostgresStore().related(tenant.id, entity_id, limit=100).found
    assert {each.node.id for each in near} == ends - {entity_id}
    with tenant_scope(tenant.id):
        everyone = [*Entity.objects.values_list("pk", flat=True)]
        at = rows.moment(datetime.now(UTC))
        held = {
            each.id
            for each in rows.relations_of(tenant.id, everyone)
            if each.begins <= at < each.ends and entity_id in (each.subject_id, each.object_id)
        }
    assert held == {fact.id for fact in facts}
    return objects(facts)


class TestEnds:
    """What is told with its end, as "left in 2022", "used to" and "until May" are."""

    def test_it_ends_what_was_said_before(self, tenant, learn, entity):
        learn(said("Ada", "works_at", "Intel", 0))
        learn(statement("Ada", "works_at", "Intel", None, valid_to=day(50)), at=day(60))
        ada = entity("Ada")
        assert now_of(tenant, ada) == []
        assert {*objects(queries.as_of(tenant.id, ada, at=day(49)))} == {"Intel"}
        assert objects(queries.as_of(tenant.id, ada, at=day(50))) == []

    def test_what_began_afterwards_goes_on(self, tenant, learn, entity):
        learn(said("Ada", "works_at", "Intel", 55))
        learn(statement("Ada", "works_at", "Intel", None, valid_to=day(50)), at=day(60))
        assert now_of(tenant, entity("Ada")) == ["Intel"]

    def test_what_is_only_told_as_past_held_right_before(self, tenant, learn, entity):
        learn(statement("Ada", "lives_in", "Berlin", None, valid_to=day(50)), at=day(60))
        ada = entity("Ada")
        assert objects(queries.as_of(tenant.id, ada, at=day(49))) == ["Berlin"]
        assert objects(queries.as_of(tenant.id, ada, at=day(50))) == []
        [fact] = queries.timeline(tenant.id, ada)
        assert (fact.valid_from, fact.valid_to) == (day(49), day(50))

    def test_what_was_once_does_not_end_what_has_come_since(self, tenant, learn, entity):
        learn(said("Ada", "works_at", "Intel", 0))
        learn(said("Ada", "works_at", "Zeiss", 30))
        learn(statement("Ada", "works_at", "Intel", None, valid_to=day(60)), at=day(60))
        learn(statement("Ada", "works_at", "Shell", None, valid_to=day(70)), at=day(70))
        assert now_of(tenant, entity("Ada")) == ["Zeiss"]

    def test_a_time_that_is_told_is_not_all_of_it(self, tenant, learn, entity):
        learn(said("Ada", "works_at", "Intel", 0))
        learn(said("Ada", "works_at", "Intel", 30, valid_to=day(50)))
        assert {*now_of(tenant, entity("Ada"))} == {"Intel"}

    def test_what_began_within_it_is_over_with_it(self, tenant, learn, entity):
        learn(said("Ada", "works_at", "Intel", 40))
        learn(said("Ada", "works_at", "Intel", 30, valid_to=day(50)))
        assert now_of(tenant, entity("Ada")) == []

    @pytest.mark.parametrize("late", [False, True])
    def test_what_begins_at_its_very_end_goes_on(self, tenant, learn, entity, late):
        told = [said("Ada", "works_at", "Intel", 0, valid_to=day(50)), said("Ada", "works_at", "Intel", 50)]
        for each in reversed(told) if late else told:
            learn(each)
        ada = entity("Ada")
        assert [
            (fact.valid_from, fact.valid_to, fact.superseded_by) for fact in queries.timeline(tenant.id, ada)
        ] == [
            (day(0), day(50), None),
            (day(50), None, None),
        ]

    def test_who_quits_on_the_very_day_does_not_stay(self, tenant, learn, entity):
        learn(said("Ada", "works_at", "Intel", 60))
        learn(statement("Ada", "works_at", "Intel", None, valid_to=day(60)), at=day(60))
        assert now_of(tenant, entity("Ada")) == []

    @pytest.mark.parametrize("former", [("Ada", "Cleo"), ("Cleo", "Ada"), ("Ben", "Cleo")])
    def test_nor_does_it_end_a_marriage(self, tenant, learn, entity, former):
        learn(said("Ada", "married_to", "Ben", 0))
        learn(statement(former[0], "married_to", former[1], None, valid_to=day(50)), at=day(60))
        assert now_of(tenant, entity("Ada")) == ["Ben"]

    def test_a_day_that_is_told_for_today_is_no_date(self, tenant, learn, entity):
        learn(said("Ada", "lives_in", "Berlin", 0))
        learn(said("Ada", "lives_in", "Rome", 59))
        learn(
            statement("Ada", "lives_in", "Berlin", None, valid_to=day(60)), at=day(60) + timedelta(hours=10)
        )
        ada = entity("Ada")
        assert now_of(tenant, ada) == ["Rome"]
        assert objects(queries.as_of(tenant.id, ada, at=day(60))) == ["Rome"]

    def test_what_ended_within_a_period_is_over_by_its_end(self, tenant, learn, entity):
        learn(said("Ada", "works_at", "Intel", 40))
        learn(statement("Ada", "works_at", "Intel", None, valid_to=day(20), over_by=day(60)), at=day(90))
        ada = entity("Ada")
        assert now_of(tenant, ada) == []
        assert objects(queries.as_of(tenant.id, ada, at=day(59))) == ["Intel"]
        assert [(each.valid_from, each.valid_to) for each in queries.timeline(tenant.id, ada)] == [
            (day(19), day(20)),
            (day(40), day(60)),
        ]

    @pytest.mark.parametrize("over", [day(50), day(60) - timedelta(hours=10)])
    def test_since_when_nobody_says_ends_nothing_else(self, tenant, learn, entity, over):
        learn(said("Ada", "lives_in", "Berlin", 0))
        learn(statement("Ada", "lives_in", "Rome", None, valid_to=over), at=day(60))
        ada = entity("Ada")
        assert now_of(tenant, ada) == ["Berlin"]
        assert {*objects(queries.as_of(tenant.id, ada, at=over - timedelta(hours=1)))} == {"Berlin", "Rome"}

    def test_what_came_in_its_place_at_its_end_is_named(self, tenant, learn, entity):
        learn(said("Ada", "lives_in", "Berlin", 0, valid_to=day(50)))
        learn(said("Ada", "lives_in", "Rome", 50))
        berlin, rome = queries.timeline(tenant.id, entity("Ada"))
        assert (berlin.superseded_by, rome.superseded_by) == (rome.id, None)

    def test_an_end_to_come(self, tenant, learn, entity):
        learn(said("Ada", "works_at", "Intel", 0))
        learn(statement("Ada", "works_at", "Intel", None, valid_to=day(90)), at=day(60))
        ada = entity("Ada")
        assert {*objects(queries.as_of(tenant.id, ada, at=day(89)))} == {"Intel"}
        assert objects(queries.as_of(tenant.id, ada, at=day(90))) == []

    def test_forgotten_it_ends_nothing(self, tenant, learn, entity):
        learn(said("Ada", "works_at", "Intel", 0))
        memory_id = learn(statement("Ada", "works_at", "Intel", None, valid_to=day(50)), at=day(60))
        memories.forget(tenant, memory_id, actor="test")
        assert now_of(tenant, entity("Ada")) == ["Intel"]

    def test_an_end_before_its_beginning_says_nothing(self, tenant, learn, entity):
        learn(said("Ada", "works_at", "Intel", 0))
        learn(said("Ada", "works_at", "Intel", 60, valid_to=day(50)))
        assert now_of(tenant, entity("Ada")) == ["Intel"]


class TestBothWays:
    """Of what holds both ways it does not matter who is named first."""

    def test_a_denial(self, tenant, learn, entity):
        learn(said("Ada", "married_to", "Ben", 0))
        learn(said("Ben", "married_to", "Ada", 50, negated=True))
        assert objects(queries.as_of(tenant.id, entity("Ada"), at=day(49))) == ["Ben"]
        assert queries.as_of(tenant.id, entity("Ada"), at=day(50)) == []

    def test_an_end(self, tenant, learn, entity):
        learn(said("Ada", "friend_of", "Ben", 20))
        learn(said("Ben", "friend_of", "Ada", 10, valid_to=day(50)))
        assert queries.as_of(tenant.id, entity("Ada"), at=day(50)) == []

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            (("Ada", "Ben"), ("Ben", "Cleo")),
            (("Ada", "Ben"), ("Cleo", "Ben")),
            (("Ben", "Ada"), ("Cleo", "Ben")),
            (("Ben", "Ada"), ("Ben", "Cleo")),
        ],
    )
    @pytest.mark.parametrize("late", [False, True])
    def test_another_one_ends_that_of_both(self, tenant, learn, entity, first, second, late):
        said_first = said(first[0], "married_to", first[1], 0)
        said_second = said(second[0], "married_to", second[1], 50)
        for each in (said_second, said_first) if late else (said_first, said_second):
            learn(each)
        found = [
            queries.as_of(tenant.id, entity(name), at=day(at)) for name in ("Ada", "Cleo") for at in (49, 50)
        ]
        assert [{fact.subject, fact.object} for facts in found for fact in facts] == [{*first}, {*second}]

    def test_the_same_said_the_other_way_round_ends_nothing(self, tenant, learn, entity):
        learn(said("Ada", "married_to", "Ben", 0))
        learn(said("Ben", "married_to", "Ada", 50))
        assert now_of(tenant, entity("Ada")) == ["Ben", "Ada"]

    def test_what_has_a_direction_has_one(self, tenant, learn, entity):
        learn(said("Ada", "parent_of", "Ben", 0))
        learn(said("Ben", "parent_of", "Ada", 50, negated=True))
        assert now_of(tenant, entity("Ada")) == ["Ben"]


class TestKnowledge:
    def test_the_past_knew_what_it_knew(self, tenant, learn, entity):
        memory_id = learn(said("Ada", "lives_in", "Berlin", 0))
        ada = entity("Ada")
        with tenant_scope(tenant.id):
            before = Relation.objects.get(memory_id=memory_id).learned_at
        learn(said("Ada", "lives_in", "Paris", 0), memory_id=memory_id)
        assert objects(queries.as_of(tenant.id, ada)) == ["Paris"]
        assert objects(queries.as_of(tenant.id, ada, known_at=before)) == ["Berlin"]

    def test_the_same_said_again_is_known_since_the_first_time(self, tenant, learn, entity):
        memory_id = learn(said("Ada", "lives_in", "Berlin", 0))
        ada = entity("Ada")
        first = queries.timeline(tenant.id, ada)
        learn(said("Ada", "lives_in", "Berlin", 0), memory_id=memory_id)
        assert queries.timeline(tenant.id, ada) == first

    def test_with_a_memory_goes_what_it_said_and_what_it_had_ended_holds_again(self, tenant, learn, entity):
        learn(said("Ada", "lives_in", "Berlin", 0))
        memory_id = learn(said("Ada", "lives_in", "Paris", 100))
        memories.forget(tenant, memory_id, actor="test")
        assert objects(queries.as_of(tenant.id, entity("Ada"))) == ["Berlin"]
        assert queries.search(tenant.id, "Paris") == []

    def test_a_curator_ends_what_holds(self, tenant, learn, entity):
        learn(said("Ada", "lives_in", "Berlin", 0))
        [fact] = queries.timeline(tenant.id, entity("Ada"))
        denial = services.end_relation(tenant.id, fact.id, at=day(10), actor="ann")
        assert queries.as_of(tenant.id, entity("Ada")) == []
        assert objects(queries.as_of(tenant.id, entity("Ada"), at=day(9))) == ["Berlin"]
        assert denial.confirmed_by == "ann"
        with pytest.raises(Conflict, match="It ended at 2020-01-11"):
            services.end_relation(tenant.id, fact.id, at=day(20), actor="ben")
        services.end_relation(tenant.id, fact.id, at=day(5), actor="ben")
        assert queries.as_of(tenant.id, entity("Ada"), at=day(9)) == []

    def test_and_takes_it_back(self, tenant, learn, entity):
        learn(said("Ada", "lives_in", "Berlin", 0))
        [fact] = queries.timeline(tenant.id, entity("Ada"))
        denial = services.end_relation(tenant.id, fact.id, at=day(10), actor="ann")
        before = datetime.now(UTC)
        services.take_back(tenant.id, denial.pk, actor="ben")
        assert objects(queries.as_of(tenant.id, entity("Ada"))) == ["Berlin"]
        assert queries.as_of(tenant.id, entity("Ada"), known_at=before) == []
        with pytest.raises(NotFound):
            services.take_back(tenant.id, denial.pk, actor="ben")
        taken = queries.get_relation(tenant.id, denial.pk)
        assert (taken.confirmed_by, taken.taken_back_by, taken.unlearned_at is None) == ("ann", "ben", False)

    def test_what_was_misread_is_not_read_so_again(self, tenant, learn, entity):
        learn(said("Ada", "lives_in", "Berlin", 0))
        rome = learn(said("Ada", "lives_in", "Rome", 100), said("Ada", "likes", "tea", 100))
        ada = entity("Ada")
        [wrong] = [each for each in queries.timeline(tenant.id, ada) if each.object == "Rome"]
        before = datetime.now(UTC)
        services.take_back(tenant.id, wrong.id, actor="ben")
        for _ in range(2):
            assert sorted(objects(queries.as_of(tenant.id, ada))) == ["Berlin", "tea"]
            learn(said("Ada", "lives_in", "Rome", 100), said("Ada", "likes", "tea", 100), memory_id=rome)
        assert sorted(objects(queries.as_of(tenant.id, ada, known_at=before))) == ["Rome", "tea"]
        services.restore(tenant.id, wrong.id, actor="ben")
        assert sorted(objects(queries.as_of(tenant.id, ada))) == ["Rome", "tea"]
        learn(said("Ada", "lives_in", "Rome", 100), said("Ada", "likes", "tea", 100), memory_id=rome)
        assert sorted(objects(queries.as_of(tenant.id, ada))) == ["Rome", "tea"]

    def test_another_text_may_say_it(self, tenant, learn, entity):
        rome = learn(said("Ada", "lives_in", "Rome", 0))
        ada = entity("Ada")
        [wrong] = queries.timeline(tenant.id, ada)
        services.take_back(tenant.id, wrong.id, actor="ben")
        learn(said("Ada", "lives_in", "Rome", 0), memory_id=rome, content_hash="another")
        assert objects(queries.as_of(tenant.id, ada)) == ["Rome"]
        with pytest.raises(Conflict, match="something else by now"):
            services.restore(tenant.id, wrong.id, actor="ben")

    def test_what_was_misread_stays_away_when_its_text_comes_back(self, tenant, learn, entity):
        rome = learn(said("Ada", "lives_in", "Rome", 0))
        ada = entity("Ada")
        [wrong] = queries.timeline(tenant.id, ada)
        services.take_back(tenant.id, wrong.id, actor="ben")
        learn(said("Ada", "lives_in", "Rome", 0), memory_id=rome, content_hash="another")
        learn(said("Ada", "lives_in", "Rome", 0), memory_id=rome)
        assert queries.as_of(tenant.id, ada) == []

    def test_nor_is_it_read_the_other_way_round(self, tenant, learn, entity):
        wedding = learn(said("Ada", "married_to", "Ben", 0))
        [wrong] = queries.timeline(tenant.id, entity("Ada"))
        services.take_back(tenant.id, wrong.id, actor="ben")
        learn(said("Ben", "married_to", "Ada", 0), memory_id=wedding)
        assert queries.as_of(tenant.id, entity("Ada")) == []

    def test_without_it_the_text_says_what_it_says_else(self, tenant, learn, entity):
        both = (said("Ada", "lives_in", "Berlin", 0), said("Ada", "lives_in", "Rome", 0))
        moved = learn(*both)
        ada = entity("Ada")
        [wrong] = queries.timeline(tenant.id, ada)
        services.take_back(tenant.id, wrong.id, actor="ben")
        learn(*both, memory_id=moved)
        assert objects(queries.as_of(tenant.id, ada)) == ["Berlin"]

    def test_what_was_misread_to_be_over_goes_on(self, tenant, learn, entity):
        learn(said("Ada", "married_to", "Ben", 0))
        learn(said("Ada", "married_to", "Ben", 50, negated=True))
        ada = entity("Ada")
        assert queries.as_of(tenant.id, ada) == []
        with tenant_scope(tenant.id):
            over = Relation.objects.get(negated=True, subject_id=ada)
        services.take_back(tenant.id, over.pk, actor="ben")
        assert objects(queries.as_of(tenant.id, ada)) == ["Ben"]
        assert len(queries.as_of(tenant.id, entity("Ben"))) == 1

    def test_both_ways_where_it_holds_so(self, tenant, learn, entity):
        learn(said("Ada", "married_to", "Ben", 0))
        learn(said("Ben", "married_to", "Ada", 5))
        ada = entity("Ada")
        first, second = queries.timeline(tenant.id, ada)
        denial = services.end_relation(tenant.id, second.id, at=day(10), actor="ann")
        assert queries.as_of(tenant.id, ada) == []
        with pytest.raises(Conflict, match="It ended at"):
            services.end_relation(tenant.id, first.id, at=day(20), actor="ben")
        services.take_back(tenant.id, denial.pk, actor="ben")
        assert len(queries.as_of(tenant.id, ada)) == 2

    def test_only_what_a_memory_says_is_confirmed(self, tenant, learn, entity):
        learn(said("Ada", "lives_in", "Berlin", 0))
        [fact] = queries.timeline(tenant.id, entity("Ada"))
        denial = services.end_relation(tenant.id, fact.id, at=day(10), actor="ann")
        with pytest.raises(Conflict, match="A curator said so"):
            services.confirm_relation(tenant.id, denial.pk, actor="ben")
        services.confirm_relation(tenant.id, fact.id, actor="ben")
        assert queries.get_relation(tenant.id, denial.pk).confirmed_by == "ann"

    def test_what_ends_in_days_to_come_ends_then(self, tenant, learn, entity):
        learn(said("Ada", "lives_in", "Berlin", 0))
        [fact] = queries.timeline(tenant.id, entity("Ada"))
        services.end_relation(tenant.id, fact.id, at=datetime(2099, 1, 1, tzinfo=UTC), actor="ann")
        with pytest.raises(Conflict, match="It ends at 2099-01-01"):
            services.end_relation(tenant.id, fact.id, at=datetime(2099, 6, 1, tzinfo=UTC), actor="ann")


def test_the_database_knows_which_hold_both_ways_and_one_at_a_time():
    trigger = (Path(services.__file__).parent / "sql" / "projection.sql").read_text()
    named = re.findall(r"predicate IN \((.*?)\)", trigger)
    assert len(named) == 3
    assert {*named} == {", ".join(f"'{name}'" for name in sorted(MUTUAL))}


@dataclass(frozen=True)
class Event:
    """One thing said by a memory, known from one step of the log to another; None: still."""

    memory: int
    subject: str
    predicate: str
    object: str
    negated: bool
    start: int
    end: int | None
    learned: int
    unlearned: int | None = None
    is_guess: bool = False
    """Only its end was told: that it held on the day before is a guess."""
    over: "Event | None" = None
    """This is the end of that one."""


def replay(log: list[Event], person: str, at: int, step: int) -> set[tuple[str, str, str]]:
    """What held of somebody on a day, by all that was known after a step: said in order, the later overrules."""
    known = [e for e in log if e.learned <= step and (e.unlearned is None or e.unlearned > step)]
    ends = [replace(e, start=e.end, end=None, over=e) for e in known if e.end is not None]
    held: list[Event] = []
    # What a told end ends began before it: it comes first among what is of one moment.
    for event in sorted([*known, *ends], key=lambda e: (e.start, e.over is None, e.learned)):
        if event.start > at:
            break
        if event.negated or event.over:
            held = [each for each in held if not (denies(event, each) and began_in(event.over, each))]
            continue
        if event.predicate in FUNCTIONAL and not event.is_guess:
            held = [each for each in held if not rivals(event, each)]
        held.append(event)
    return {(e.subject, e.predicate, e.object) for e in held if person in (e.subject, e.object)}


def denies(event: Event, each: Event) -> bool:
    said = (each.subject, each.object)
    ways = {(event.subject, event.object)}
    if event.predicate in SYMMETRIC:
        ways.add((event.object, event.subject))
    return event.predicate == each.predicate and said in ways


def began_in(told: Event | None, each: Event) -> bool:
    """Whether something began in the time that was told with an end; without a beginning in all time before it."""
    return told is None or told.is_guess or each.start >= told.start


def rivals(event: Event, each: Event) -> bool:
    """Whether both cannot be at a time."""
    one, other = {event.subject, event.object}, {each.subject, each.object}
    if event.predicate != each.predicate or one == other:
        return False
    return bool(one & other) if event.predicate in SYMMETRIC else event.subject == each.subject


def test_every_answer_is_what_a_replay_of_the_log_gives(tenant):
    """Statements, corrections and forgettings in any order, each at a moment of its own."""
    rnd = random.Random(7)
    rows: list[Event] = []
    living: dict[int, UUID] = {}
    moments: list[datetime] = [datetime.now(UTC)]
    for step in range(1, 301):
        choice = rnd.random()
        if choice < 0.7 or not living:
            number = step
            memory_id = memories.remember(tenant, [new_memory()], actor="test")[0].id
            living[number] = memory_id
        else:
            number = rnd.choice(sorted(living))
        if choice >= 0.85 and living and number != step:
            memories.forget(tenant, living.pop(number), actor="test")
            rows = [row for row in rows if row.memory != number]
        else:
            predicate, (subject, *others) = rnd.choice(PREDICATES), rnd.sample(PEOPLE, len(PEOPLE))
            event = Event(
                number, subject, predicate, rnd.choice(others if predicate in SYMMETRIC else PLACES), rnd.random() < 0.2,
                rnd.randrange(60), None, step,
            )  # fmt: skip
            if not event.negated and rnd.random() < 0.3:
                event = replace(event, end=event.start + rnd.randrange(1, 20))
            elif not event.negated and rnd.random() < 0.2:
                event = replace(event, end=event.start + 1, is_guess=True)
            former = [row for row in rows if row.memory == number and row.unlearned is None]
            again = [
                row for row in former
                if replace(row, memory=0, learned=0) == replace(event, memory=0, learned=0)
            ]  # fmt: skip
            if not again:
                rows = [
                    Event(**{**row.__dict__, "unlearned": step}) if row in former else row for row in rows
                ] + [event]
            with tenant_scope(tenant.id):
                each = statement(
                    event.subject, event.predicate, event.object, None if event.is_guess else day(event.start),
                    negated=event.negated, valid_to=None if event.end is None else day(event.end),
                )  # fmt: skip
                # Told later than it was over, so that a guess is one.
                source = Source(living[number], "hash", day(100))
                services.learn(tenant.id, [(source, saying(each, **dict.fromkeys(PLACES, "place")))])
        moments.append(datetime.now(UTC))
    for _ in range(300):
        person, at, step = rnd.choice(PEOPLE), rnd.randrange(-1, 61), rnd.choice([300, rnd.randrange(1, 301)])
        found = queries.search(tenant.id, person)
        wanted = replay(rows, person, at, step)
        answer = queries.as_of(tenant.id, found[0].id, at=day(at), known_at=moments[step]) if found else []
        assert {(fact.subject, fact.predicate, fact.object) for fact in answer} == wanted, (person, at, step)


@pytest.mark.parametrize("seed", range(12))
def test_whoever_asks_is_told_the_same(tenant, learn, seed):
    """What holds now is worked out by three statements: as of a moment, near a node, and for a graph server."""
    rnd, now = random.Random(seed), datetime.now(UTC)

    def some_day(first: int, last: int) -> datetime:
        return now + timedelta(days=5 * rnd.randrange(first, last), hours=-7)

    def entities() -> list[UUID]:
        with tenant_scope(tenant.id):
            return [*Entity.objects.exclude(kind="concept").order_by("pk").values_list("pk", flat=True)]

    for _ in range(40):
        predicate, (subject, *others) = rnd.choice(PREDICATES), rnd.sample(PEOPLE, len(PEOPLE))
        told = statement(
            subject, predicate, rnd.choice(others if predicate in SYMMETRIC else PLACES),
            some_day(-6, 2) if rnd.random() < 0.7 else None, negated=rnd.random() < 0.2,
            valid_to=some_day(-5, 3) if rnd.random() < 0.4 else None,
        )  # fmt: skip
        learn(told, at=some_day(-6, 1))
        with tenant_scope(tenant.id):
            ended = Relation.objects.filter(negated=False, unlearned_at=None).order_by("?").first()
        if ended and rnd.random() < 0.15:
            with suppress(Conflict):
                services.end_relation(tenant.id, ended.pk, at=some_day(-4, 1), actor="ann")
    merging.merge(tenant.id, *rnd.sample(entities(), 2), actor="ann")

    of_moment, near, projected = (set[UUID]() for _ in range(3))
    for entity_id in entities():
        of_moment |= {fact.id for fact in queries.as_of(tenant.id, entity_id)}
        # Of several between two nodes a neighbourhood tells one: each predicate and each end is asked for by itself.
        around = neighbourhoods.around(tenant.id, entity_id, depth=1, limit=100, ended=True)
        near |= {(tie.subject_id, tie.predicate, tie.object_id) for tie in around.edges if not tie.is_ended}
    with tenant_scope(tenant.id):
        at = rows.moment(datetime.now(UTC))
        projected = {
            each.id for each in rows.relations_of(tenant.id, entities()) if each.begins <= at < each.ends
        }
        said = {
            (row.subject_id, row.predicate, row.object_id)
            for row in Relation.objects.filter(pk__in=of_moment)
        }
    assert of_moment == projected
    assert said == near
    for entity_id in entities():
        found = PostgresStore().related(tenant.id, entity_id, limit=100).found
        assert {each.node.id for each in found} == {
            other for one, _, two in said for other in {one, two} - {entity_id} if entity_id in (one, two)
        }
