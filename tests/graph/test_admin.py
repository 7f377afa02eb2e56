"""The graph's pages: who may see and do what."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.urls import reverse

from graph import merging, queries, services
from graph.models import Doubt, Entity, Merge, Relation, Split
from graph.services import Source
from memories.models import ReadJob
from memos_project.db import tenant_scope
from tests.factories import saying, statement
from tests.memories.test_admin import login

pytestmark = pytest.mark.django_db(transaction=True)
THEN = datetime(2024, 5, 1, tzinfo=UTC)


def url(name, *args):
    return reverse(f"admin:{name}", args=args)


def act(client, page, action, *rows):
    return client.post(
        url(page), {"action": action, "_selected_action": [str(each.pk) for each in rows]}, follow=True
    )


def text(client, name, *args):
    answer = client.get(url(name, *args))
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.fixture
def curator(tenant):
    return login(tenant, "curator")


@pytest.fixture
def known(tenant, other_tenant, remember):
    """Of both tenants the same is known, and Ada may be Ada Lovelace."""
    for of, mark in ((tenant, "Ours"), (other_tenant, "Theirs")):
        for number, (who, place) in enumerate((("Ada", "Berlin"), ("Ada Lovelace", f"<b>{mark}</b>"))):
            [memory_id] = remember(f"{who} moved {number}.", of=of)
            said = statement(who, "lives_in", place, THEN + timedelta(number))
            with tenant_scope(of.id):
                services.learn(of.id, [(Source(memory_id, "h", THEN), saying(said, **{place: "place"}))])


def test_entities_and_what_is_said_of_them(curator, tenant, known):
    page = text(curator, "graph_entity_changelist")
    assert "Ada Lovelace" in page
    assert "&lt;b&gt;Ours&lt;/b&gt;" in page
    assert "Theirs" not in page
    [ada] = queries.search(tenant.id, "Ada", limit=1)
    page = text(curator, "graph_entity_change", ada.id)
    assert "lives in" in page
    assert "Berlin" in page
    curator.post(url("graph_entity_change", ada.id), {"name": "Ada", "summary": "A ship.", "kind": "product"})
    told = queries.get_entity(tenant.id, ada.id)
    assert (told.summary, told.kind, told.names) == ("A ship.", "product", ["Ada"])
    assert "Ada Lovelace" in curator.get(url("graph_entity_changelist"), {"q": "Lovelace"}).content.decode()


def test_what_is_around_an_entity_and_when(curator, tenant, known):
    [ada] = queries.search(tenant.id, "Ada Lovelace", limit=1)
    page = text(curator, "graph_entity_change", ada.id)
    assert "<b>Ours" not in page
    assert "&lt;b&gt;Ours&lt;/b&gt;" in page
    assert "\\u003Cb\\u003EOurs" in page  # as JSON for the picture
    assert "moved 1." in page
    assert 'class="memos-fact memos-fact-holds"' in page
    address = url("graph_entity_change", ada.id)
    earlier = curator.get(
        address, {"known_at": "2024-01-01T00:00", "depth": "9", "at": "never"}
    ).content.decode()
    assert "Nothing was known of it then." in earlier
    paler = curator.get(address, {"at": "2020-01-01T00:00"}).content.decode()
    assert "memos-pale" in paler
    around = curator.get(url("graph_entity_neighbourhood", ada.id)).json()
    assert {each["name"] for each in around["nodes"]} == {"Ada Lovelace", "<b>Ours</b>"}
    assert curator.get(url("graph_entity_neighbourhood", tenant.id)).status_code == 404
    assert curator.get(url("graph_entity_change", tenant.id)).status_code == 302


@pytest.mark.parametrize("field", ["at", "known_at"])
@pytest.mark.parametrize(
    "moment",
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:00-12:00", "0001-01-01T00:00", "9999-12-31T23:59"],
)
def test_a_moment_at_the_ends_of_the_calendar(curator, tenant, known, field, moment):
    [ada] = queries.search(tenant.id, "Ada Lovelace", limit=1)
    for page in ("graph_entity_change", "graph_entity_neighbourhood"):
        assert curator.get(url(page, ada.id), {field: moment}).status_code == 200
    with tenant_scope(tenant.id):
        first = Relation.objects.order_by("pk")[0]
    sent = {"action": "end", "_selected_action": [str(first.pk)], "confirmed": "1", "at": moment}
    answer = curator.post(url("graph_relation_changelist"), sent)
    assert "between the years 1 and 9999" in answer.content.decode()


def test_of_another_tenant_nothing_is_drawn(curator, other_tenant, known):
    [ada] = queries.search(other_tenant.id, "Ada Lovelace", limit=1)
    assert curator.get(url("graph_entity_neighbourhood", ada.id)).status_code == 404
    assert curator.get(url("graph_entity_split", ada.id)).status_code == 404
    assert "Theirs" not in curator.get(url("graph_entity_change", ada.id), follow=True).content.decode()


def test_a_doubt_shows_both(curator, tenant, known):
    with tenant_scope(tenant.id):
        [doubt] = Doubt.objects.all()
    page = text(curator, "graph_doubt_change", doubt.pk)
    for shown in (
        "Ada Lovelace",
        "Berlin",
        "&lt;b&gt;Ours&lt;/b&gt;",
        "moved 0.",
        "moved 1.",
        "They are different",
    ):
        assert shown in page
    assert curator.get(url("graph_doubt_change", tenant.id)).status_code == 404


def test_relations_are_confirmed_and_ended(curator, tenant, known):
    page = text(curator, "graph_relation_changelist")
    assert "lives in" in page
    assert "Theirs" not in page
    with tenant_scope(tenant.id):
        first, second = Relation.objects.order_by("pk")
    act(curator, "graph_relation_changelist", "confirm", first)
    with tenant_scope(tenant.id):
        row = Relation.objects.get(pk=first.pk)
    assert (row.confidence, row.confirmed_by) == (1.0, "user:curator")
    asked = act(curator, "graph_relation_changelist", "end", first)
    assert "Since when does this hold no more?" in asked.content.decode()
    sent = {"action": "end", "_selected_action": [str(first.pk)], "confirmed": "1"}
    wrong = curator.post(url("graph_relation_changelist"), {**sent, "at": "soon"})
    assert "Enter a valid date/time." in wrong.content.decode()
    curator.post(url("graph_relation_changelist"), {**sent, "at": "2024-06-01T00:00"})
    assert queries.as_of(tenant.id, first.subject_id) == []
    assert queries.as_of(tenant.id, second.subject_id) != []
    page = curator.get(
        url("graph_relation_changelist"), {"q": "Ada", "predicate": "lives_in"}
    ).content.decode()
    assert "not: lives in" in page
    assert "1 Jun 2024" in page


def test_what_is_unlearned_while_it_is_confirmed(curator, tenant, known):
    with tenant_scope(tenant.id):
        first, second = Relation.objects.order_by("pk")

    def confirm():
        try:
            return act(curator, "graph_relation_changelist", "confirm", first, second)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with tenant_scope(tenant.id):
            Relation.objects.filter(pk=first.pk).update(unlearned_at=THEN + timedelta(9))
            confirming = pool.submit(confirm)
            with pytest.raises(TimeoutError):
                confirming.result(1)
        page = confirming.result(10).content.decode()
    assert "There is no such relation." in page
    assert "1 confirmed" in page


def test_doubts_are_settled_and_merges_undone(curator, tenant, known):
    with tenant_scope(tenant.id):
        [doubt] = Doubt.objects.all()
    assert "Ada Lovelace" in text(curator, "graph_doubt_changelist")
    act(curator, "graph_doubt_changelist", "same", doubt)
    with tenant_scope(tenant.id):
        [merge] = Merge.objects.all()
        assert Entity.objects.filter(kind="person").count() == 1
    assert merge.actor.startswith("user:")
    act(curator, "graph_merge_changelist", "undo", merge)
    with tenant_scope(tenant.id):
        assert Entity.objects.filter(kind="person").count() == 2
        [doubt] = Doubt.objects.all()
    assert doubt.state == Doubt.State.DIFFERENT


def test_names_are_split_off_and_it_is_undone(curator, tenant, known):
    with tenant_scope(tenant.id):
        one, other = Entity.objects.filter(kind="person").order_by("pk")
    merging.merge(tenant.id, one.pk, other.pk, actor="test")
    page = text(curator, "graph_entity_split", one.pk)
    assert "moved 1." in page
    names = {each.name: each.pk for each in queries.names_of(tenant.id, one.pk)}
    answer = curator.post(url("graph_entity_split", one.pk), {"names": [*names.values()]})
    assert "One of its names must be left to it." in answer.content.decode()
    for wrong in ("9" * 5000, "²", ""):
        answer = curator.post(url("graph_entity_split", one.pk), {"names": [wrong]})
        assert "One of its names at least." in answer.content.decode()
    curator.post(url("graph_entity_split", one.pk), {"names": [names["Ada Lovelace"]]})
    with tenant_scope(tenant.id):
        [split] = Split.objects.all()
    assert queries.get_entity(tenant.id, split.made_id).names == ["Ada Lovelace"]
    assert "Ada Lovelace" in text(curator, "graph_split_changelist")
    act(curator, "graph_split_changelist", "undo", split)
    assert queries.get_entity(tenant.id, one.pk).names == [*names]


def test_what_could_not_be_read_is_tried_again(curator, tenant, remember, indexed):
    remember("Something.")
    indexed()
    with tenant_scope(tenant.id):
        ReadJob.objects.update(due_at=None, attempts=5, error="choked")
        [job] = ReadJob.objects.all()
    assert "given up" in text(curator, "memories_readjob_changelist")
    act(curator, "memories_readjob_changelist", "retry", job)
    with tenant_scope(tenant.id):
        [job] = ReadJob.objects.all()
    assert (job.attempts, job.error, job.due_at is None) == (0, "", False)


def test_a_viewer_looks_and_changes_nothing(tenant, known):
    viewer = login(tenant, "viewer")
    with tenant_scope(tenant.id):
        [doubt] = Doubt.objects.all()
        ada = Entity.objects.get(name="Ada")
    assert "Ada" in text(viewer, "graph_entity_changelist")
    act(viewer, "graph_doubt_changelist", "same", doubt)
    assert "They are different" not in text(viewer, "graph_doubt_change", doubt.pk)
    with tenant_scope(tenant.id):
        relation = Relation.objects.filter(subject_id=ada.pk)[0]
    act(viewer, "graph_relation_changelist", "confirm", relation)
    assert "split off" not in text(viewer, "graph_entity_change", ada.pk)
    assert viewer.post(url("graph_entity_change", ada.pk), {"name": "X", "summary": ""}).status_code == 403
    assert viewer.post(url("graph_entity_split", ada.pk), {"names": []}).status_code == 403
    with tenant_scope(tenant.id):
        assert Doubt.objects.get().state == Doubt.State.OPEN
        assert Entity.objects.get(pk=ada.pk).name == "Ada"
        assert Relation.objects.get(pk=relation.pk).confirmed_by == ""


def test_an_address_written_by_hand_is_no_error(curator, known):
    page = url("graph_entity_changelist")
    assert curator.get(page, {"kind__exact": "\0"}, follow=True).status_code == 200
    relations = url("graph_relation_changelist")
    for chosen in ("", "ada"):
        answer = curator.post(relations, {"action": "confirm", "_selected_action": chosen}, follow=True)
        assert answer.status_code == 200
        assert "nothing was done" in answer.content.decode()


def test_what_a_curator_said_is_taken_back(curator, tenant, known):
    [ada] = queries.search(tenant.id, "Ada", limit=1)
    [fact] = queries.as_of(tenant.id, ada.id)
    denial = services.end_relation(tenant.id, fact.id, at=THEN + timedelta(9), actor="ann")
    assert queries.as_of(tenant.id, ada.id) == []
    answer = act(curator, "graph_relation_changelist", "take_back", denial)
    assert "1 taken back." in answer.content.decode()
    assert queries.as_of(tenant.id, ada.id) == [fact]


def test_what_is_one_is_merged_from_the_list(curator, tenant, known):
    page = "graph_entity_changelist"
    [ada] = queries.search(tenant.id, "Ada", limit=1)
    with tenant_scope(tenant.id):
        chosen = [Entity.objects.get(pk=ada.id), Entity.objects.get(name="Berlin")]
    assert "Choose the two that are one" in act(curator, page, "merge", chosen[0]).content.decode()
    answer = act(curator, page, "merge", *chosen).content.decode()
    assert "Merges undoes it." in answer
    with tenant_scope(tenant.id):
        assert Entity.objects.filter(pk__in=[each.pk for each in chosen]).count() == 1
    assert "They are one: merge" in text(curator, page)
    assert "They are one: merge" not in text(login(tenant, "viewer"), page)


@pytest.mark.parametrize("term", ["ber", "Berlin", "Berlyn"])
def test_entities_are_found_by_the_beginning_of_a_name(curator, known, term):
    page = curator.get(url("graph_entity_changelist"), {"q": term}).content.decode()
    assert "Berlin</a>" in page
    assert "Ada</a>" not in page
    relations = curator.get(url("graph_relation_changelist"), {"q": term}).content.decode()
    assert "Berlin</a>" in relations


def test_what_was_misread_is_taken_back_and_learned_again(curator, tenant, known):
    [ada] = queries.search(tenant.id, "Ada", limit=1)
    [fact] = queries.as_of(tenant.id, ada.id)
    assert (
        "1 taken back."
        in act(curator, "graph_relation_changelist", "take_back", fact_row(tenant, fact.id)).content.decode()
    )
    assert queries.as_of(tenant.id, ada.id) == []
    assert fact.object not in text(curator, "graph_relation_changelist")
    wrongly = f"{url('graph_relation_changelist')}?read=wrongly"
    assert "misread, says" in curator.get(wrongly).content.decode()
    data = {"action": "restore", "_selected_action": [str(fact.id)]}
    assert "1 learned again." in curator.post(wrongly, data, follow=True).content.decode()
    assert [each.object for each in queries.as_of(tenant.id, ada.id)] == [fact.object]


def fact_row(tenant, fact_id):
    with tenant_scope(tenant.id):
        return Relation.objects.get(pk=fact_id)
