"""What becomes of a note when its sources are revised, forgotten, or end; and what never stays."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from memories import notes, services
from memories.consolidation import runs, steps
from memories.models import ConsolidationStep, Memory, MemoryVersion, Note
from memories.services import NewNote
from memos_project.db import tenant_scope
from tests.memories.consolidation.stories import MORE_POTTERY, POTTERY, stored, the_note

pytestmark = pytest.mark.django_db


def everything_kept(tenant):
    """All text that is stored of notes: their rows and former versions."""
    with tenant_scope(tenant.id):
        rows = Memory.objects.filter(kind="note").values_list("title", "content", "tags")
        extra = Note.objects.values_list("context", "keywords")
        versions = MemoryVersion.objects.values_list("state")
        return str([*rows, *extra, *versions])


def by_hand(tenant, sources, content="My own words."):
    item = NewNote(content=content, context=content, sources=sources)
    return services.note_down(tenant, item, actor="curator").id


class TestForgetting:
    def test_a_note_says_nothing_of_what_is_forgotten(self, tenant, consolidated):
        ids, _, _ = consolidated
        services.forget(tenant, ids[1], actor="ada")
        note = the_note(tenant)
        assert set(note.sources) == {*ids} - {ids[1]}
        assert "cobalt" not in note.memory.content

    def test_nor_do_its_former_versions(self, tenant, consolidated, told):
        ids, _, note = consolidated
        told(MORE_POTTERY)
        runs.consolidate(tenant.id)
        services.forget(tenant, ids[1], actor="ada")
        with tenant_scope(tenant.id):
            assert not MemoryVersion.objects.filter(memory_id=note.memory.pk).exists()

    def test_a_note_of_too_little_is_withdrawn(self, tenant, consolidated):
        ids, _, _ = consolidated
        for each in ids[:3]:
            services.forget(tenant, each, actor="ada")
        assert notes.list_notes(tenant.id) == []
        assert set(stored(tenant)) == {ids[3]}

    def test_a_note_by_hand_of_nothing_is_withdrawn(self, tenant, told):
        [pk] = told(POTTERY[0])
        services.note_down(
            tenant, services.NewNote(content="A class.", context="A class.", sources=[pk]), actor="c"
        )
        services.forget(tenant, pk, actor="ada")
        assert notes.list_notes(tenant.id) == []

    def test_who_deletes_past_the_services_takes_the_note_along(self, tenant, consolidated):
        ids, _, _ = consolidated
        with tenant_scope(tenant.id), connection.cursor() as cursor:
            cursor.execute("DELETE FROM memories_memory WHERE id = %s", [ids[0]])
        assert notes.list_notes(tenant.id) == []
        assert set(stored(tenant)) == {*ids[1:]}

    def test_forgetting_the_note_leaves_its_sources(self, tenant, consolidated):
        ids, _, note = consolidated
        services.forget(tenant, note.memory.pk, actor="ada")
        assert set(stored(tenant)) == {*ids}

    def test_a_run_can_be_undone_all_the_same(self, tenant, consolidated, told):
        ids, first, _ = consolidated
        told(MORE_POTTERY)
        second = runs.consolidate(tenant.id).run_id
        services.forget(tenant, ids[1], actor="ada")
        runs.undo(tenant, second, actor="curator")
        note = the_note(tenant)
        assert set(note.sources) == {*ids} - {ids[1]}
        assert "cobalt" not in note.memory.content
        runs.undo(tenant, first, actor="curator")
        assert notes.list_notes(tenant.id) == []


class TestRevising:
    def test_a_note_follows_its_source(self, tenant, consolidated):
        ids, _, _ = consolidated
        services.revise(
            tenant,
            ids[1],
            {"content": "The pottery class glazed three clay bowls with celadon today."},
            actor="ada",
        )
        content = the_note(tenant).memory.content
        assert "celadon" in content
        assert "cobalt" not in content

    def test_what_no_note_repeats_changes_none(self, tenant, consolidated):
        ids, _, note = consolidated
        services.revise(tenant, ids[1], {"metadata": {"room": 2}}, actor="ada")
        assert the_note(tenant).memory.version == note.memory.version

    def test_not_one_by_hand(self, tenant, told):
        ids = told(*POTTERY[:2])
        note = by_hand(tenant, ids)
        services.revise(tenant, ids[0], {"tags": ["clay"]}, actor="ada")
        described = notes.describe(tenant.id, note)
        assert (described.memory.content, described.summariser) == ("My own words.", "hand")

    def test_a_note_that_somebody_revised_is_theirs(self, tenant, consolidated, told):
        ids, _, note = consolidated
        services.revise(tenant, note.memory.pk, {"content": "Melanie does pottery."}, actor="curator")
        services.revise(tenant, ids[1], {"tags": ["clay"]}, actor="ada")
        told(MORE_POTTERY)
        runs.consolidate(tenant.id)
        after = notes.describe(tenant.id, note.memory.pk)
        assert (after.memory.content, after.summariser) == ("Melanie does pottery.", "hand")

    def test_tags_are_no_words(self, tenant, consolidated):
        ids, _, note = consolidated
        services.revise(tenant, note.memory.pk, {"tags": ["clay"]}, actor="curator")
        services.revise(
            tenant, ids[1], {"content": "The pottery class glazed bowls with celadon."}, actor="ada"
        )
        assert "celadon" in the_note(tenant).memory.content

    def test_what_was_rewritten_since_a_source_was_forgotten_follows_the_others(self, tenant, told):
        ids = told(*POTTERY[:3])
        note = by_hand(tenant, ids)
        services.forget(tenant, ids[0], actor="ada")
        services.revise(
            tenant, ids[1], {"content": "The pottery class glazed bowls with celadon."}, actor="ada"
        )
        described = notes.describe(tenant.id, note)
        assert "celadon" in described.memory.content
        assert described.summariser != "hand"

    @pytest.mark.parametrize("field", ["valid_to", "expires_at"])
    def test_what_ends_is_no_longer_said(self, tenant, consolidated, field):
        ids, _, _ = consolidated
        services.revise(tenant, ids[1], {field: timezone.now() + timedelta(days=1)}, actor="ada")
        note = the_note(tenant)
        assert ids[1] not in note.sources
        assert "cobalt" not in note.memory.content

    def test_what_will_end_is_not_taken_in(self, tenant, told):
        told(*POTTERY, expires_at=timezone.now() + timedelta(days=1))
        assert runs.consolidate(tenant.id).made == 0


class TestNothingStays:
    def test_of_what_a_note_said_before_its_growth_was_undone(self, tenant, consolidated, told):
        told("Melanie glazed a celadon bowl at the pottery studio and fired the clay cups.")
        [late] = [
            pk
            for pk in stored(tenant)
            if "celadon" in stored(tenant)[pk]["content"] and stored(tenant)[pk]["kind"] != "note"
        ]
        run = runs.consolidate(tenant.id).run_id
        assert "celadon" in everything_kept(tenant)
        runs.undo(tenant, run, actor="curator")
        services.forget(tenant, late, actor="ada")
        assert "celadon" not in everything_kept(tenant)

    def test_nor_what_it_rested_on_before_somebody_revised_that(self, tenant, consolidated, told):
        ids, _, _ = consolidated
        told(MORE_POTTERY)
        run = runs.consolidate(tenant.id).run_id
        services.revise(
            tenant,
            ids[1],
            {"content": "The pottery class glazed three clay bowls with celadon."},
            actor="ada",
        )
        runs.undo(tenant, run, actor="curator")
        note = the_note(tenant)
        assert set(note.sources) == {*ids}
        assert "cobalt" not in note.memory.content

    def test_two_notes_of_the_same_do_not_hinder_it(self, tenant, told):
        ids = told(*POTTERY[:2])
        by_hand(tenant, ids, "One.")
        by_hand(tenant, ids, "Another.")
        services.forget(tenant, ids[1], actor="ada")
        assert "cobalt" not in everything_kept(tenant)
        assert set(the_note(tenant).sources) == {ids[0]}

    def test_its_weight_and_time_go_with_it(self, tenant, told):
        ids = told(*POTTERY)
        services.revise(tenant, ids[3], {"importance_explicit": 0.97}, actor="ada")
        runs.consolidate(tenant.id)
        assert the_note(tenant).memory.occurred_at == stored(tenant)[ids[3]]["occurred_at"]
        services.forget(tenant, ids[3], actor="ada")
        with tenant_scope(tenant.id):
            assert Note.objects.get().worth < 0.97
        assert the_note(tenant).memory.occurred_at == stored(tenant)[ids[2]]["occurred_at"]


class TestReturning:
    """Sources count again as they did, once the note is gone that they had receded for."""

    def weights(self, tenant, ids):
        return [stored(tenant)[pk]["importance_computed"] for pk in ids]

    def test_when_it_is_forgotten(self, tenant, told, indexed):
        ids = told(*POTTERY)
        before = self.weights(tenant, ids)
        runs.consolidate(tenant.id)
        assert self.weights(tenant, ids) != before
        services.forget(tenant, the_note(tenant).memory.pk, actor="curator")
        assert self.weights(tenant, ids) == before

    def test_when_it_is_withdrawn(self, tenant, consolidated):
        ids, _, _ = consolidated
        with tenant_scope(tenant.id):
            before = ConsolidationStep.objects.get().former["importance"][str(ids[3])][0]
        for each in ids[:3]:
            services.forget(tenant, each, actor="ada")
        assert self.weights(tenant, ids[3:]) == [before]


class TestWhatIsNotANote:
    def test_no_memory_is_taken_for_one(self, tenant, told, remember, monkeypatch):
        """Whatever somebody stored with the text of the note to come is theirs, and stays."""
        told(*POTTERY)
        summary = steps.get_summariser().summarise([notes.source_of(each) for each in read(tenant)])
        [theirs] = remember(
            summary.content,
            title=summary.title,
            kind="note",
            role="system",
            occurred_at=read(tenant)[-1].occurred_at,
        )
        run = runs.consolidate(tenant.id)
        with tenant_scope(tenant.id):
            assert Memory.objects.filter(pk=theirs).exists()
            [step] = ConsolidationStep.objects.filter(run_id=run.run_id)
        assert step.state == "dropped"
        assert "says the same" in step.reason


def read(tenant):
    with tenant_scope(tenant.id):
        return list(Memory.objects.filter(kind="message").order_by("occurred_at", "id"))
