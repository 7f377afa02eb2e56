"""Working memory in the admin: who may see and do what."""

import pytest
from django.urls import reverse

from memories.admin import working
from memories.models import AuditEntry, Memory
from memories.working import blackboards, keyvalue, leases, llm_cache, scratchpads
from memories.working.scratchpads import NewEntry
from memos_project.db import tenant_scope
from tests.memories.test_admin import login

pytestmark = pytest.mark.django_db(transaction=True)
REQUEST = llm_cache.Request("gpt", [{"role": "user", "content": "Hi"}], {})


@pytest.fixture
def curator(tenant):
    return login(tenant, "curator")


@pytest.fixture
def held(tenant, other_tenant):
    """Something of everything, of both tenants."""
    for of, mark in ((tenant, "ours"), (other_tenant, "theirs")):
        keyvalue.put(of, "tenant", "k", "x" * 1000, ttl=600)
        for text in (f"The {mark} deploys on Fridays.", f"The {mark} has three servers."):
            scratchpads.append(of, f"s-{mark}", NewEntry(part="observations", content=text, weight=0.9))
        joined = blackboards.join(of, f"b-{mark}", "ann")
        for area in ("public", "private"):
            blackboards.post(of, f"b-{mark}", joined.token, area=area, content={"said": f"{mark} {area}"})
        leases.take(of, f"b-{mark}", "claims", "subtask", joined.token, seconds=60)
        llm_cache.put(of, REQUEST, mark, tags=["t"])
    return joined


def url(name, *args):
    return reverse(f"admin:{name}", args=args)


def text(client, name, *args):
    answer = client.get(url(name, *args))
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_overview_shows_what_is_held(curator, held):
    page = text(curator, "working")
    assert "s-ours" in page
    assert "b-ours" in page
    assert "theirs" not in page
    assert "of live sessions" in page


def test_a_page_says_that_there_are_more(curator, tenant, held, monkeypatch):
    for name in ("PADS", "BOARDS", "ENTRIES", "POSTS"):
        monkeypatch.setattr(working, f"MOST_{name}", 1)
    for page in (text(curator, "working"), text(curator, "working_blackboard", "b-ours")):
        assert "There are more" not in page
    assert "<strong>1</strong>" in text(curator, "working")
    keyvalue.put(tenant, "tenant", "l", 1, ttl=600)
    scratchpads.append(tenant, "second-pad", NewEntry(part="reasoning", content="x"))
    ben = blackboards.join(tenant, "b-ours", "ben")
    blackboards.post(tenant, "b-ours", ben.token, area="public", content="second post")
    blackboards.join(tenant, "second-board", "ann")
    page = text(curator, "working")
    assert page.count("There are more: the first 1 are shown.") == 3
    assert page.count("<strong>1+</strong>") == 2
    assert "There are more: the first 1 are shown." in text(curator, "working_blackboard", "b-ours")


def test_an_entry_is_read_and_let_go(curator, tenant, held):
    keyvalue.put(tenant, "session:a", "plan", {"step": "read on"}, ttl=600)
    assert "session:a" in text(curator, "working")
    assert "read on" in text(curator, "working_entry", "session:a", "plan")
    curator.post(url("working_entry", "session:a", "plan"), {"act": "expire"})
    assert keyvalue.get_many(tenant.id, "session:a", ["plan"])[0] == [None]


@pytest.mark.parametrize(
    "gone",
    [("working_entry", "tenant", "gone"), ("working_scratchpad", "gone"), ("working_blackboard", "gone")],
)
def test_what_has_expired_leads_back(curator, held, gone):
    answer = curator.get(url(*gone), follow=True)
    assert answer.redirect_chain == [(url("working"), 302)]
    assert "has expired" in answer.content.decode()


def test_a_scratchpad_is_read_and_promoted(curator, tenant, held):
    page = text(curator, "working_scratchpad", "s-ours")
    assert "deploys on Fridays" in page
    first = scratchpads.whole(tenant.id, "s-ours")[0]
    where = url("working_scratchpad", "s-ours")
    curator.post(where, {"act": "promote", "entry": [first.id]})
    with tenant_scope(tenant.id):
        memory = Memory.objects.get()
        assert memory.metadata["promoted_from"]["entry"] == first.id
        assert AuditEntry.objects.get(action="promote").actor == "user:curator"
    assert str(memory.pk) in text(curator, "working_scratchpad", "s-ours")
    curator.post(where, {"act": "promote-worthy"})
    with tenant_scope(tenant.id):
        assert Memory.objects.count() == 2


def test_a_scratchpad_is_ended(curator, tenant, held):
    scratchpads.append(tenant, "s-ours", NewEntry(part="reasoning", content="Maybe.", weight=0.1))
    answer = curator.post(url("working_scratchpad", "s-ours"), {"act": "end"}, follow=True)
    assert answer.redirect_chain == [(url("working"), 302)]
    assert "2 of 3 entries became memories. The scratchpad of s-ours is gone" in answer.content.decode()
    with tenant_scope(tenant.id):
        assert Memory.objects.count() == 2
        assert {each.actor for each in AuditEntry.objects.filter(action="promote")} == {"user:curator"}
    [pad], _ = scratchpads.list_pads(tenant.id, after="", limit=2)
    assert pad.ttl <= 60


def test_a_scratchpad_is_thrown_away(curator, tenant, held):
    answer = curator.post(url("working_scratchpad", "s-ours"), {"act": "discard"}, follow=True)
    assert "nothing of it became a memory" in answer.content.decode()
    assert scratchpads.list_pads(tenant.id, after="", limit=2)[0] == []
    with tenant_scope(tenant.id):
        assert Memory.objects.count() == 0


def test_one_that_is_not_to_be_promoted_just_goes(curator, tenant):
    scratchpads.append(
        tenant, "s", NewEntry(part="reasoning", content="Tea is green.", weight=0.9), promote=False
    )
    answer = curator.post(url("working_scratchpad", "s"), {"act": "end"}, follow=True)
    assert "The scratchpad of s is gone within a minute" in answer.content.decode()
    assert "became memories" not in answer.content.decode()
    with tenant_scope(tenant.id):
        assert not Memory.objects.exists()
    [pad], _ = scratchpads.list_pads(tenant.id, after="", limit=2)
    assert pad.ttl <= 60


def test_a_blackboard_shows_what_is_public(curator, tenant, held):
    page = text(curator, "working_blackboard", "b-ours")
    assert "ours public" in page
    assert "ours private" not in page
    assert "subtask" in page
    curator.post(url("working_blackboard", "b-ours"), {"act": "end"})
    assert curator.get(url("working_blackboard", "b-ours"))["Location"] == url("working")


@pytest.mark.parametrize("said", [{"tag": "t"}, {"model": "gpt"}, {"everything": "on"}])
def test_cached_answers_are_dropped(curator, tenant, other_tenant, held, said):
    curator.post(url("working"), {"act": "invalidate", **said})
    assert llm_cache.usage(tenant.id).entries == 0
    assert llm_cache.usage(other_tenant.id).entries == 1


def test_another_tenants_are_not_there(curator, held):
    assert curator.get(url("working_scratchpad", "s-theirs"))["Location"] == url("working")
    assert curator.get(url("working_blackboard", "b-theirs"))["Location"] == url("working")


def test_a_viewer_looks_and_changes_nothing(tenant, held):
    viewer = login(tenant, "viewer")
    page = text(viewer, "working_scratchpad", "s-ours")
    assert "end this scratchpad" not in page.lower()
    for name, args, act in (
        ("working", [], "invalidate"),
        ("working_scratchpad", ["s-ours"], "end"),
        ("working_blackboard", ["b-ours"], "end"),
    ):
        assert viewer.post(url(name, *args), {"act": act, "everything": "on"}).status_code == 403
    assert llm_cache.usage(tenant.id).entries == 1


def test_only_what_a_page_knows_is_done(curator, held):
    assert curator.post(url("working"), {"act": "expire"}).status_code == 404


@pytest.mark.usefixtures("redis_down")
def test_without_redis_the_page_says_so(curator):
    assert "Redis does not answer" in text(curator, "working")
