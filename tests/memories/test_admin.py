"""What curators and viewers see and may do, through the pages themselves."""

from dataclasses import fields
from pathlib import Path

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.staticfiles import finders
from django.db import connection
from django.forms import BooleanField
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from memories import reading, retrieval, services
from memories.admin import meaning
from memories.models import AuditEntry, EmbeddingModel, IndexJob, Memory, MemoryVersion
from memories.ranking.profile import Content, Structure
from memos_project.db import tenant_scope
from memos_project.tenancy.models import Tenant

LIST = "/admin/memories/memory/"
SAID = {
    "kind": "fact",
    "tier": "2",
    "role": "user",
    "content": "Ann likes tea.",
    "metadata": "{}",
    "tags": "a\r\nb",
}


def login(tenant, group):
    users = get_user_model().objects
    user = users.create_user(group, is_staff=True)
    user.groups.add(Group.objects.get(name=group))
    Tenant.objects.get(pk=tenant.id).members.add(user)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def curator(tenant):
    return login(tenant, "curator")


@pytest.fixture
def viewer(tenant):
    return login(tenant, "viewer")


def page(name, *args):
    return reverse(f"admin:{name}", args=args)


def form_of(client, memory_id):
    """What a browser would send back of a memory's page, unchanged."""
    form = client.get(page("memories_memory_change", memory_id)).context["adminform"].form
    sent = {"version": str(form.instance.version)}
    for bound in form:
        value = bound.value()
        if hasattr(bound.field, "fields"):
            date, time = bound.field.widget.decompress(value)
            sent |= {f"{bound.html_name}_0": str(date or ""), f"{bound.html_name}_1": str(time or "")}
        elif isinstance(bound.field, BooleanField):
            sent |= {bound.html_name: "on"} if value else {}
        else:
            sent[bound.html_name] = "" if value is None else str(value)
    return sent


def get(tenant, memory_id):
    return services.get_memory(tenant.id, memory_id)


def gone(tenant, memory_id):
    with tenant_scope(tenant.id):
        return not Memory.objects.filter(pk=memory_id).exists()


@pytest.mark.parametrize(
    "name",
    [
        "index",
        "memories_memory_changelist",
        "memories_memory_meaning",
        "memories_conversation_changelist",
        "memories_indexjob_changelist",
        "memories_embeddingmodel_changelist",
        "memories_auditentry_changelist",
        "services",
    ],
)
def test_pages_open_for_both_groups(curator, viewer, remember, name):
    remember("Ann likes tea.", conversation_id="tea", kind="message")
    for client in (curator, viewer):
        assert client.get(page(name)).status_code == 200


class TestList:
    def test_finds_words_in_any_inflection(self, curator, remember):
        remember("Two kettles were boiling.", "The kettle boils.", "A pan boils.")
        body = curator.get(LIST, {"q": "kettle boiling"}).content.decode()
        assert "Two kettles" in body
        assert "The kettle boils" in body
        assert "A pan" not in body

    def test_finds_an_id(self, curator, remember):
        [first, second] = remember("One.", "Two.")
        body = curator.get(LIST, {"q": str(first)}).content.decode()
        assert str(first) in body
        assert str(second) not in body

    def test_stop_words_alone_find_nothing(self, curator, remember):
        remember("The cat.")
        assert curator.get(LIST, {"q": "the"}).context["cl"].result_count == 0

    @pytest.mark.parametrize(
        ("params", "found"),
        [
            ({"kind__exact": "fact"}, {"A fact."}),
            ({"user": "ann"}, {"A fact."}),
            ({"tag": "x,y"}, {"A note."}),
            ({"index": "given-up"}, {"A note."}),
            ({"index": "behind"}, {"A fact.", "A note."}),
            ({"standing": "pinned"}, {"A note."}),
            ({"in": "talk"}, {"A message."}),
        ],
    )
    def test_filters(self, curator, tenant, remember, indexed, params, found):
        remember("A message.", kind="message", conversation_id="talk")
        indexed()
        remember("A fact.", kind="fact", user_id="ann")
        [note] = remember("A note.", kind="note", tags=["x,y"], pinned=True)
        with tenant_scope(tenant.id):
            IndexJob.objects.filter(pk=note).update(due_at=None, error="no")
        listed = curator.get(LIST, params).context["cl"].result_list
        assert {memory.excerpt for memory in listed} == found

    def test_costs_the_same_for_more_rows(self, curator, remember, django_assert_max_num_queries):
        remember(*(f"Memory {n}." for n in range(60)), conversation_id="many")
        with django_assert_max_num_queries(25):
            assert curator.get(LIST).status_code == 200

    def test_never_counts_everything(self, curator, remember, django_assert_max_num_queries):
        remember()
        with django_assert_max_num_queries(25) as asked:
            curator.get(LIST)
        counts = [query["sql"] for query in asked if "COUNT(*)" in query["sql"]]
        assert counts
        assert all("LIMIT" in sql for sql in counts)


class TestChange:
    def test_goes_through_the_services(self, curator, tenant, remember):
        [memory] = remember("Tea at four.")
        answer = curator.post(
            page("memories_memory_change", memory), form_of(curator, memory) | {"content": "Tea at five."}
        )
        assert answer.status_code == 302
        assert get(tenant, memory).content == "Tea at five."
        with tenant_scope(tenant.id):
            assert MemoryVersion.objects.get(memory=memory).state == {"content": "Tea at four."}
            assert AuditEntry.objects.get(memory_id=memory, action="revise").actor == "user:curator"

    def test_saving_what_is_there_makes_no_version(self, curator, tenant, remember):
        [memory] = remember(
            "Two\nlines ", tags=["a, b", "c"], metadata={"a": [1]}, importance=0.3, occurred_at=timezone.now()
        )
        sent = form_of(curator, memory)
        sent["content"] = sent["content"].replace("\n", "\r\n")
        assert curator.post(page("memories_memory_change", memory), sent).status_code == 302
        assert get(tenant, memory).version == 1

    def test_refuses_what_was_changed_meanwhile_and_keeps_the_text(self, curator, tenant, remember):
        [memory] = remember("Tea at four.")
        sent = form_of(curator, memory) | {"content": "Tea at five."}
        services.revise(tenant, memory, {"content": "Tea at six."}, actor="key:other")
        answer = curator.post(page("memories_memory_change", memory), sent)
        assert answer.status_code == 200
        assert "changed while you were editing" in answer.content.decode()
        assert "Tea at five." in answer.content.decode()
        assert get(tenant, memory).content == "Tea at six."
        assert (
            curator.post(page("memories_memory_change", memory), sent | {"version": "2"}).status_code == 302
        )
        assert get(tenant, memory).content == "Tea at five."

    def test_refuses_the_content_of_another(self, curator, tenant, remember):
        [_, second] = remember("One.", "Two.", user_id="ann")
        answer = curator.post(
            page("memories_memory_change", second), form_of(curator, second) | {"content": "One."}
        )
        assert "another memory with the same content" in answer.content.decode()
        assert get(tenant, second).content == "Two."

    @pytest.mark.parametrize(
        "wrong",
        [
            {"content": " \r\n "},
            {"content": "a\x00b"},
            {"importance_explicit": "1.5"},
            {"importance_explicit": "nan"},
            {"metadata": "[1]"},
            {"metadata": '{"a": "\\u0000"}'},
            {"metadata": '{"a": NaN}'},
            {"metadata": '{"a": "\\ud800"}'},
            {"metadata": "{"},
            {"tags": "x" * 101},
            {
                "valid_from_0": "2026-02-02",
                "valid_from_1": "00:00",
                "valid_to_0": "2026-02-01",
                "valid_to_1": "00:00",
            },
            {"occurred_at_0": "yesterday"},
        ],
    )
    def test_refuses_what_the_api_refuses(self, curator, tenant, remember, wrong):
        [memory] = remember("Tea at four.")
        answer = curator.post(page("memories_memory_change", memory), form_of(curator, memory) | wrong)
        assert answer.status_code == 200
        assert answer.context["errors"]
        assert get(tenant, memory).version == 1

    @pytest.mark.parametrize("version", ["", "x", "9" * 20, "-1"])
    def test_needs_the_version_that_was_seen(self, curator, tenant, remember, version):
        [memory] = remember("Tea at four.")
        sent = form_of(curator, memory) | {"content": "Five.", "version": version}
        assert curator.post(page("memories_memory_change", memory), sent).status_code == 200
        assert get(tenant, memory).version == 1

    def test_does_not_change_where_it_comes_from(self, curator, tenant, remember):
        [memory] = remember("Tea at four.", kind="fact")
        sent = form_of(curator, memory) | {"content": "Five.", "kind": "note", "user_id": "eve"}
        curator.post(page("memories_memory_change", memory), sent)
        assert (get(tenant, memory).kind, get(tenant, memory).user_id) == ("fact", "")


def test_history_shows_the_difference(curator, tenant, remember):
    [memory] = remember("Tea at 4.30 <b>today</b>.")
    services.revise(
        tenant, memory, {"content": "Tea at 5.15 <b>today</b>.", "pinned": True}, actor="user:ann"
    )
    body = curator.get(page("memories_memory_history", memory)).content.decode()
    assert "<del>4.30</del><ins>5.15</ins>" in body
    assert "&lt;b&gt;" in body
    assert "user:ann" in body


def test_receipt(curator, tenant, remember, indexed):
    [memory] = remember("Tea at four.")
    assert "missing" in curator.get(page("memories_memory_receipt", memory)).content.decode()
    indexed()
    body = curator.get(page("memories_memory_receipt", memory)).content.decode()
    assert (body.count("missing"), "not read yet" in body) == (1, True)
    reading.drain(tenant.id)
    body = curator.get(page("memories_memory_receipt", memory)).content.decode()
    assert (body.count("missing"), "by the rules" in body) == (0, True)


class TestAdd:
    def test_remembers(self, curator, tenant):
        said = SAID | {"conversation_key": "tea", "user_id": "ann", "importance_explicit": "0.9"}
        assert curator.post(LIST + "add/", said).status_code == 302
        with tenant_scope(tenant.id):
            memory = Memory.objects.select_related("conversation").get()
        assert (memory.content, memory.tags, memory.importance, memory.turn) == (
            "Ann likes tea.",
            ["a", "b"],
            0.9,
            1,
        )
        assert memory.conversation.key == "tea"

    def test_says_what_is_there_already(self, curator, tenant):
        curator.post(LIST + "add/", SAID)
        answer = curator.post(LIST + "add/", SAID)
        assert "stored already" in answer.content.decode()
        with tenant_scope(tenant.id):
            assert Memory.objects.count() == 1


class TestDelete:
    def test_forgets(self, curator, tenant, remember):
        [memory] = remember("Tea at four.")
        curator.post(page("memories_memory_delete", memory), {"post": "yes"})
        assert gone(tenant, memory)
        with tenant_scope(tenant.id):
            assert AuditEntry.objects.get(memory_id=memory, action="forget").actor == "user:curator"

    def test_forgets_those_that_were_chosen(self, curator, tenant, remember):
        [first, second, third] = remember("One.", "Two.", "Three.")
        chosen = {"action": "delete_selected", "_selected_action": [str(first), str(second)]}
        assert "Two." in curator.post(LIST, chosen).content.decode()
        assert not gone(tenant, first)
        curator.post(LIST, chosen | {"post": "yes"})
        assert gone(tenant, first)
        assert gone(tenant, second)
        assert not gone(tenant, third)

    def test_leaves_no_text_behind(self, curator, tenant, remember):
        [memory] = remember("Ann's secret.")
        curator.post(
            page("memories_memory_change", memory),
            form_of(curator, memory) | {"content": "Ann's other secret."},
        )
        curator.post(page("memories_memory_delete", memory), {"post": "yes"})
        assert not LogEntry.objects.exists()


class TestViewer:
    def test_sees_a_memory_but_no_form(self, viewer, remember):
        [memory] = remember("Tea at four.")
        body = viewer.get(page("memories_memory_change", memory)).content.decode()
        assert "Tea at four." in body
        assert "_save" not in body

    def test_changes_nothing(self, viewer, tenant, remember):
        [memory] = remember("Tea at four.")
        with tenant_scope(tenant.id):
            IndexJob.objects.filter(pk=memory).update(due_at=None, error="no")
        change = page("memories_memory_change", memory)
        assert viewer.post(change, {"content": "Mine.", "version": "1"}).status_code == 403
        assert viewer.post(page("memories_memory_delete", memory), {"post": "yes"}).status_code == 403
        assert viewer.post(LIST + "add/", SAID).status_code == 403
        viewer.post(LIST, {"action": "delete_selected", "_selected_action": [str(memory)], "post": "yes"})
        viewer.post(
            page("memories_indexjob_changelist"), {"action": "retry", "_selected_action": [str(memory)]}
        )
        assert get(tenant, memory).content == "Tea at four."
        with tenant_scope(tenant.id):
            assert IndexJob.objects.get(pk=memory).due_at is None
            assert Memory.objects.count() == 1

    def test_has_no_other_pages(self, viewer, curator):
        for client in (viewer, curator):
            for name in (
                "tenancy_tenant_changelist",
                "tenancy_apikey_changelist",
                "auth_user_changelist",
                "auth_group_changelist",
            ):
                assert client.get(page(name)).status_code == 403


class TestBacklog:
    def test_shows_the_error_and_retries(self, curator, tenant, remember):
        [memory] = remember("Tea at four.")
        with tenant_scope(tenant.id):
            IndexJob.objects.filter(pk=memory).update(due_at=None, attempts=8, error="<i>too long</i>")
        body = curator.get(page("memories_indexjob_changelist"), {"state": "given-up"}).content.decode()
        assert "&lt;i&gt;too long" in body
        assert "Tea at four." in body
        curator.post(
            page("memories_indexjob_changelist"), {"action": "retry", "_selected_action": [str(memory)]}
        )
        with tenant_scope(tenant.id):
            job = IndexJob.objects.get(pk=memory)
        assert (job.attempts, job.error) == (0, "")
        assert job.due_at <= timezone.now()

    def test_names_what_is_deleted(self, curator, tenant, remember):
        [memory] = remember()
        services.forget(tenant, memory, actor="test")
        assert (
            "deleted, to be taken out" in curator.get(page("memories_indexjob_changelist")).content.decode()
        )


class TestConversation:
    def test_reads_as_a_chat(self, curator, tenant, remember):
        remember("Hello.", "Good day.", kind="message", conversation_id="talk", speaker="Ann")
        with tenant_scope(tenant.id):
            conversation = Memory.objects.first().conversation_id
        answer = curator.get(page("memories_conversation_change", conversation), {"around": "2"})
        assert [turn.content for turn in answer.context["turns"]] == ["Hello.", "Good day."]
        assert 'id="turn-2"' in answer.content.decode()

    def test_lists_the_last_message(self, curator, remember):
        remember("Hello.", "Good day.", kind="message", conversation_id="talk")
        [row] = curator.get(page("memories_conversation_changelist")).context["cl"].result_list
        assert (row.counted, row.last_said) == (2, "Good day.")

    def test_is_not_deleted_here(self, curator, tenant, remember):
        remember("Hello.", conversation_id="talk")
        with tenant_scope(tenant.id):
            conversation = Memory.objects.first().conversation_id
        assert (
            curator.post(page("memories_conversation_delete", conversation), {"post": "yes"}).status_code
            == 403
        )


class TestMeaning:
    def test_draws_why(self, curator, remember, indexed):
        remember("Ann likes tea.", "Ben flies to Lisbon.", "The pan is hot.")
        indexed()
        answer = curator.get(page("memories_memory_meaning"), {"q": "who likes tea"})
        first = answer.context["drawn"][0]
        assert first.hit.memory.content == "Ann likes tea."
        assert sum(part.width for part in first.score) == pytest.approx(100 * first.hit.score, abs=0.1)
        assert all(part.start >= 0 and part.start + part.width <= 100.01 for part in first.signals)
        assert 'class="part-similarity"' in answer.content.decode()

    def test_every_signal_has_a_name_and_a_colour(self):
        signals = {each.name for weights in (Content, Structure) for each in fields(weights)}
        assert {*meaning.SIGNALS} == signals
        style = Path(finders.find("memories/admin.css")).read_text()
        assert [name for name in sorted(signals) if f".signal-{name} {{" not in style] == []

    def test_says_when_it_is_degraded(self, curator, tenant, remember):
        remember("Ann likes tea.")
        far = {
            "provider": "openai",
            "name": "far-away",
            "token_dimensions": 0,
            "options": {"url": "http://127.0.0.1:9/v1"},
        }
        EmbeddingModel.objects.filter(state="active").update(**far)
        retrieval._active = None
        body = curator.get(page("memories_memory_meaning"), {"q": "tea"}).content.decode()
        assert "Degraded: vectors" in body
        assert "Ann likes tea." in body

    @pytest.mark.parametrize(
        "wrong",
        [{"q": ""}, {"q": "tea", "k": "1000"}, {"q": "tea", "mode": "magic"}, {"q": "tea", "kind": "x"}],
    )
    def test_refuses_what_makes_no_sense(self, curator, wrong):
        answer = curator.get(page("memories_memory_meaning"), wrong)
        assert answer.status_code == 200
        assert answer.context["form"].errors

    @pytest.mark.django_db(transaction=True)
    def test_asks_outside_of_a_transaction(self, curator, remember, monkeypatch):
        inside = []
        recall = meaning.recall
        monkeypatch.setattr(
            meaning, "recall", lambda *args: inside.append(connection.in_atomic_block) or recall(*args)
        )
        curator.get(page("memories_memory_meaning"), {"q": "tea"})
        assert inside == [False]


class TestIsolation:
    def test_other_rows_are_not_there(self, curator, other_tenant, remember):
        [theirs] = remember("Their secret.", of=other_tenant, conversation_id="theirs", kind="message")
        with tenant_scope(other_tenant.id):
            conversation = Memory.objects.get().conversation_id
        for name, wanted in [
            ("memory_change", theirs),
            ("memory_delete", theirs),
            ("conversation_change", conversation),
            ("indexjob_change", theirs),
        ]:
            answer = curator.get(page(f"memories_{name}", wanted))
            assert answer.status_code == 302
            assert "secret" not in curator.get(answer.url).content.decode()
        for name in ("memory_receipt", "memory_history"):
            assert curator.get(page(f"memories_{name}", theirs)).status_code == 404
        for name in ("memory", "conversation", "indexjob", "auditentry"):
            assert str(theirs) not in curator.get(page(f"memories_{name}_changelist")).content.decode()

    def test_other_rows_stay_as_they_are(self, curator, other_tenant, remember):
        [theirs] = remember("Their secret.", of=other_tenant)
        curator.post(page("memories_memory_change", theirs), {"content": "Mine.", "version": "1"})
        curator.post(page("memories_memory_delete", theirs), {"post": "yes"})
        curator.post(LIST, {"action": "delete_selected", "_selected_action": [str(theirs)], "post": "yes"})
        assert get(other_tenant, theirs).version == 1

    def test_meaning_finds_only_ours(self, curator, other_tenant, remember, indexed):
        remember("Their tea.", of=other_tenant)
        remember("Our tea.")
        indexed()
        body = curator.get(page("memories_memory_meaning"), {"q": "tea"}).content.decode()
        assert "Our tea." in body
        assert "Their tea." not in body


def test_first_page_counts(curator, remember):
    remember("A fact.", kind="fact")
    remember("A note.", kind="note", conversation_id="notes")
    context = curator.get("/admin/").context
    assert (context["holdings"].memories, context["holdings"].conversations, context["waiting"]) == (2, 1, 2)
    assert {bar.label: bar.count for bar in context["holdings"].kinds} == {"fact": 1, "note": 1}
    assert context["holdings"].days[-1].count == 2


def test_static_files_are_served_without_collecting(db):
    for path in (
        "unfold/css/styles.css",
        "unfold/js/app.js",
        "memories/admin.css",
        "unfold/fonts/inter/styles.css",
    ):
        answer = Client().get(f"/static/{path}")
        assert answer.status_code == 200
        assert answer.getvalue()
        answer.close()
