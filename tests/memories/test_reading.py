"""What memories say reaches the graph: after they can be found, once, and level with their text."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from graph import queries
from graph.models import Doubt, Mention, Reading, Relation
from graph.resolution import DOUBTFUL
from memories import indexing, reading, services
from memories.models import Memory, ReadJob
from memos_project import later
from memos_project.db import tenant_scope
from memos_project.redis import client
from memos_project.tenancy.models import Tenant

pytestmark = pytest.mark.django_db
SAID = "Ada Lovelace lives in Berlin."


@pytest.fixture
def tell(tenant, remember, indexed):
    """Remember and index texts, have them read, and answer their ids."""

    def tell(*texts: str, **fields):
        ids = remember(*texts, **fields)
        indexed()
        reading.drain(tenant.id)
        return ids

    return tell


def count(tenant, model) -> int:
    with tenant_scope(tenant.id):
        return model.objects.count()


def homes(tenant) -> list[str]:
    found = queries.search(tenant.id, "Ada Lovelace", kind="person")
    return [
        fact.object for each in found[:1] for fact in queries.as_of(tenant.id, each.id, predicate="lives_in")
    ]


class TestTimes:
    """A memory that holds for a time says what it says for that time."""

    @pytest.mark.parametrize("field", ["valid_to", "expires_at"])
    def test_what_has_ended_holds_no_more(self, tenant, tell, field):
        tell(
            SAID, occurred_at=timezone.now() - timedelta(9), **{field: timezone.now() + timedelta(seconds=2)}
        )
        assert homes(tenant) == ["Berlin"]
        [ada] = queries.search(tenant.id, "Ada Lovelace", kind="person")
        later = timezone.now() + timedelta(seconds=3)
        assert queries.as_of(tenant.id, ada.id, at=later) == []

    def test_it_begins_when_the_memory_does(self, tenant, tell):
        began = timezone.now() - timedelta(9)
        tell(SAID, valid_from=began)
        [ada] = queries.search(tenant.id, "Ada Lovelace", kind="person")
        [fact] = queries.timeline(tenant.id, ada.id)
        assert fact.valid_from == began

    def test_it_follows_a_change_of_the_memorys_time(self, tenant, tell):
        [memory_id] = tell(SAID, occurred_at=timezone.now() - timedelta(9))
        services.revise(tenant, memory_id, {"valid_to": timezone.now() - timedelta(1)}, actor="test")
        reading.drain(tenant.id)
        assert homes(tenant) == []
        services.revise(tenant, memory_id, {"valid_to": None}, actor="test")
        indexing.drain(tenant.id)
        reading.drain(tenant.id)
        assert homes(tenant) == ["Berlin"]

    def test_a_change_of_it_wakes_a_reader(self, tenant, tell, django_capture_on_commit_callbacks):
        [memory_id] = tell(SAID)
        client().delete(f"reading:awake:{tenant.id}")
        with django_capture_on_commit_callbacks(execute=True):
            services.revise(tenant, memory_id, {"valid_to": timezone.now() + timedelta(1)}, actor="test")
        later.done()
        assert client().exists(f"reading:awake:{tenant.id}")

    @pytest.mark.parametrize("change", [{"valid_to": timezone.now() - timedelta(1)}, {"content": "Tea."}])
    def test_what_changes_while_it_is_read_is_read_again(self, tenant, tell, monkeypatch, change):
        [memory_id] = tell(SAID, occurred_at=timezone.now() - timedelta(9))
        services.revise(tenant, memory_id, {"valid_to": timezone.now() + timedelta(1)}, actor="test")
        extractor = reading.get_extractor()

        class Slow:
            def extract(self, passages):
                monkeypatch.undo()
                services.revise(tenant, memory_id, change, actor="test")
                return extractor.extract(passages)

        monkeypatch.setattr(reading, "get_extractor", Slow)
        reading.drain(tenant.id)
        indexing.drain(tenant.id)
        reading.drain(tenant.id)
        assert homes(tenant) == []
        assert count(tenant, ReadJob) == 0

    def test_whose_time_was_over_before_it_began_says_nothing(self, tenant, tell):
        tell(SAID, expires_at=timezone.now() + timedelta(9), occurred_at=timezone.now() + timedelta(99))
        assert homes(tenant) == []


class TestEnds:
    """What a text says to end, and to begin in its place."""

    @pytest.mark.parametrize(
        ("text", "home"),
        [
            ("Ada Lovelace moved from Paris to Berlin on May 3, 2020.", ["Berlin"]),
            ("Ada Lovelace moved from Paris to Berlin yesterday.", ["Berlin"]),
            ("Ada Lovelace moved from Paris to Berlin in 2020.", ["Berlin"]),
            ("Ada Lovelace lived in Paris two years ago.", []),
        ],
    )
    def test_a_move(self, tenant, tell, text, home):
        tell(text)
        assert homes(tenant) == home

    def test_another_job_on_the_same_day(self, tenant, tell):
        tell("Ada Lovelace joined Stripe on June 14, 2026. Ada Lovelace left Oracle on June 14, 2026.")
        [ada] = queries.search(tenant.id, "Ada Lovelace", kind="person")
        assert [each.object for each in queries.as_of(tenant.id, ada.id, predicate="works_at")] == ["Stripe"]

    def test_what_is_told_of_a_year_is_not_all_of_it(self, tenant, tell):
        tell("Ada Lovelace lives in Oslo since 2015.", "Ada Lovelace lived in Oslo in 2020.")
        assert homes(tenant) == ["Oslo"]

    def test_who_did_not_quit_stays(self, tenant, tell):
        tell("Ada Lovelace works at Bosch since 2020.", "Ada Lovelace didn't quit her job at Bosch.")
        [ada] = queries.search(tenant.id, "Ada Lovelace", kind="person")
        assert [each.object for each in queries.as_of(tenant.id, ada.id, predicate="works_at")] == ["Bosch"]


class TestReading:
    def test_what_is_said_is_known(self, tenant, tell):
        [memory_id] = tell(SAID)
        assert homes(tenant) == ["Berlin"]
        with tenant_scope(tenant.id):
            assert Reading.objects.get().extractor == "rules"
            assert {row.memory_id for row in Mention.objects.all()} == {memory_id}
        assert count(tenant, ReadJob) == 0

    def test_what_is_written_for_machines_is_an_entity_too(self, tenant, tell):
        tell("Mail ann@example.org about JIRA-4711.", "JIRA-4711 broke at 9:30 in version 2.1.0 for 40 EUR.")
        found = {
            each.name: each.memories for each in queries.list_entities(tenant.id, after=UUID(int=0), limit=50)
        }
        assert found["ann@example.org"] == 1
        assert found["JIRA-4711"] == 2
        assert not found.keys() & {"2.1.0", "40 EUR", "9:30"}

    def test_to_be_found_comes_first(self, tenant, remember, indexed):
        remember(SAID)
        assert count(tenant, ReadJob) == 0
        indexed()
        assert count(tenant, ReadJob) == 1
        remember("Another one.")
        assert reading.drain(tenant.id) == 0
        indexed()
        assert reading.drain(tenant.id) == 2

    def test_a_revision_is_read_again(self, tenant, tell, indexed):
        [memory_id] = tell(SAID)
        services.revise(tenant, memory_id, {"content": "Ada Lovelace lives in Paris."}, actor="test")
        indexed()
        assert reading.drain(tenant.id) == 1
        assert homes(tenant) == ["Paris"]
        with tenant_scope(tenant.id):
            assert Relation.objects.filter(unlearned_at=None).count() == 1

    def test_what_changes_nothing_that_is_said_is_not_read_again(self, tenant, tell, indexed):
        [memory_id] = tell(SAID)
        services.revise(tenant, memory_id, {"tags": ["x"]}, actor="test")
        indexed()
        assert count(tenant, ReadJob) == 0

    def test_a_text_that_changes_while_it_is_read_comes_round_again(
        self, tenant, remember, indexed, monkeypatch
    ):
        [memory_id] = remember(SAID)
        indexed()
        extractor = reading.get_extractor()

        class Slow:
            def extract(self, passages):
                services.revise(tenant, memory_id, {"content": "Ada Lovelace lives in Paris."}, actor="test")
                return extractor.extract(passages)

        monkeypatch.setattr(reading, "get_extractor", Slow)
        assert reading.drain(tenant.id) == 0
        monkeypatch.undo()
        assert homes(tenant) == []
        indexed()
        assert reading.drain(tenant.id) == 1
        assert homes(tenant) == ["Paris"]

    def test_a_memory_that_is_forgotten_meanwhile_teaches_nothing(
        self, tenant, remember, indexed, monkeypatch
    ):
        [memory_id] = remember(SAID)
        indexed()
        extractor = reading.get_extractor()

        class Slow:
            def extract(self, passages):
                services.forget(tenant, memory_id, actor="test")
                return extractor.extract(passages)

        monkeypatch.setattr(reading, "get_extractor", Slow)
        assert reading.drain(tenant.id) == 0
        assert homes(tenant) == []
        assert count(tenant, ReadJob) == 0

    def test_names_are_compared_by_meaning_where_its_measure_is_known(self, tenant, tell, minilm):
        tell("We drove up Mount Everest Road.", "Ada lives at Mt Everest Road.")
        with tenant_scope(tenant.id):
            [doubt] = Doubt.objects.all()
        assert doubt.likeness == DOUBTFUL

    def test_code_is_not_read(self, tenant, tell):
        tell(SAID, kind="code")
        assert homes(tenant) == []
        assert count(tenant, ReadJob) == 0

    def test_others_are_read_beside_one_that_fails(self, tenant, remember, indexed, monkeypatch):
        remember(SAID, "Poison.")
        indexed()
        extractor = reading.get_extractor()

        class Choking:
            def extract(self, passages):
                if any("Poison" in each.text for each in passages):
                    raise RuntimeError("choked")
                return extractor.extract(passages)

        monkeypatch.setattr(reading, "get_extractor", Choking)
        assert reading.drain(tenant.id) == 1
        assert homes(tenant) == ["Berlin"]
        with tenant_scope(tenant.id):
            job = ReadJob.objects.get()
        assert (job.attempts, job.error) == (1, "RuntimeError('choked')")

    def test_the_sweep_wakes_for_what_is_due(self, tenant, remember, indexed):
        assert reading.sweep() == 0
        remember(SAID)
        indexed()
        assert reading.sweep() == 1

    def test_the_sweep_asks_once_for_all_tenants(
        self, tenant, other_tenant, remember, indexed, django_assert_num_queries
    ):
        for of in (tenant, other_tenant):
            remember(SAID, of=of)
        indexed()
        with django_assert_num_queries(1):
            assert reading.sweep() == 2
        Tenant.objects.filter(pk=other_tenant.id).update(active=False)
        with tenant_scope(tenant.id):
            assert reading.sweep() == 1
            assert ReadJob.objects.count() == 1  # the tenant is the same as before
            ReadJob.objects.update(due_at=None)
        assert reading.sweep() == 0

    def test_what_is_given_up_does_not_hold_up_the_rest(self, tenant, remember, indexed, monkeypatch):
        monkeypatch.setattr(reading, "BATCH", 2)
        remember("One.", "Two.", "Three.", SAID)
        indexed()
        with tenant_scope(tenant.id):
            lost = ReadJob.objects.exclude(memory_id=Memory.objects.get(content=SAID).pk)
            lost.update(attempts=reading.MAX_ATTEMPTS, due_at=timezone.now() - timedelta(hours=1))
        assert reading.drain(tenant.id) == 1
        assert homes(tenant) == ["Berlin"]
        with tenant_scope(tenant.id):
            assert ReadJob.objects.filter(due_at=None).count() == 3


def test_indexing_says_what_is_unread(tenant, remember):
    """Also where it happens in two steps, as with an index outside of the database."""
    remember(SAID)
    assert indexing.drain(tenant.id) == 1
    assert count(tenant, ReadJob) == 1
