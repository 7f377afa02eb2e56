"""The pages of notes and consolidations: who may see and do what."""

import pytest
from django.urls import reverse

from memories import notes, services
from memories.consolidation import runs
from memories.models import ConsolidationRun, Note
from memos_project.db import tenant_scope
from tests.memories.test_admin import login

pytestmark = pytest.mark.django_db(transaction=True)
POTTERY = (
    "Melanie signed up for a pottery class at the old <b>brick</b> studio yesterday.",
    "The pottery class glazed three clay bowls with cobalt today.",
    "Melanie brought home a clay bowl from her pottery class and showed the glaze.",
)


def url(name, *args):
    return reverse(f"admin:{name}", args=args)


def text(client, name, *args):
    answer = client.get(url(name, *args))
    assert answer.status_code == 200
    return answer.content.decode()


def act(client, page, action, row):
    chosen = {"action": action, "_selected_action": [str(row)]}
    return client.post(url(page), chosen, follow=True).content.decode()


@pytest.fixture
def curator(tenant):
    return login(tenant, "curator")


@pytest.fixture
def viewer(tenant):
    return login(tenant, "viewer")


@pytest.fixture
def noted(tenant, other_tenant, minilm, remember, indexed):
    """A run that made a note of ours, and another tenant's note; the note."""
    remember(*POTTERY, kind="message")
    services.note_down(other_tenant, services.NewNote(content="Theirs.", context="Theirs."), actor="test")
    indexed()
    runs.consolidate(tenant.id)
    [note] = notes.list_notes(tenant.id)
    return note


@pytest.fixture
def run(tenant, noted):
    with tenant_scope(tenant.id):
        return ConsolidationRun.objects.get()


class TestNotes:
    def test_the_list(self, curator, noted):
        page = text(curator, "memories_note_changelist")
        assert noted.context in page
        assert "chosen sentences" in page
        assert "Theirs" not in page

    def test_one_with_what_it_rests_on(self, curator, noted):
        page = text(curator, "memories_note_change", noted.memory.pk)
        assert all(url("memories_memory_change", pk) in page for pk in noted.sources)
        assert "No other note." in page
        assert "<b>brick" not in page
        assert "&lt;b&gt;brick" in page

    def test_searched_by_words(self, curator, noted):
        found = curator.get(url("memories_note_changelist"), {"q": "potteries"}).content.decode()
        assert noted.context in found
        found = curator.get(url("memories_note_changelist"), {"q": "submarine"}).content.decode()
        assert noted.context not in found

    def test_withdrawn(self, curator, tenant, noted):
        assert "1 withdrawn." in act(curator, "memories_note_changelist", "withdraw", noted.memory.pk)
        assert notes.list_notes(tenant.id) == []

    def test_a_viewer_withdraws_none(self, viewer, tenant, noted):
        assert noted.context in text(viewer, "memories_note_changelist")
        act(viewer, "memories_note_changelist", "withdraw", noted.memory.pk)
        assert len(notes.list_notes(tenant.id)) == 1

    def test_another_tenants_is_not_there(self, curator, other_tenant, noted):
        with tenant_scope(other_tenant.id):
            theirs = Note.objects.get().pk
        assert curator.get(url("memories_note_change", theirs)).status_code == 302


class TestConsolidations:
    def test_the_list_and_what_one_did(self, curator, noted, run):
        assert "1 made" in text(curator, "memories_consolidationrun_changelist")
        page = text(curator, "memories_consolidationrun_change", run.pk)
        assert url("memories_note_change", noted.memory.pk) in page
        assert "3 memories" in page

    def test_undone(self, curator, tenant, noted, run):
        assert "1 undone." in act(curator, "memories_consolidationrun_changelist", "undo", run.pk)
        assert notes.list_notes(tenant.id) == []
        assert "It is undone." in act(curator, "memories_consolidationrun_changelist", "undo", run.pk)
        assert "(gone)" in text(curator, "memories_consolidationrun_change", run.pk)

    def test_begun(self, curator, tenant, minilm, remember, indexed):
        answer = curator.post(url("memories_consolidationrun_begin"), follow=True)
        assert "Begun." in answer.content.decode()
        answer = curator.post(url("memories_consolidationrun_begin"), follow=True)
        assert "under way" in answer.content.decode()
        assert curator.get(url("memories_consolidationrun_begin")).status_code == 405

    def test_a_viewer_only_looks(self, viewer, tenant, noted, run):
        assert "Look at what is new now" not in text(viewer, "memories_consolidationrun_changelist")
        assert viewer.post(url("memories_consolidationrun_begin")).status_code == 403
        act(viewer, "memories_consolidationrun_changelist", "undo", run.pk)
        assert len(notes.list_notes(tenant.id)) == 1
