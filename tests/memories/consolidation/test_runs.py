"""Consolidation from beginning to end: what it makes, what it leaves, and the way back."""

from datetime import timedelta

import pytest
from django.utils import timezone

from memories import notes, services
from memories.answers import Query
from memories.candidates import Filters
from memories.consolidation import runs, steps
from memories.models import ConsolidationMark, ConsolidationRun, ConsolidationStep, Memory, MemoryVersion
from memories.retrieval import recall
from memos_project.db import tenant_scope
from memos_project.errors import Conflict, NotFound
from tests.memories.consolidation.stories import (
    MORE_POTTERY,
    POTTERY,
    SHIPPING,
    states,
    stored,
    texts,
    the_note,
)

pytestmark = pytest.mark.django_db


class TestMaking:
    def test_what_belongs_together_becomes_a_note(self, tenant, told):
        pottery, shipping = told(*POTTERY), told(*SHIPPING)
        assert runs.consolidate(tenant.id).made == 2
        made = {frozenset(each.sources): each for each in notes.list_notes(tenant.id)}
        assert set(made) == {frozenset(pottery), frozenset(shipping)}
        note = made[frozenset(pottery)]
        assert (note.memory.kind, note.memory.tier, note.summariser) == ("note", 3, "extractive")
        assert "pottery" in note.memory.title.lower()
        assert "pottery class" in note.keywords
        assert "from 1 May 2026 to 4 May 2026" in note.context
        assert all(line in "\n".join(POTTERY) for line in note.memory.content.splitlines()[1:])

    @pytest.mark.parametrize("asked", [{"kinds": ("note",)}, {"tiers": (3,)}], ids=str)
    def test_a_note_is_found_by_who_asks_for_notes(self, tenant, consolidated, asked):
        _, _, note = consolidated
        query = Query(text="pottery class", filters=Filters(**asked))
        assert [hit.memory.id for hit in recall(tenant, query).hits] == [note.memory.pk]

    @pytest.mark.parametrize("mode", ["hybrid", "vector", "text"])
    def test_others_are_told_what_it_rests_on(self, tenant, consolidated, mode):
        ids, _, _ = consolidated
        assert {hit.memory.id for hit in recall(tenant, Query(text="pottery class", mode=mode)).hits} == {
            *ids
        }

    def test_a_note_by_hand_is_found_by_all(self, tenant, minilm, indexed):
        item = services.NewNote(content="The kiln is warm.", context="The kiln.")
        note = services.note_down(tenant, item, actor="curator").id
        indexed()
        assert [hit.memory.id for hit in recall(tenant, Query(text="the kiln")).hits] == [note]

    def test_pleasantries_are_no_matter_for_a_note(self, tenant, told):
        told("Thanks, that means a lot!", "Thanks, it means a lot to me.", "Thank you, that means so much!")
        assert runs.consolidate(tenant.id).made == 0

    def test_users_are_kept_apart(self, tenant, told):
        told(*POTTERY[:2], user_id="ada")
        told(*POTTERY[2:], user_id="tom")
        assert runs.consolidate(tenant.id).made == 0

    def test_one_user_alone(self, tenant, told):
        told(*POTTERY, user_id="ada")
        shipping = told(*SHIPPING, user_id="tom")
        assert runs.consolidate(tenant.id, user_id="tom").made == 1
        assert set(the_note(tenant).sources) == set(shipping)
        assert runs.consolidate(tenant.id).made == 1  # the other's have not been passed over

    def test_other_tenants_are_left_alone(self, tenant, other_tenant, told):
        told(*POTTERY)
        assert runs.consolidate(other_tenant.id).made == 0
        assert notes.list_notes(other_tenant.id) == []

    def test_nothing_is_looked_at_twice(self, tenant, consolidated):
        outcome = runs.consolidate(tenant.id)
        assert (outcome.made, outcome.is_more) == (0, False)
        assert the_note(tenant).memory.pk == consolidated[2].memory.pk

    def test_what_has_no_vector_yet_waits_for_it(self, tenant, told, remember, indexed):
        remember(*POTTERY, kind="message")
        assert runs.consolidate(tenant.id).made == 0
        indexed()
        assert runs.consolidate(tenant.id).made == 1

    def test_the_mark_does_not_pass_what_has_just_come(self, tenant, told):
        told(*POTTERY, settled=False)
        assert runs.consolidate(tenant.id).made == 1
        with tenant_scope(tenant.id):
            assert not ConsolidationMark.objects.exists()
        assert runs.consolidate(tenant.id).made == 0

    def test_what_was_alone_is_met_by_what_comes_later(self, tenant, told):
        first = told(*POTTERY[:2])
        assert runs.consolidate(tenant.id).made == 0
        later = told(*POTTERY[2:])
        assert runs.consolidate(tenant.id).made == 1
        assert set(the_note(tenant).sources) == {*first, *later}

    def test_notes_that_belong_together_are_linked(self, tenant, told, indexed, settings):
        settings.MEMOS_CONSOLIDATION_LIKENESS = 0.55
        told(*POTTERY[:3])
        runs.consolidate(tenant.id)
        indexed()
        settings.MEMOS_CONSOLIDATION_LIKENESS = 0.9  # nothing joins, nothing meets
        first = the_note(tenant)
        sources = told(POTTERY[3], MORE_POTTERY)
        answer = services.note_down(
            tenant, services.NewNote(content="The kiln.", context="Kiln.", sources=sources), actor="curator"
        )
        assert set(notes.describe(tenant.id, answer.id).links) == {first.memory.pk}
        assert set(notes.describe(tenant.id, first.memory.pk).links) == {answer.id}


class TestReceding:
    def test_sources_count_for_less(self, tenant, told, settings):
        ids = told(*POTTERY)
        before = stored(tenant)
        runs.consolidate(tenant.id)
        after = stored(tenant)
        for pk in ids:
            expected = round(before[pk]["importance_computed"] * settings.MEMOS_CONSOLIDATION_RECEDE, 4)
            assert after[pk].pop("importance") == after[pk].pop("importance_computed") == expected
            assert after[pk].items() <= before[pk].items()

    def test_what_somebody_said_of_importance_stands(self, tenant, told):
        ids = told(*POTTERY, importance=0.9)
        runs.consolidate(tenant.id)
        assert {stored(tenant)[pk]["importance"] for pk in ids} == {0.9}

    def test_what_is_pinned_does_not_recede(self, tenant, told):
        ids = told(*POTTERY, pinned=True)
        before = stored(tenant)
        runs.consolidate(tenant.id)
        assert {pk: stored(tenant)[pk] for pk in ids} == before

    def test_only_when_the_note_has_been_verified(self, tenant, told, monkeypatch):
        told(*POTTERY)
        before = stored(tenant)

        def fails(*args):
            raise steps.Gone("It is not there.")

        monkeypatch.setattr(steps, "_verify", fails)
        run = runs.consolidate(tenant.id).run_id
        assert states(tenant, run) == ["dropped"]
        assert stored(tenant) == before


class TestGrowing:
    def test_a_note_takes_in_what_comes_later(self, tenant, consolidated, told):
        ids, _, before = consolidated
        [later] = told(MORE_POTTERY)
        assert runs.consolidate(tenant.id).made == 1
        after = the_note(tenant)
        assert after.memory.pk == before.memory.pk
        assert set(after.sources) == {*ids, later}
        assert after.memory.version == before.memory.version + 1

    def test_its_former_version_is_kept(self, tenant, consolidated, told):
        _, _, before = consolidated
        told(MORE_POTTERY)
        runs.consolidate(tenant.id)
        with tenant_scope(tenant.id):
            [version] = MemoryVersion.objects.filter(memory_id=before.memory.pk)
        assert version.state["context"] == before.context
        assert set(version.state["sources"]) == {*map(str, before.sources)}

    def test_a_note_by_hand_is_left_as_it_is(self, tenant, told, indexed):
        ids = told(*POTTERY)
        item = services.NewNote(content=" ".join(POTTERY), context="Pottery.", sources=ids)
        services.note_down(tenant, item, actor="curator")
        indexed()
        told(MORE_POTTERY)
        assert runs.consolidate(tenant.id).made == 0


class TestUndoing:
    def test_all_is_as_it_was(self, tenant, told):
        told(*POTTERY)
        told(*SHIPPING)
        before = stored(tenant)
        run = runs.consolidate(tenant.id).run_id
        assert stored(tenant) != before
        runs.undo(tenant, run, actor="curator")
        assert stored(tenant) == before
        assert states(tenant, run) == ["undone", "undone"]

    def test_a_note_that_grew_is_as_it_was(self, tenant, consolidated, told):
        notes_before = texts(tenant)
        told(MORE_POTTERY)
        before = {pk: row for pk, row in stored(tenant).items() if row["kind"] != "note"}
        run = runs.consolidate(tenant.id).run_id
        assert texts(tenant) != notes_before
        runs.undo(tenant, run, actor="curator")
        assert texts(tenant) == notes_before
        assert {pk: row for pk, row in stored(tenant).items() if row["kind"] != "note"} == before

    def test_the_later_run_first(self, tenant, consolidated, told):
        _, first, _ = consolidated
        told(MORE_POTTERY)
        second = runs.consolidate(tenant.id).run_id
        with pytest.raises(Conflict, match=str(second)):
            runs.undo(tenant, first, actor="curator")
        runs.undo(tenant, second, actor="curator")
        runs.undo(tenant, first, actor="curator")
        assert notes.list_notes(tenant.id) == []

    def test_not_what_was_revised_by_hand(self, tenant, consolidated):
        _, run, note = consolidated
        services.revise(tenant, note.memory.pk, {"title": "Clay"}, actor="curator")
        with pytest.raises(Conflict, match="by hand"):
            runs.undo(tenant, run, actor="curator")
        assert the_note(tenant).memory.title == "Clay"

    def test_only_once(self, tenant, consolidated):
        _, run, _ = consolidated
        runs.undo(tenant, run, actor="curator")
        with pytest.raises(Conflict, match="undone"):
            runs.undo(tenant, run, actor="curator")

    def test_not_another_tenants(self, other_tenant, consolidated):
        _, run, _ = consolidated
        with pytest.raises(NotFound):
            runs.undo(other_tenant, run, actor="curator")

    def test_importance_that_somebody_changed_since_stands(self, tenant, consolidated):
        ids, run, _ = consolidated
        services.revise(tenant, ids[0], {"content": "Remember: the pottery class starts at nine."}, actor="c")
        weight = stored(tenant)[ids[0]]["importance_computed"]
        runs.undo(tenant, run, actor="curator")
        assert stored(tenant)[ids[0]]["importance_computed"] == weight


class Killed(BaseException):
    """Nothing is done any more, as after kill -9."""


class TestInterrupted:
    """A run stops where it stands; what comes later brings it to its end."""

    @pytest.fixture
    def expired(self, tenant):
        def expired():
            with tenant_scope(tenant.id):
                ConsolidationRun.objects.update(leased_until=timezone.now() - timedelta(seconds=1))

        return expired

    @pytest.mark.parametrize(
        ("module", "where"), [(runs, "_planned"), (steps, "write"), (steps, "recede"), (runs, "_end")]
    )
    @pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
    def test_anywhere(self, tenant, told, expired, monkeypatch, module, where, late):
        pottery, shipping = told(*POTTERY), told(*SHIPPING)
        real = getattr(module, where)

        def dies(*args):
            if late:
                real(*args)
            raise Killed

        monkeypatch.setattr(module, where, dies)
        with pytest.raises(Killed):
            runs.consolidate(tenant.id)
        monkeypatch.undo()
        assert runs.consolidate(tenant.id).made == 0  # it is leased, or done
        expired()
        runs.consolidate(tenant.id)
        assert {frozenset(each.sources) for each in notes.list_notes(tenant.id)} == {
            frozenset(pottery),
            frozenset(shipping),
        }
        with tenant_scope(tenant.id):
            assert set(ConsolidationStep.objects.values_list("state", flat=True)) == {"done"}
            assert not ConsolidationRun.objects.filter(state="running").exists()

    def test_who_stops_it_may_go_on_at_once(self, tenant, told, monkeypatch):
        told(*POTTERY)

        def stops(*args):
            raise KeyboardInterrupt

        monkeypatch.setattr(steps, "write", stops)
        with pytest.raises(KeyboardInterrupt):
            runs.consolidate(tenant.id)
        monkeypatch.undo()
        assert runs.consolidate(tenant.id).made == 1

    def test_a_run_that_somebody_has_is_left_to_them(self, tenant, told):
        told(*POTTERY)
        assert runs.begin(tenant.id) is not None
        assert runs.consolidate(tenant.id) == runs.Outcome(None, 0, is_more=False)

    @pytest.mark.parametrize(("told_of", "state"), [(4, "done"), (3, "dropped")])
    def test_sources_that_go_meanwhile_are_left_out(self, tenant, told, monkeypatch, told_of, state):
        ids = told(*POTTERY[:told_of])
        real = runs.plan

        def plans(*args, **options):
            found = real(*args, **options)
            services.forget(tenant, ids[0], actor="ada")
            return found

        monkeypatch.setattr(runs, "plan", plans)
        run = runs.consolidate(tenant.id).run_id
        assert states(tenant, run) == [state]
        assert {*ids[1:]} <= set(stored(tenant))
        assert [set(note.sources) for note in notes.list_notes(tenant.id)] == [{*ids[1:]}] * (state == "done")


class TestAgain:
    def test_what_was_undone_is_not_made_again_by_itself(self, tenant, told):
        told(*POTTERY, settled=False)
        runs.undo(tenant, runs.consolidate(tenant.id).run_id, actor="curator")
        assert runs.consolidate(tenant.id).made == 0

    def test_but_with_something_like_it(self, tenant, told):
        ids = told(*POTTERY)
        runs.undo(tenant, runs.consolidate(tenant.id).run_id, actor="curator")
        [late] = told(MORE_POTTERY)
        assert runs.consolidate(tenant.id).made == 1
        assert set(the_note(tenant).sources) == {*ids, late}

    def test_also_while_something_else_is_looked_at_again(self, tenant, told):
        told(SHIPPING[0], settled=False)
        ids = told(*POTTERY, settled=False)
        runs.undo(tenant, runs.consolidate(tenant.id).run_id, actor="curator")
        [late] = told(MORE_POTTERY, settled=False)
        assert runs.consolidate(tenant.id).made == 1
        assert set(the_note(tenant).sources) == {*ids, late}

    def test_a_message_that_comes_twice_does_it_once(self, tenant, told):
        told(*POTTERY)
        run = runs.start(tenant.id, actor="curator")
        runs.carry_on_once(tenant.id, run.pk, run.leased_until - timedelta(seconds=1))
        assert states(tenant, run.pk) == []
        runs.carry_on_once(tenant.id, run.pk, run.leased_until)
        assert states(tenant, run.pk) == ["done"]
        runs.carry_on_once(tenant.id, run.pk, run.leased_until)
        assert states(tenant, run.pk) == ["done"]

    def test_runs_of_one_user_get_on(self, tenant, told, monkeypatch):
        monkeypatch.setattr("memories.consolidation.plan.WINDOW", 3)
        told(*SHIPPING[:2], "Unlike anything that the others say about lighthouses.", user_id="ada")
        told(*POTTERY[:3], user_id="ada")
        assert [runs.consolidate(tenant.id, user_id="ada").made for _ in range(2)] == [0, 1]

    def test_a_look_at_nothing_leaves_no_trace(self, tenant):
        runs.consolidate(tenant.id)
        assert runs.list_runs(tenant.id) == []


class TestDecay:
    def weight(self, tenant, note):
        return stored(tenant)[note.memory.pk]["importance"]

    def test_half_of_it_is_left_after_the_half_life(self, tenant, consolidated, settings):
        _, _, note = consolidated
        before = self.weight(tenant, note)
        assert notes.decay(now=timezone.now() + timedelta(days=settings.MEMOS_NOTE_HALF_LIFE_DAYS)) == 1
        assert self.weight(tenant, note) == pytest.approx(before / 2, abs=0.01)

    def test_use_makes_up_for_it(self, tenant, consolidated):
        _, _, note = consolidated
        before = self.weight(tenant, note)
        with tenant_scope(tenant.id):
            Memory.objects.filter(pk=note.memory.pk).update(access_count=5, last_accessed_at=timezone.now())
        notes.decay(now=timezone.now())
        assert self.weight(tenant, note) == pytest.approx(1 - (1 - before) * 0.9**5, abs=0.01)

    def test_whatever_the_age_and_the_half_life(self, tenant, consolidated, settings):
        _, _, note = consolidated
        settings.MEMOS_NOTE_HALF_LIFE_DAYS = 0.01
        assert notes.decay(now=timezone.now() + timedelta(days=3000)) == 1
        assert self.weight(tenant, note) == 0

    def test_in_portions(self, tenant, told, monkeypatch):
        monkeypatch.setattr(notes, "AT_ONCE", 2)
        for n in range(5):
            services.note_down(tenant, services.NewNote(content=f"Note {n}.", context="A note."), actor="c")
        assert notes.decay(now=timezone.now() + timedelta(days=90)) == 5

    def test_what_is_pinned_stays(self, tenant, consolidated):
        _, _, note = consolidated
        services.revise(tenant, note.memory.pk, {"pinned": True}, actor="curator")
        assert notes.decay(now=timezone.now() + timedelta(days=90)) == 0

    def test_what_changes_nothing_writes_nothing(self, tenant, consolidated):
        assert notes.decay(now=timezone.now()) == 0


class TestSweep:
    def test_wakes_whoever_has_something_new(self, tenant, told, monkeypatch):
        woken = []
        monkeypatch.setattr(runs, "wake", woken.append)
        told(*POTTERY)
        assert runs.sweep() == 1
        assert woken == [tenant.id]

    def test_a_run_that_was_cut_off_is_taken_up(self, tenant, monkeypatch):
        woken = []
        monkeypatch.setattr(runs, "wake", woken.append)
        runs.begin(tenant.id)
        assert runs.take_up() == 0
        with tenant_scope(tenant.id):
            ConsolidationRun.objects.update(leased_until=timezone.now() - timedelta(hours=1))
        assert runs.take_up() == 1
        assert woken == [tenant.id]

    def test_and_nobody_else(self, consolidated, monkeypatch):
        monkeypatch.setattr(runs, "wake", lambda tenant_id: pytest.fail("woken"))
        assert runs.sweep() == 0
