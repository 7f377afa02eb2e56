"""Which entity a name means, and how entities are made one and parted again."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier
from uuid import UUID, uuid4

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph import merging, queries, services
from graph.models import Doubt, Entity, EntityName, Mention, Merge, NameKey, Relation
from graph.names import normal, sounds
from graph.resolution import ACTOR, COMPARED, DOUBTS, raise_doubts, resolve
from graph.services import Source
from memories import services as memories
from memos_project.db import tenant_scope
from memos_project.errors import Conflict, InvalidInput, NotFound
from tests.factories import saying, statement

pytestmark = pytest.mark.django_db
THEN = datetime(2024, 5, 1, tzinfo=UTC)


@pytest.fixture
def named(tenant):
    """The entities of names, in order."""

    def named(*names: str, kind: str = "person", of=tenant) -> list[UUID]:
        with tenant_scope(of.id):
            found = resolve(of.id, [(name, kind) for name in names]).meant
        return [found[normal(name), kind].entity_id for name in names]

    return named


@pytest.fixture
def rows(tenant):
    def rows(model, **conditions):
        with tenant_scope(tenant.id):
            return list(model.objects.filter(**conditions).order_by("pk"))

    return rows


@pytest.fixture
def doubt(named, rows):
    """A doubt, of the older and the newer of two entities."""
    [older], [newer] = named("Anna Keller"), named("A. Keller")
    [doubt] = rows(Doubt)
    assert {doubt.one_id, doubt.other_id} == {older, newer}
    return doubt


@pytest.fixture
def say(tenant, remember):
    """Have a memory say of two that they know each other; returns its id."""

    def say(subject: str, object_: str, **kinds: str) -> UUID:
        [memory_id] = remember(user_id=uuid4().hex)
        with tenant_scope(tenant.id):
            source = Source(memory_id, "hash", THEN)
            services.learn(tenant.id, [(source, saying(statement(subject, "knows", object_, THEN), **kinds))])
        return memory_id

    return say


class TestResolve:
    def test_the_same_name_is_the_same_entity(self, named):
        [one] = named("Anna Keller")
        assert named("anna  KELLER", "Keller, Anna") == [one, one]

    def test_one_that_surely_is_the_same_is_another_name_and_a_recorded_merge(self, named, rows):
        [one], [other] = named("Microsoft", kind="organisation"), named("Mircosoft", kind="organisation")
        assert one == other
        [merge] = rows(Merge)
        assert (merge.kept_id, merge.dropped["name"], merge.actor) == (one, "Mircosoft", ACTOR)
        assert [name.name for name in rows(EntityName)] == ["Microsoft", "Mircosoft"]
        assert len(rows(Entity)) == 1

    def test_such_a_merge_can_be_undone(self, tenant, named, rows):
        named("Microsoft", kind="organisation")
        [one] = named("Mircosoft", kind="organisation")
        [merge] = rows(Merge)
        entity = merging.undo_merge(tenant.id, merge.pk, actor="ann")
        assert named("Microsoft", "Mircosoft", kind="organisation") == [one, entity.pk]
        assert [doubt.state for doubt in rows(Doubt)] == ["different"]

    def test_a_likely_one_is_a_doubt(self, doubt):
        assert (doubt.state, doubt.likeness) == ("open", 0.88)

    def test_a_given_name_raises_few_doubts(self, named, rows):
        named(*(f"Anna {name}" for name in ("Keller", "Weber", "Bauer", "Lang", "Roth")))
        named("Anna")
        assert len(rows(Doubt)) == DOUBTS

    @pytest.mark.parametrize(
        ("kind", "one", "other"),
        [
            ("person", "Daniel", "Daniela"),
            ("product", "GPT-4", "GPT-5"),
            ("concept", "microsoft", "mircosoft"),
            ("email", "a.b@x.org", "ab@x.org"),
            ("amount", "5 €", "5 $"),
        ],
    )
    def test_what_is_not_alike_is_left_apart(self, named, rows, kind, one, other):
        first, second = named(one, other, kind=kind)
        assert first != second
        assert rows(Doubt) == rows(Merge) == []

    def test_a_name_read_as_another_kind(self, tenant):
        with tenant_scope(tenant.id):
            [known] = resolve(tenant.id, [("Acme", "organisation")]).meant.values()
            found = resolve(tenant.id, [("acme", "product"), ("Acme", "person"), ("ACME", "thing")]).meant
        assert found["acme", "product"] == found["acme", "thing"] == known
        assert found["acme", "person"] != known

    def test_kinds_in_one_call(self, tenant, rows):
        with tenant_scope(tenant.id):
            found = resolve(
                tenant.id, [("Acme", "thing"), ("Acme", "product"), ("Acme", "organisation")]
            ).meant
        assert len({*found.values()}) == 1
        assert [row.kind for row in rows(Entity)] == ["organisation"]

    def test_the_order_of_names_does_not_matter(self, tenant):
        names = [("Microsoft", "organisation"), ("Mircosoft", "thing"), ("microsoft", "thing"), ("Anna", "person"),
                 ("Anna Keller", "person"), ("ANNA", "person"), ("UN", "organisation"), ("United Nations", "thing")]  # fmt: skip
        seen = set()
        for seed in range(10):
            random.Random(seed).shuffle(names)
            with tenant_scope(tenant.id):
                resolve(tenant.id, names)
                entities = dict(Entity.objects.values_list("pk", "name"))
                known = [(row.normal, row.kind, entities[row.entity_id]) for row in EntityName.objects.all()]
                asked = [(entities[row.one_id], entities[row.other_id]) for row in Doubt.objects.all()]
                Entity.objects.all().delete()
            seen.add((*sorted(known), *sorted(asked)))
        assert len(seen) == 1

    def test_names_of_nothing(self, tenant, rows):
        with tenant_scope(tenant.id):
            assert resolve(tenant.id, [("...", "person"), ("", "thing"), ("?", "thing")]) == ({}, [])
            assert resolve(tenant.id, []) == ({}, [])
        assert rows(Entity) == []

    def test_long_names(self, named):
        one, other = named("x" * 1000, "y " * 300)
        assert one != other
        assert named("x" * 1000) == [one]

    def test_another_tenants_entities_are_not_seen(self, other_tenant, named, rows):
        [theirs] = named("Anna Keller", of=other_tenant)
        [ours] = named("Anna Keller")
        named("A. Keller", of=other_tenant)
        assert ours != theirs
        assert rows(Doubt) == []

    def test_every_name_has_its_keys(self, named, rows):
        named("Anna Keller", "Bob", "東京")
        keys = {(row.name_id, row.key) for row in rows(NameKey)}
        assert keys == {(row.pk, key) for row in rows(EntityName) for key in sounds(row.normal)}

    def test_statements_do_not_grow_with_names(self, tenant, django_assert_num_queries):
        def names(prefix: str, count: int) -> list[tuple[str, str]]:
            return [(f"{prefix}{number} Keller", "person") for number in range(count)]

        with tenant_scope(tenant.id):
            for few_or_many in (names("few", 2), names("many", 200)):
                # turn, known, alike, ids, entities, names, keys
                with django_assert_num_queries(7):
                    resolve(tenant.id, few_or_many)
                with django_assert_num_queries(2):
                    resolve(tenant.id, few_or_many)

    def test_many_with_one_key(self, named, rows):
        named(*(f"Keller {number:03}" for number in range(COMPARED + 20)), kind="thing")
        assert len(rows(Entity)) == COMPARED + 20


class TestMeaning:
    ALIKE = ("Adobe Photoshop", "Photoshop")

    @pytest.fixture
    def unclear(self, tenant):
        def unclear(*names: str, kind: str = "product"):
            with tenant_scope(tenant.id):
                return resolve(tenant.id, [(name, kind) for name in names]).unclear

        return unclear

    def test_what_is_written_somewhat_alike_may_be_asked_about(self, tenant, unclear, rows):
        found = unclear(*self.ALIKE, "Frankfurt")
        assert {name for each in found for name in (each.one_name, each.other_name)} == {*self.ALIKE}
        raise_doubts(tenant.id, found)
        raise_doubts(tenant.id, found)
        [doubt] = rows(Doubt)
        assert {doubt.one_id, doubt.other_id} == {found[0].one, found[0].other}

    def test_beside_one_that_is_known(self, unclear):
        assert unclear(self.ALIKE[0]) == []
        assert [each[2:] for each in unclear(self.ALIKE[1])] == [(self.ALIKE[1], self.ALIKE[0])]
        assert unclear(self.ALIKE[1]) == []

    def test_not_about_what_is_gone_or_another_tenants(self, tenant, other_tenant, unclear, rows):
        found = unclear(*self.ALIKE)
        raise_doubts(other_tenant.id, found)
        with tenant_scope(tenant.id):
            Entity.objects.filter(pk=found[0].one).delete()
        raise_doubts(tenant.id, found)
        assert rows(Doubt) == []

    def test_not_about_people_nor_other_numbers(self, unclear):
        assert unclear("Julian Meyer", "Juliane Meyer", kind="person") == unclear("GPT-4", "GPT-5") == []


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_names_resolved_by_many_have_one_entity_each(self, tenant, rows):
        names = [(f"Person{letter} Keller{letter}", "person") for letter in "abcdefghijklmnopqrst"]
        together = Barrier(4)

        def work(seed: int) -> dict:
            mine = random.Random(seed).sample(names, len(names))
            together.wait(10)
            try:
                with tenant_scope(tenant.id):
                    return resolve(tenant.id, mine).meant
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(work, range(4)))
        assert answers == [answers[0]] * 4
        assert len(rows(Entity)) == len(rows(EntityName)) == len(names)
        assert {row.name_id for row in rows(NameKey)} == {row.pk for row in rows(EntityName)}

    def test_like_names_resolved_at_once_are_one(self, tenant, rows):
        together = Barrier(2)

        def work(name: str) -> UUID:
            together.wait(10)
            try:
                with tenant_scope(tenant.id):
                    [meant] = resolve(tenant.id, [(name, "organisation")]).meant.values()
                return meant.entity_id
            finally:
                connection.close()

        with ThreadPoolExecutor(2) as pool:
            assert len({*pool.map(work, ["Microsoft", "Mircosoft"])}) == 1
        assert len(rows(Entity)) == 1

    def test_what_is_mentioned_again_does_not_go_with_a_forgotten_memory(self, tenant, say, rows, remember):
        """While somebody learns of an entity its last memory is forgotten."""
        old = say("Anna", "Ben")
        [new] = remember("Anna was here.")

        def forget() -> None:
            try:
                memories.forget(tenant, old, actor="test")
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as pool:
            with tenant_scope(tenant.id):
                services.learn(
                    tenant.id, [(Source(new, "hash", THEN), saying(statement("Anna", "knows", "Cleo", THEN)))]
                )
                forgetting = pool.submit(forget)
                with pytest.raises(TimeoutError):
                    forgetting.result(0.3)
            forgetting.result(10)
        assert {row.name for row in rows(Entity)} == {"Anna", "Cleo"}
        assert len(rows(Mention)) == 2


def state(tenant) -> dict[str, list[dict]]:
    """All rows of the tenant that a merge may touch."""
    with tenant_scope(tenant.id):
        return {
            model.__name__: list(model.objects.order_by("pk").values())
            for model in (Entity, EntityName, NameKey, Mention, Relation, Doubt)
        }


class TestMerge:
    def test_what_was_the_dropped_ones_is_the_kept_ones(self, tenant, say, named, rows):
        say("Anna", "Ben")
        say("Cleo", "Anna")
        kept, dropped = named("Cleo", "Anna")
        done = merging.merge(tenant.id, kept, dropped, actor="ann")
        assert (done.kept_id, done.actor) == (kept, "ann")
        assert named("Anna") == [kept]
        assert {(row.subject_id, row.object_id) for row in rows(Relation)} == {
            (kept, named("Ben")[0]),
            (kept, kept),
        }
        assert rows(Entity, pk=dropped) == rows(Mention, entity_id=dropped) == []

    def test_one_and_the_same(self, tenant, named):
        [one] = named("Anna")
        with pytest.raises(Conflict):
            merging.merge(tenant.id, one, one, actor="ann")

    def test_one_that_is_not_there_or_merged_before(self, tenant, named):
        one, other = named("Anna", "Ben")
        merging.merge(tenant.id, one, other, actor="ann")
        for pair in [(one, other), (other, one), (one, uuid4())]:
            with pytest.raises(NotFound):
                merging.merge(tenant.id, *pair, actor="ann")

    def test_another_tenants(self, tenant, other_tenant, named):
        [ours], [theirs] = named("Anna"), named("Ben", of=other_tenant)
        for pair in [(ours, theirs), (theirs, ours)]:
            with pytest.raises(NotFound):
                merging.merge(tenant.id, *pair, actor="ann")
        assert named("Ben", of=other_tenant) == [theirs]

    def test_doubts_go_along(self, tenant, named, doubt, rows):
        [third] = named("Somebody Else")
        merging.merge(tenant.id, third, doubt.one_id, actor="ann")
        [moved] = rows(Doubt)
        assert {moved.one_id, moved.other_id} == {third, doubt.other_id}
        assert (moved.state, moved.likeness, moved.raised_at) == ("open", doubt.likeness, doubt.raised_at)

    def test_that_it_is_different_goes_along_too(self, tenant, named, doubt, rows):
        [third] = named("Somebody Else")
        merging.decide(tenant.id, doubt.pk, same=False, actor="ben")
        before = rows(Doubt)
        done = merging.merge(tenant.id, third, doubt.one_id, actor="ann")
        [moved] = rows(Doubt)
        assert {moved.one_id, moved.other_id} == {third, doubt.other_id}
        assert (moved.state, moved.decided_by) == ("different", "ben")
        merging.undo_merge(tenant.id, done.pk, actor="ann")
        after = [row for row in rows(Doubt) if {row.one_id, row.other_id} != {third, doubt.one_id}]
        assert after == before

    def test_what_undoing_settles_stays_when_another_merge_is_undone(self, tenant, named, doubt, rows):
        [third] = named("Somebody Else")
        merging.decide(tenant.id, doubt.pk, same=False, actor="ann")
        first = merging.merge(tenant.id, third, doubt.one_id, actor="ann")
        second = merging.merge(tenant.id, third, doubt.other_id, actor="ann")
        for done in (second, first):
            merging.undo_merge(tenant.id, done.pk, actor="ann")
        three = [third, doubt.one_id, doubt.other_id]
        assert {frozenset((row.one_id, row.other_id)) for row in rows(Doubt, state="different")} == {
            frozenset({*three} - {each}) for each in three
        }

    def test_a_decision_made_since_is_the_kept_ones(self, tenant, named, doubt, rows):
        [third] = named("Somebody Else")
        done = merging.merge(tenant.id, third, doubt.one_id, actor="ann")
        merging.decide(tenant.id, rows(Doubt)[0].pk, same=False, actor="ben")
        merging.undo_merge(tenant.id, done.pk, actor="ann")
        states = {frozenset((row.one_id, row.other_id)): row.state for row in rows(Doubt)}
        assert states[frozenset((doubt.one_id, doubt.other_id))] == "open"
        assert states[frozenset((third, doubt.other_id))] == "different"

    def test_a_doubt_that_the_kept_one_has_too_is_asked_once(self, tenant, named, rows):
        named("Anna Keller", "Anna Weber")
        [anna] = named("Anna")
        one, other = named("Anna Keller", "Anna Weber")
        before = state(tenant)
        done = merging.merge(tenant.id, one, other, actor="ann")
        [left] = rows(Doubt)
        assert {left.one_id, left.other_id} == {one, anna}
        merging.undo_merge(tenant.id, done.pk, actor="ann")
        added = {row.pk for row in rows(Doubt)} - {row["id"] for row in before["Doubt"]}
        assert len(added) == 1
        assert [row for row in state(tenant)["Doubt"] if row["id"] not in added] == before["Doubt"]


class TestUndo:
    def test_twice_or_unknown(self, tenant, named):
        done = merging.merge(tenant.id, *named("Anna", "Ben"), actor="ann")
        merging.undo_merge(tenant.id, done.pk, actor="ann")
        with pytest.raises(Conflict):
            merging.undo_merge(tenant.id, done.pk, actor="ann")
        with pytest.raises(NotFound):
            merging.undo_merge(tenant.id, uuid4(), actor="ann")

    def test_another_tenants(self, tenant, other_tenant, named):
        done = merging.merge(other_tenant.id, *named("Anna", "Ben", of=other_tenant), actor="ann")
        with pytest.raises(NotFound):
            merging.undo_merge(tenant.id, done.pk, actor="ann")

    def test_out_of_order(self, tenant, named):
        one, other, third = named("Anna", "Ben", "Cleo")
        first = merging.merge(tenant.id, one, other, actor="ann")
        second = merging.merge(tenant.id, third, one, actor="ann")
        with pytest.raises(Conflict):
            merging.undo_merge(tenant.id, first.pk, actor="ann")
        merging.undo_merge(tenant.id, second.pk, actor="ann")
        merging.undo_merge(tenant.id, first.pk, actor="ann")
        assert named("Anna", "Ben", "Cleo") == [one, other, third]

    def test_what_was_forgotten_meanwhile_stays_forgotten(self, tenant, say, named, rows):
        memory_ids = [say("Anna", "Ben"), say("Anna", "Eve")]
        say("Cleo", "Dan")
        kept, dropped = named("Cleo", "Anna")
        done = merging.merge(tenant.id, kept, dropped, actor="ann")
        memories.forget(tenant, memory_ids[0], actor="test")
        entity = merging.undo_merge(tenant.id, done.pk, actor="ann")
        assert entity.pk == dropped
        assert [row.memory_id for row in rows(Mention, entity_id=dropped)] == memory_ids[1:]
        assert [row.memory_id for row in rows(Relation, subject_id=dropped)] == memory_ids[1:]

    def test_what_was_learned_under_its_names_since_comes_back(self, tenant, say, named, rows):
        say("Cleo", "Dan")
        say("Anna", "Ben")
        kept, dropped = named("Cleo", "Anna")
        done = merging.merge(tenant.id, kept, dropped, actor="ann")
        hers, its = say("anna", "Dan"), say("Cleo", "Ben")
        both = say("Anna", "Cleo")
        merging.undo_merge(tenant.id, done.pk, actor="ann")
        assert {row.memory_id for row in rows(Mention, entity_id=dropped)} >= {hers, both}
        assert {row.memory_id for row in rows(Relation, subject_id=dropped)} >= {hers}
        assert its not in {row.memory_id for row in rows(Mention, entity_id=dropped)}
        assert {row.memory_id for row in rows(Relation, subject_id=kept)} >= {its}

    def test_so_it_does_of_a_merge_that_resolution_made(self, tenant, say, rows):
        names = ("Microsoft", "Mircosoft")
        kinds = dict.fromkeys(names, "organisation")
        memory_ids = [say(name, "Ben", **kinds) for name in names * 2]
        [done] = rows(Merge)
        entity = merging.undo_merge(tenant.id, done.pk, actor="ann")
        assert entity.name == "Mircosoft"
        for pk, mine in ((entity.pk, memory_ids[1::2]), (done.kept_id, memory_ids[::2])):
            assert [row.memory_id for row in rows(Mention, entity_id=pk)] == mine
            assert [row.memory_id for row in rows(Relation, subject_id=pk)] == mine
        assert [row.name for row in rows(EntityName, entity_id=done.kept_id)] == ["Microsoft"]

    def test_a_record_of_the_past_tells_no_names(self, tenant, say, named, rows):
        say("Cleo", "Anna")
        done = merging.merge(tenant.id, *named("Cleo", "Anna"), actor="ann")
        entity = merging.undo_merge(tenant.id, done.pk, actor="ann")
        assert rows(Merge)[0].dropped == {"id": str(entity.pk)}

    def test_a_curators_words_go_back_as_well(self, tenant, named, rows):
        kept, dropped = named("Cleo", "Anna")
        with tenant_scope(tenant.id):
            Entity.objects.filter(pk=dropped).update(summary="A friend.")
        done = merging.merge(tenant.id, kept, dropped, actor="ann")
        assert rows(Entity)[0].summary == "A friend."
        merging.undo_merge(tenant.id, done.pk, actor="ann")
        assert {row.pk: row.summary for row in rows(Entity)} == {kept: "", dropped: "A friend."}

    def test_they_are_not_asked_about_again(self, tenant, doubt, rows):
        done = merging.decide(tenant.id, doubt.pk, same=True, actor="ann")
        merging.undo_merge(tenant.id, done.pk, actor="ben")
        [settled] = rows(Doubt)
        assert (settled.pk, settled.state, settled.decided_by) == (doubt.pk, "different", "ben")
        assert (settled.likeness, settled.raised_at) == (doubt.likeness, doubt.raised_at)

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_undoing_all_in_reverse_restores_every_row(self, tenant, say, named, data):
        """But for the doubts that undoing itself settles."""
        # Nothing of an example may be like that of another, nor one person like another.
        people = [f"{uuid4().hex} {name}" for name in ("Anna", "Ben", "A", "Cleo", "B")]
        for _ in range(data.draw(st.integers(0, 6))):
            say(*data.draw(st.lists(st.sampled_from(people), min_size=2, max_size=2, unique=True)))
        living = named(*people)
        pairs = data.draw(
            st.sets(st.tuples(st.integers(0, 4), st.integers(0, 4)).filter(lambda pair: pair[0] < pair[1]))
        )
        with tenant_scope(tenant.id):
            for pair in pairs:
                one, other = sorted(living[each] for each in pair)
                state_drawn = data.draw(st.sampled_from(["open", "different"]))
                Doubt.objects.get_or_create(
                    one_id=one, other_id=other, defaults={"tenant_id": tenant.id, "likeness": 0.9, "state": state_drawn}
                )  # fmt: skip
        for each in data.draw(st.sets(st.sampled_from(range(5)))):
            services.describe(tenant.id, living[each], name=people[each], summary=f"Told of {each}.")
        before, done = state(tenant), []
        while len(living) > 1 and data.draw(st.booleans()):
            dropped = living.pop(data.draw(st.integers(0, len(living) - 1)))
            done.append(merging.merge(tenant.id, data.draw(st.sampled_from(living)), dropped, actor="ann"))
        ends = [{each.kept_id, UUID(each.dropped["id"])} for each in done]
        for each in reversed(done):
            merging.undo_merge(tenant.id, each.pk, actor="ann")
        after = state(tenant)

        def others(rows: list[dict]) -> list[dict]:
            return [row for row in rows if {row["one_id"], row["other_id"]} not in ends]

        assert others(after.pop("Doubt")) == others(before.pop("Doubt"))
        assert after == before


class TestSplit:
    @pytest.fixture
    def two(self, tenant, say, named):
        """Ada and the countess, whom all take for one."""
        say("Ada", "Ben")
        say("Countess", "Ben")
        one, other = named("Ada", "Countess")
        merging.merge(tenant.id, one, other, actor="ann")
        say("Countess", "Cleo")
        say("Cleo", "Ada")
        return one

    def test_names_with_all_that_is_said_under_them(self, tenant, say, two, named, rows):
        before = state(tenant)
        said = [row.memory_id for row in rows(Mention, text="Countess")]
        done = merging.split(tenant.id, two, ["countess"], actor="ann")
        assert (named("Ada"), named("Countess")) == ([two], [done.made_id])
        [made] = rows(Entity, pk=done.made_id)
        assert (made.name, made.kind) == ("Countess", "person")
        assert [row.memory_id for row in rows(Mention, entity_id=made.pk)] == said
        assert [row.memory_id for row in rows(Relation, subject_id=made.pk)] == said
        assert {row.text for row in rows(Mention, entity_id=two)} == {"Ada"}
        [settled] = rows(Doubt)
        assert ({settled.one_id, settled.other_id}, settled.state) == ({two, made.pk}, "different")
        merging.undo_split(tenant.id, done.pk)
        assert state(tenant) == before
        with pytest.raises(Conflict):
            merging.undo_split(tenant.id, done.pk)

    def test_what_is_learned_since_is_of_who_has_the_name(self, tenant, say, two, rows):
        done = merging.split(tenant.id, two, ["Countess"], actor="ann")
        memory_id = say("Countess", "Dora")
        assert rows(Mention, entity_id=done.made_id, memory_id=memory_id)
        merging.undo_split(tenant.id, done.pk)
        assert rows(Mention, entity_id=two, memory_id=memory_id)

    def test_the_name_it_was_called_by(self, tenant, two, rows):
        done = merging.split(tenant.id, two, ["Ada"], actor="ann")
        assert [row.name for row in rows(Entity, pk__in=[two, done.made_id])] == ["Countess", "Ada"]
        merging.undo_split(tenant.id, done.pk)
        assert [row.name for row in rows(Entity, pk=two)] == ["Ada"]

    def test_not_where_a_curator_named_it_since(self, tenant, two, rows):
        done = merging.split(tenant.id, two, ["Ada"], actor="ann")
        services.describe(tenant.id, two, name="Lady Lovelace", summary="")
        merging.undo_split(tenant.id, done.pk)
        assert [row.name for row in rows(Entity, pk=two)] == ["Lady Lovelace"]

    @pytest.mark.parametrize(
        ("ours", "theirs", "told"),
        [("A.", "B.", "A.\n\nB."), ("A.", "", "A."), ("", "B.", "B."), ("A.", "A.", "A.")],
    )
    def test_what_a_curator_says_of_both(self, tenant, two, rows, ours, theirs, told):
        done = merging.split(tenant.id, two, ["Countess"], actor="ann")
        services.describe(tenant.id, two, name="Ada", summary=ours)
        services.describe(tenant.id, done.made_id, name="Countess", summary=theirs)
        merging.undo_split(tenant.id, done.pk)
        assert [row.summary for row in rows(Entity, pk=two)] == [told]

    def test_what_is_different_from_the_one_split_off(self, tenant, two, named, rows):
        [third] = named("Somebody Else")
        done = merging.split(tenant.id, two, ["Countess"], actor="ann")
        with tenant_scope(tenant.id):
            one, other = sorted((third, done.made_id))
            asked = Doubt.objects.create(tenant_id=tenant.id, one_id=one, other_id=other, likeness=0.9)
        merging.decide(tenant.id, asked.pk, same=False, actor="ben")
        merging.undo_split(tenant.id, done.pk)
        [settled] = rows(Doubt)
        assert {settled.one_id, settled.other_id} == {two, third}
        assert (settled.state, settled.decided_by) == ("different", "ben")

    def test_a_merge_of_what_was_split_off_can_be_undone(self, tenant, two, rows):
        [merge] = rows(Merge)
        done = merging.split(tenant.id, two, ["Countess"], actor="ann")
        entity = merging.undo_merge(tenant.id, merge.pk, actor="ann")
        assert [row.entity_id for row in rows(EntityName, name="Countess")] == [entity.pk]
        assert rows(Entity, pk=done.made_id) == []  # nothing was its own

    def test_a_split_and_a_merge_undone_out_of_order(self, tenant, two, named, rows):
        [third] = named("Somebody Else")
        split = merging.split(tenant.id, two, ["Countess"], actor="ann")
        merge = merging.merge(tenant.id, third, split.made_id, actor="ann")
        with pytest.raises(Conflict):
            merging.undo_split(tenant.id, split.pk)
        merging.undo_merge(tenant.id, merge.pk, actor="ann")
        merging.undo_split(tenant.id, split.pk)
        assert named("Ada", "Countess") == [two, two]

    def test_a_merge_of_which_a_part_was_split_off_is_undone_after_the_split(self, tenant, say, named, rows):
        for name in ("Lena Gold", "Mona Gold", "Kara Dunn"):
            say(name, "Berlin")
        lena, mona, kara = named("Lena Gold", "Mona Gold", "Kara Dunn")
        first = merging.merge(tenant.id, lena, mona, actor="ann")
        second = merging.merge(tenant.id, kara, lena, actor="ann")
        parted = merging.split(tenant.id, kara, ["Mona Gold"], actor="ann")
        with pytest.raises(Conflict, match="another entity's since"):
            merging.undo_merge(tenant.id, second.pk, actor="ann")
        merging.undo_split(tenant.id, parted.pk)
        merging.undo_merge(tenant.id, second.pk, actor="ann")
        merging.undo_merge(tenant.id, first.pk, actor="ann")
        assert named("Lena Gold", "Mona Gold", "Kara Dunn") == [lena, mona, kara]

    def test_also_where_that_part_was_merged_on(self, tenant, say, named, rows):
        names = ("Lena Gold", "Mona Gold", "Kara Dunn", "Xena Wolf")
        for name in names:
            say(name, "Berlin")
        lena, mona, kara, xena = named(*names)
        first = merging.merge(tenant.id, lena, mona, actor="ann")
        second = merging.merge(tenant.id, kara, lena, actor="ann")
        parted = merging.split(tenant.id, kara, ["Mona Gold"], actor="ann")
        third = merging.merge(tenant.id, xena, parted.made_id, actor="ann")
        with pytest.raises(Conflict, match="another entity's since"):
            merging.undo_merge(tenant.id, second.pk, actor="ann")
        merging.undo_merge(tenant.id, third.pk, actor="ann")
        merging.undo_split(tenant.id, parted.pk)
        merging.undo_merge(tenant.id, second.pk, actor="ann")
        merging.undo_merge(tenant.id, first.pk, actor="ann")
        assert named(*names) == [lena, mona, kara, xena]

    def test_what_cannot_be_split(self, tenant, other_tenant, two):
        for of, pk, names, error in (
            (tenant, two, ["Ada", "Countess"], Conflict),
            (tenant, two, ["Ada", "Ben"], InvalidInput),
            (tenant, two, ["?"], InvalidInput),
            (tenant, two, [], InvalidInput),
            (tenant, uuid4(), ["Ada"], NotFound),
            (other_tenant, two, ["Ada"], NotFound),
        ):
            with pytest.raises(error):
                merging.split(of.id, pk, names, actor="ann")
        with pytest.raises(NotFound):
            merging.undo_split(tenant.id, uuid4())

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_undoing_splits_in_reverse_restores_every_row(self, tenant, say, named, data):
        """But for what a curator says of the parts meanwhile: that is the whole one's."""
        with tenant_scope(tenant.id):
            Entity.objects.all().delete()
        people = ["Anna Keller", "Ben", "Cleo", "Dan", "Eve"]
        for _ in range(data.draw(st.integers(1, 6))):
            say(*data.draw(st.lists(st.sampled_from(people), min_size=2, max_size=2, unique=True)))
        one, *others = named(*people)
        for other in others:
            merging.merge(tenant.id, one, other, actor="ann")
        [third] = named("Somebody Else")
        before, done, left = state(tenant), [], list(people)
        told: list[str] = []
        while len(left) > 1 and data.draw(st.booleans()):
            names = data.draw(
                st.lists(st.sampled_from(left), min_size=1, max_size=len(left) - 1, unique=True)
            )
            left = [name for name in left if name not in names]
            done.append(merging.split(tenant.id, one, names, actor="ann"))
            if data.draw(st.booleans()):
                told.append(f"Told of {len(done)}.")
                with tenant_scope(tenant.id):
                    name = Entity.objects.get(pk=done[-1].made_id).name
                services.describe(tenant.id, done[-1].made_id, name=name, summary=told[-1])
        denied = [each.made_id for each in done if data.draw(st.booleans())]
        with tenant_scope(tenant.id):
            asked = Doubt.objects.bulk_create(
                Doubt(tenant_id=tenant.id, one_id=min(each, third), other_id=max(each, third), likeness=0.9)
                for each in denied
            )
        for each in asked:
            merging.decide(tenant.id, each.pk, same=False, actor="ann")
        renamed = bool(done) and data.draw(st.booleans())
        if renamed:
            services.describe(tenant.id, one, name="The Countess", summary="")
        for each in reversed(done):
            merging.undo_split(tenant.id, each.pk)
        after = state(tenant)
        [whole] = [row for row in after["Entity"] if row["id"] == one]
        assert {*whole["summary"].split("\n\n")} - {""} == {*told}
        assert {(row["one_id"], row["other_id"], row["state"]) for row in after.pop("Doubt")} == (
            {(min(one, third), max(one, third), "different")} if denied else set()
        )
        assert before.pop("Doubt") == []
        [former] = [row for row in before["Entity"] if row["id"] == one]
        if renamed:
            assert whole["name"] == "The Countess"
            given = {row["id"] for row in after["EntityName"] if row["name"] == "The Countess"}
            after["EntityName"] = [row for row in after["EntityName"] if row["id"] not in given]
            after["NameKey"] = [row for row in after["NameKey"] if row["name_id"] not in given]
            former["name"] = whole["name"]
        former["summary"] = whole["summary"]
        assert after == before


class TestDecide:
    def test_different(self, tenant, doubt, rows):
        assert merging.decide(tenant.id, doubt.pk, same=False, actor="ann") is None
        [settled] = rows(Doubt)
        assert (settled.state, settled.decided_by) == ("different", "ann")
        with pytest.raises(Conflict):
            merging.decide(tenant.id, doubt.pk, same=True, actor="ann")

    def test_the_same(self, tenant, doubt, named, rows):
        done = merging.decide(tenant.id, doubt.pk, same=True, actor="ann")
        assert done.kept_id == min(doubt.one_id, doubt.other_id)
        assert named("Anna Keller", "A. Keller") == [done.kept_id] * 2
        assert rows(Doubt) == []

    def test_unknown_or_another_tenants(self, other_tenant, tenant, doubt, rows):
        with pytest.raises(NotFound):
            merging.decide(tenant.id, uuid4(), same=True, actor="ann")
        with pytest.raises(NotFound):
            merging.decide(other_tenant.id, doubt.pk, same=True, actor="ann")
        assert rows(Doubt) == [doubt]

    @pytest.mark.django_db(transaction=True)
    def test_by_two_at_once(self, tenant, doubt, rows):
        together = Barrier(2)

        def decide(same: bool) -> str:
            together.wait(10)
            try:
                merging.decide(tenant.id, doubt.pk, same=same, actor="ann")
            except (Conflict, NotFound):
                return "late"
            finally:
                connection.close()
            return "done"

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(decide, [True, False])) == ["done", "late"]


class TestForgotten:
    def test_an_entity_goes_with_its_last_mention(self, tenant, say, rows):
        first, second = say("Anna", "Ben"), say("Anna", "Cleo")
        memories.forget(tenant, first, actor="test")
        assert {row.name for row in rows(Entity)} == {"Anna", "Cleo"}
        memories.forget(tenant, second, actor="test")
        assert not any(state(tenant).values())

    def test_not_where_a_relation_or_a_curators_word_is_left(self, tenant, say, named, rows):
        memory_id = say("Anna", "Ben")
        say("Cleo", "Dan")
        anna, ben, cleo = named("Anna", "Ben", "Cleo")
        with tenant_scope(tenant.id):
            Entity.objects.filter(pk=ben).update(summary="A friend.")
            own = Relation.objects.create(
                tenant_id=tenant.id, subject_id=anna, predicate="knows", object_id=cleo, confidence=1, valid_from=THEN
            )  # fmt: skip
        memories.forget(tenant, memory_id, actor="test")
        assert {anna, ben} <= {row.pk for row in rows(Entity)}
        with tenant_scope(tenant.id):
            own.delete()
        assert [row.pk for row in rows(Entity, pk__in=[anna, ben])] == [ben]

    def test_so_does_a_name(self, tenant, say, rows, named):
        first, second = say("Anna", "Ben"), say("Annabel", "Ben")
        kept, dropped = named("Anna", "Annabel")
        done = merging.merge(tenant.id, kept, dropped, actor="ann")
        third = say("Annabel", "Ben")
        memories.forget(tenant, second, actor="test")
        assert [row.name for row in rows(EntityName, entity_id=kept)] == ["Anna", "Annabel"]
        memories.forget(tenant, third, actor="test")
        assert [row.name for row in rows(EntityName, entity_id=kept)] == ["Anna"]
        assert rows(NameKey, name_id__in=done.moved["names"]) == rows(Merge) == []
        memories.forget(tenant, first, actor="test")
        assert not any(state(tenant).values())

    def test_the_name_it_is_called_by_is_one_that_is_left(self, tenant, say, rows, named):
        first = say("Anna", "Ben")
        for name in ("Annabel", "Bel", "Bel"):
            say(name, "Ben")
        kept, *others = named("Anna", "Annabel", "Bel")
        for other in others:
            merging.merge(tenant.id, kept, other, actor="ann")
        memories.forget(tenant, first, actor="test")
        assert [row.name for row in rows(Entity, pk=kept)] == ["Bel"]
        told = f"{state(tenant)} {[row.dropped for row in rows(Merge)]}"
        assert "Anna" not in told.replace("Annabel", "")

    def test_a_merge_does_not_tell_it_either(self, tenant, say, rows, named):
        first = say("Anna", "Ben")
        say("Annabel", "Ben")
        say("Cleo", "Ben")
        anna, annabel, cleo = named("Anna", "Annabel", "Cleo")
        inner = merging.merge(tenant.id, anna, annabel, actor="ann")
        outer = merging.merge(tenant.id, cleo, anna, actor="ann")
        memories.forget(tenant, first, actor="test")
        assert [row.dropped["name"] for row in rows(Merge)] == ["Annabel", "Annabel"]
        merging.undo_merge(tenant.id, outer.pk, actor="ann")
        merging.undo_merge(tenant.id, inner.pk, actor="ann")
        assert {row.name for row in rows(Entity)} == {"Annabel", "Ben", "Cleo"}
        assert named("Annabel") == [annabel]

    def test_nor_does_one_whose_names_were_split_since(self, tenant, say, rows, named):
        say("Anna", "Ben")
        first, second = say("Cleo", "Ben"), say("Dora", "Ben")
        anna, cleo, dora = named("Anna", "Cleo", "Dora")
        merging.merge(tenant.id, cleo, dora, actor="ann")
        outer = merging.merge(tenant.id, anna, cleo, actor="ann")
        merging.split(tenant.id, anna, ["Cleo"], actor="ann")
        memories.forget(tenant, first, actor="test")
        assert [row.dropped["name"] for row in rows(Merge)] == ["Dora", "Dora"]
        merging.undo_merge(tenant.id, outer.pk, actor="ann")
        assert {row.name for row in rows(Entity)} == {"Anna", "Ben", "Dora"}
        memories.forget(tenant, second, actor="test")
        assert [row.dropped for row in rows(Merge)] == [{"id": str(cleo)}]  # of the one that was undone

    def test_nor_one_of_a_name_that_goes_in_any_other_way(self, tenant, rows, named):
        anna, cleo, dora = named("Anna", "Cleo", "Dora")
        merging.merge(tenant.id, cleo, dora, actor="ann")
        merging.merge(tenant.id, anna, cleo, actor="ann")
        made = merging.split(tenant.id, anna, ["Cleo"], actor="ann").made_id
        with tenant_scope(tenant.id):
            Entity.objects.filter(pk=made).delete()
        assert [row.dropped["name"] for row in rows(Merge)] == ["Dora", "Dora"]
        with tenant_scope(tenant.id):
            Entity.objects.filter(pk=anna).delete()
        assert rows(Merge) == []

    @pytest.mark.django_db(transaction=True)
    def test_nor_where_its_names_go_at_once(self, tenant, rows, named):
        anna, cleo, dora = named("Anna", "Cleo", "Dora")
        merging.merge(tenant.id, cleo, dora, actor="ann")
        merging.merge(tenant.id, anna, cleo, actor="ann")
        made = merging.split(tenant.id, anna, ["Cleo"], actor="ann").made_id

        def remove() -> None:
            try:
                with tenant_scope(tenant.id):
                    Entity.objects.filter(pk=anna).delete()
            finally:
                connection.close()

        with ThreadPoolExecutor(1) as pool:
            with tenant_scope(tenant.id):
                Entity.objects.filter(pk=made).delete()
                removing = pool.submit(remove)
                with pytest.raises(TimeoutError):
                    removing.result(0.3)
            removing.result(10)
        assert rows(Merge) == []

    def test_not_a_name_that_a_curator_gave(self, tenant, say, rows, named):
        first = say("Anna", "Ben")
        say("Annabel", "Ben")
        kept, other = named("Anna", "Annabel")
        merging.merge(tenant.id, kept, other, actor="ann")
        services.describe(tenant.id, kept, name="ANNA", summary="")
        memories.forget(tenant, first, actor="test")
        assert [row.name for row in rows(EntityName, entity_id=kept)] == ["ANNA", "Annabel"]

    def test_of_another_kind_it_is_known_by_both(self, tenant, say, rows, named):
        say("Anna", "Ben")
        [anna] = named("Anna")
        services.describe(tenant.id, anna, name="Anna", summary="", kind="product")
        [found] = [each for each in queries.search(tenant.id, "Anna") if each.id == anna]
        assert (found.kind, found.names) == ("product", ["Anna"])
        assert {row.kind for row in rows(EntityName, entity_id=anna)} == {"person", "product"}
        say("Anna", "Cleo")
        assert named("Anna") == [anna]

    def test_nor_the_only_one_of_what_a_curator_describes(self, tenant, say, rows, named):
        first = say("Anna", "Ben")
        [anna] = named("Anna")
        services.describe(tenant.id, anna, name="Anna", summary="A friend.")
        memories.forget(tenant, first, actor="test")
        assert [row.name for row in rows(EntityName)] == ["Anna"]

    def test_a_denial_of_what_nobody_says_keeps_nothing(self, tenant, say, rows):
        memory_id = say("Anna", "Ben")
        [relation] = rows(Relation)
        services.end_relation(tenant.id, relation.pk, at=datetime(2025, 1, 1, tzinfo=UTC), actor="ann")
        memories.forget(tenant, memory_id, actor="test")
        assert not any(state(tenant).values())

    def test_a_revised_memory_lets_go_of_names(self, tenant, say, rows, named):
        memory_id = say("Anna", "Ben")
        say("Annabel", "Ben")
        kept, other = named("Anna", "Annabel")
        merging.merge(tenant.id, kept, other, actor="ann")
        with tenant_scope(tenant.id):
            said = saying(statement("Annabel", "knows", "Cleo", THEN))
            services.learn(tenant.id, [(Source(memory_id, "other", THEN), said)])
        assert [row.name for row in rows(EntityName, entity_id=kept)] == ["Annabel"]

    def test_so_do_the_records_of_what_was_merged_into_it(self, tenant, say, named, rows):
        memory_ids = [say("Anna", "Ben"), say("Cleo", "Dan")]
        anna, cleo, dan = named("Anna", "Cleo", "Dan")
        merging.merge(tenant.id, anna, cleo, actor="ann")
        merging.merge(tenant.id, dan, anna, actor="ann")
        memories.forget(tenant, memory_ids[0], actor="test")
        assert len(rows(Merge)) == 2
        memories.forget(tenant, memory_ids[1], actor="test")
        assert rows(Merge) == rows(Entity) == []
