"""Scratchpads, as agents use them."""

import time
from typing import Any

import pytest
from django.db import transaction

from memories import promotion, services
from memories.models import AuditEntry, Memory
from memories.working import keyvalue, scratchpads
from memories.working.scratchpads import NewEntry
from memories.working.store import key_of, moment_of
from memos_project.db import tenant_scope
from memos_project.errors import Conflict, Unavailable
from memos_project.later import done as finish_later
from memos_project.redis import client
from tests.factories import Api, make_key

pytestmark = pytest.mark.django_db
PATH = "/v1/scratchpads/s1"
FACTS = (
    "The staging database listens on port 5433.",
    "Ada prefers green tea in the afternoon.",
    "Deploys happen on Tuesdays before noon.",
)


def write(api: Api, content: str, part: str = "observations", path: str = PATH, **more: Any) -> Any:
    return api.post(f"{path}/entries", {"part": part, "content": content, **more})


def ids(api: Api, *contents: str, **more: Any) -> list[str]:
    return [write(api, content, **more).body["id"] for content in contents]


def statuses(answer) -> list[str]:
    assert answer.status == 200
    return [each["status"] for each in answer.body["results"]]


def memories(tenant) -> list[Memory]:
    with tenant_scope(tenant.id):
        return list(Memory.objects.select_related("conversation").order_by("id"))


class TestEntries:
    def test_what_was_written_is_there_in_order(self, api):
        first = write(api, "It rains.", author="scout", weight=0.8, user_id="ann", ttl=60)
        assert first.status == 201
        write(api, "So take a coat.", "reasoning", uses=[first.body["id"]])
        page = api.get(PATH).body
        assert [each["content"] for each in page["results"]] == ["It rains.", "So take a coat."]
        assert page["results"][0] == first.body
        assert page["results"][1]["uses"] == [first.body["id"]]
        assert (page["next_cursor"], page["degraded"]) == (None, [])
        assert (first.body["author"], first.body["weight"], first.body["user_id"]) == ("scout", 0.8, "ann")
        assert page["results"][1]["weight"] == 0.5

    def test_by_part_and_since_a_cursor(self, api):
        for n in range(6):
            write(api, f"Entry {n}", scratchpads.PARTS[n % 2])
        first = api.get(PATH, part="reasoning", limit=2).body
        assert [each["content"] for each in first["results"]] == ["Entry 1", "Entry 3"]
        rest = api.get(PATH, part="reasoning", limit=2, cursor=first["next_cursor"]).body
        assert [each["content"] for each in rest["results"]] == ["Entry 5"]
        assert rest["next_cursor"] is None
        after = api.get(PATH, cursor=first["results"][1]["id"]).body["results"]
        assert [each["content"] for each in after] == ["Entry 4", "Entry 5"]

    def test_more_than_is_read_at_once(self, api, monkeypatch):
        monkeypatch.setattr(scratchpads, "BATCH", 3)
        contents = [f"Entry {n}" for n in range(10)]
        ids(api, *contents)
        assert [each["content"] for each in api.get(PATH).body["results"]] == contents

    def test_sessions_and_tenants_are_apart(self, api, other_api):
        write(api, "Ours.")
        write(other_api, "Theirs.", path="/v1/scratchpads/s2")
        assert other_api.get(PATH).body["results"] == []
        assert api.get("/v1/scratchpads/s2").body["results"] == []
        assert [each["session"] for each in api.get("/v1/scratchpads").body["results"]] == ["s1"]

    def test_pads_are_listed(self, api):
        for name in ("b", "a", "c"):
            write(api, "Something.", path=f"/v1/scratchpads/{name}", ttl=100, promote=name != "b")
        keyvalue_of_the_same_tenant = api.send("PUT", "/v1/working/tenant/k", {"value": 1})
        assert keyvalue_of_the_same_tenant.status == 200
        first = api.get("/v1/scratchpads", limit=2).body
        assert [(each["session"], each["entries"], each["promote"]) for each in first["results"]] == [
            ("a", 1, True),
            ("b", 1, False),
        ]
        assert 89 < first["results"][0]["ttl"] <= 100
        assert first["results"][0]["size"] > 10
        rest = api.get("/v1/scratchpads", limit=2, cursor=first["next_cursor"]).body
        assert [each["session"] for each in rest["results"]] == ["c"]
        assert rest["next_cursor"] is None

    def test_what_has_expired_does_not_end_a_list(self, api, tenant):
        new = NewEntry(part="reasoning", content="x")
        for session in "zabcd":
            scratchpads.append(tenant, session, new, ttl=60 if session == "z" else 0.05, promote=False)
        time.sleep(0.06)
        assert [each["session"] for each in api.get("/v1/scratchpads", limit=1).body["results"]] == ["z"]

    def test_delete(self, api, tenant):
        write(api, "Something.")
        assert api.delete(PATH).status == 204
        assert api.delete(PATH).status == 404
        assert api.get(PATH).body["results"] == []
        assert api.get("/v1/scratchpads").body["results"] == []
        assert keyvalue.used(tenant.id) == 0
        assert not client().exists(key_of(tenant.id, "pads-due"))


class TestLife:
    def ttl(self, api) -> float:
        [pad] = api.get("/v1/scratchpads").body["results"]
        return pad["ttl"]

    def test_a_ttl_makes_it_longer_but_not_shorter(self, api):
        write(api, "One.", ttl=100)
        assert 89 < self.ttl(api) <= 100
        write(api, "Two.", ttl=1000)
        assert 899 < self.ttl(api) <= 1000
        write(api, "Three.", ttl=40)
        write(api, "Four.")
        assert 898 < self.ttl(api) <= 1000

    def test_it_is_gone_after_its_time(self, api, tenant):
        scratchpads.append(tenant, "s1", NewEntry(part="reasoning", content="x"), ttl=0.05, promote=False)
        time.sleep(0.06)
        assert api.get(PATH).body["results"] == []
        assert api.get("/v1/scratchpads").body["results"] == []
        keyvalue.put(tenant, "tenant", "k", 1, ttl=60)
        assert keyvalue.used(tenant.id) < 370
        assert {*client().scan_iter(f"{key_of(tenant.id, 'pad')}*")} == set()

    def test_one_that_is_promoted_lives_until_a_worker_can_come_by(self, api):
        write(api, "One.", ttl=1)
        assert self.ttl(api) > 29

    def test_the_first_entry_says_whether_its_end_promotes(self, api):
        write(api, "One.", promote=False)
        assert write(api, "Two.").status == 201
        answer = write(api, "Three.", promote=True)
        assert (answer.status, answer.fields) == (409, ["promote"])


class TestLimits:
    def test_entries(self, api, settings):
        settings.MEMOS_SCRATCHPAD_MAX_ENTRIES = 2
        ids(api, "One.", "Two.")
        answer = write(api, "Three.")
        assert answer.status == 409
        assert "2 entries" in answer.body["detail"]

    def test_bytes(self, api, settings):
        settings.MEMOS_SCRATCHPAD_MAX_BYTES = 1000
        assert write(api, "x" * 700).status == 201
        assert write(api, "x" * 700).status == 409
        assert len(api.get(PATH).body["results"]) == 1

    def test_the_tenants_quota_counts_pads_too(self, api, settings):
        settings.MEMOS_WORKING_QUOTA_BYTES = 5400
        assert write(api, "x" * 500).status == 201
        assert api.send("PUT", "/v1/working/tenant/k", {"value": "x" * 500}).status == 409
        assert write(api, "x" * 500, path="/v1/scratchpads/s2").status == 409
        api.delete(PATH)
        assert write(api, "x" * 500, path="/v1/scratchpads/s2").status == 201


class TestBadInput:
    @pytest.mark.parametrize(
        ("body", "field"),
        [({"part": "thoughts"}, "part"), ({"part": None}, "part"), ({"content": " "}, "content"), ({"content": 1}, "content"),
         ({"content": "\x00"}, "content"), ({"weight": 1.5}, "weight"), ({"weight": "1"}, "weight"), ({"ttl": 0}, "ttl"),
         ({"uses": ["x"]}, "uses.0"), ({"uses": [1]}, "uses.0"), ({"uses": ["1-1\n"]}, "uses.0"), ({"uses": "1-1"}, "uses"),
         ({"uses": ["1-1"] * 101}, "uses"), ({"promote": "yes"}, "promote"), ({"author": "x" * 201}, "author"), ({"user_id": 5}, "user_id")],
    )  # fmt: skip
    def test_entries(self, api, body, field):
        answer = api.post(f"{PATH}/entries", {"part": "reasoning", "content": "x", **body})
        assert (answer.status, answer.fields) == (400, [field])

    def test_an_entry_used_that_is_not_there(self, api):
        [other] = ids(api, "Elsewhere.", path="/v1/scratchpads/s2")
        answer = write(api, "x", uses=[other])
        assert (answer.status, answer.fields) == (400, ["uses"])

    @pytest.mark.parametrize("session", ["%00", "x" * 201, "a%0A", "%7f", "\u0085" * 201])
    def test_sessions(self, api, session):
        assert api.get(f"/v1/scratchpads/{session}").fields == ["session"]
        assert api.post(f"/v1/sessions/{session}/end", {}).fields == ["session"]

    @pytest.mark.parametrize("session", ["*", "s1:x", "{a}", "ä ö", "..%5c", "\u2028", "'"])
    def test_odd_names_are_names(self, api, session):
        assert write(api, "Odd.", path=f"/v1/scratchpads/{session}").status == 201
        assert len(api.get(f"/v1/scratchpads/{session}").body["results"]) == 1
        assert statuses(api.post(f"/v1/sessions/{session}/end", {})) == ["promoted"]

    @pytest.mark.parametrize(
        ("params", "field"),
        [({"part": "x"}, "part"), ({"cursor": "x"}, "cursor"), ({"cursor": "9" * 20 + "-1"}, "cursor"), ({"limit": 0}, "limit")],
    )  # fmt: skip
    def test_pages(self, api, params, field):
        assert api.get(PATH, **params).fields == [field]

    @pytest.mark.parametrize(
        ("body", "field"),
        [({"entries": []}, "entries"), ({"entries": ["1-1"]}, "entries"), ({"entries": "1-1"}, "entries"), ({"threshold": 2}, "threshold"),
         ({"entries": ["1-1"], "threshold": 0.5}, "threshold")],
    )  # fmt: skip
    def test_promotions(self, api, body, field):
        write(api, "x")
        answer = api.post(f"{PATH}/promote", body)
        assert (answer.status, answer.fields) == (400, [field])

    def test_promotion_without_a_pad(self, api):
        assert api.post(f"{PATH}/promote", {}).status == 404
        assert api.post("/v1/sessions/s1/end", {}).body == {"results": [], "threshold": None, "degraded": []}

    def test_a_reader_may_not_write(self, tenant, api):
        reader = Api(make_key(tenant, "read"))
        write(api, "x")
        assert write(reader, "x").status == 403
        assert reader.post(f"{PATH}/promote", {}).status == 403
        assert reader.post("/v1/sessions/s1/end", {}).status == 403
        assert reader.delete(PATH).status == 403
        assert len(reader.get(PATH).body["results"]) == 1


class TestPromotion:
    def test_an_entry_becomes_a_memory(self, api, tenant):
        entry = write(api, FACTS[0], author="scout", weight=0.7, user_id="ann").body
        [told] = api.post(f"{PATH}/promote", {"entries": [entry["id"]]}).body["results"]
        assert (told["status"], told["score"]) == ("promoted", None)
        [memory] = memories(tenant)
        assert str(memory.pk) == told["memory_id"]
        assert (memory.content, memory.kind, memory.tier) == (FACTS[0], "observation", 2)
        assert (memory.agent_id, memory.user_id, memory.importance_explicit) == ("scout", "ann", 0.7)
        assert memory.metadata["promoted_from"]["scratchpad"] == "s1"
        assert memory.occurred_at == moment_of(entry["id"])
        assert memory.external_id == f"scratchpad:s1:{entry['id']}"
        link = {"scratchpad": "s1", "entry": entry["id"], "part": "observations"}
        assert memory.metadata == {"promoted_from": link}
        with tenant_scope(tenant.id):
            audit = AuditEntry.objects.get(action="promote")
        assert (audit.memory_id, audit.detail, audit.actor) == (memory.pk, link, "key:test")
        assert api.get(PATH).body["results"][0]["memory_id"] == told["memory_id"]

    def test_twice_makes_nothing_twice(self, api, tenant):
        chosen = ids(api, *FACTS[:2])
        first = api.post(f"{PATH}/promote", {"entries": chosen})
        second = api.post(f"{PATH}/promote", {"entries": chosen[::-1]})
        assert (statuses(first), statuses(second)) == (["promoted"] * 2, ["present"] * 2)
        assert [each["memory_id"] for each in second.body["results"]] == [
            each["memory_id"] for each in first.body["results"]
        ]
        assert statuses(api.post(f"{PATH}/promote", {})) == ["present"] * 2
        assert len(memories(tenant)) == 2
        with tenant_scope(tenant.id):
            assert AuditEntry.objects.filter(action="promote").count() == 2

    def test_the_policy_promotes_what_is_worth_it_and_says_why_not(self, api, tenant):
        light, plain = ids(api, FACTS[0], weight=0.1) + ids(api, FACTS[1])
        answer = api.post(f"{PATH}/promote", {})
        assert statuses(answer) == ["passed", "promoted"]
        low, high = answer.body["results"]
        assert (low["entry"], low["score"], low["novelty"], low["memory_id"]) == (light, 0.1, None, None)
        assert (high["entry"], high["reuse"], high["novelty"]) == (plain, 0, 1)
        assert answer.body["threshold"] == 0.35
        assert [each.content for each in memories(tenant)] == [FACTS[1]]

    def test_a_threshold_of_ones_own(self, api):
        ids(api, *FACTS, weight=0.6)
        assert statuses(api.post(f"{PATH}/promote", {"threshold": 1})) == ["passed"] * 3
        assert statuses(api.post(f"{PATH}/promote", {"threshold": 0})) == ["promoted"] * 3

    def test_what_was_forgotten_comes_back_by_choice_only(self, api, tenant):
        [entry] = ids(api, FACTS[0])
        [told] = api.post(f"{PATH}/promote", {}).body["results"]
        api.delete(f"/v1/memories/{told['memory_id']}")
        assert statuses(api.post(f"{PATH}/promote", {})) == ["forgotten"]
        assert memories(tenant) == []
        assert statuses(api.post(f"{PATH}/promote", {"entries": [entry]})) == ["promoted"]

    def test_a_long_session_name(self, api, tenant):
        path = f"/v1/scratchpads/{'s' * 200}"
        write(api, FACTS[0], path=path)
        for status in ("promoted", "present"):
            assert statuses(api.post(f"{path}/promote", {})) == [status]
        [memory] = memories(tenant)
        assert memory.metadata["promoted_from"]["scratchpad"] == "s" * 200

    def test_nothing_is_audited_that_was_not_remembered(self, api, tenant, monkeypatch):
        [entry] = ids(api, FACTS[0])
        monkeypatch.setattr(AuditEntry.objects, "bulk_create", lambda rows: 1 / 0)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            promotion.promote_chosen(tenant, "s1", [entry], actor="test")
        assert memories(tenant) == []
        assert scratchpads.whole(tenant.id, "s1")[0].memory_id is None


class TestRedisThatDies:
    def test_after_the_commit_what_was_remembered_is_told(self, api, tenant, settings, monkeypatch):
        ids(api, *FACTS)
        promote, url = services.promote, settings.REDIS_URL

        def redis_is_at(address):
            settings.REDIS_URL = address
            client.cache_clear()

        def promote_and_lose_redis(*args, **kwargs):
            answers = promote(*args, **kwargs)
            redis_is_at("redis://127.0.0.1:1/0")
            return answers

        monkeypatch.setattr(services, "promote", promote_and_lose_redis)
        answer = api.post("/v1/sessions/s1/end", {})
        monkeypatch.undo()
        assert statuses(answer) == ["promoted"] * 3
        assert answer.body["degraded"] == ["working"]
        told = {each["memory_id"] for each in answer.body["results"]}
        assert {str(each.pk) for each in memories(tenant)} == told
        # It is back, and does not know: PostgreSQL does.
        finish_later()
        redis_is_at(url)
        assert [each["memory_id"] for each in api.get(PATH).body["results"]] == [None] * 3
        assert statuses(api.post("/v1/sessions/s1/end", {})) == ["present"] * 3
        assert {each["memory_id"] for each in api.get(PATH).body["results"]} == told

    def test_a_pad_that_is_lost_leaves_its_memories(self, api, tenant):
        ids(api, *FACTS)
        api.post(f"{PATH}/promote", {})
        client().flushdb()
        assert api.get(PATH).body["results"] == []
        assert len(memories(tenant)) == 3


class TestEnd:
    def test_the_memory_is_found_after_the_session_has_ended(self, api, tenant, indexed):
        ids(api, *FACTS, author="scout")
        assert statuses(api.post("/v1/sessions/s1/end", {})) == ["promoted"] * 3
        indexed()
        found = api.post("/v1/memories/search", {"query": "On which port does the staging database listen?"})
        assert found.body["results"][0]["content"] == FACTS[0]
        assert found.body["results"][0]["metadata"]["promoted_from"]["scratchpad"] == "s1"

    def test_the_pad_goes_soon_and_shows_its_memories_until_then(self, api):
        ids(api, *FACTS)
        api.post("/v1/sessions/s1/end", {})
        [pad] = api.get("/v1/scratchpads").body["results"]
        assert pad["ttl"] <= 60
        assert all(each["memory_id"] for each in api.get(PATH).body["results"])

    def test_a_session_that_goes_on_has_its_time_again(self, api, tenant):
        ids(api, FACTS[0])
        api.post("/v1/sessions/s1/end", {})
        ids(api, FACTS[1])
        [pad] = api.get("/v1/scratchpads").body["results"]
        assert pad["ttl"] > 3000
        assert statuses(api.post("/v1/sessions/s1/end", {})) == ["present", "promoted"]

    def test_nothing_is_promoted_of_a_pad_begun_without(self, api, tenant):
        write(api, FACTS[0], promote=False)
        assert statuses(api.post("/v1/sessions/s1/end", {})) == []
        assert promotion.promote_ending() == 0
        assert memories(tenant) == []
        assert statuses(api.post(f"{PATH}/promote", {})) == ["promoted"]


class TestNearTheEnd:
    def test_the_memory_is_found_after_the_pad_has_expired(self, api, tenant, settings, indexed):
        settings.MEMOS_SCRATCHPAD_MARGIN_SECONDS = 1
        ids(api, *FACTS, ttl=1)
        assert promotion.promote_ending() == 1
        assert len(memories(tenant)) == 3
        time.sleep(1.1)
        assert api.get(PATH).body["results"] == []
        indexed()
        found = api.post("/v1/memories/search", {"query": "On which port does the staging database listen?"})
        assert found.body["results"][0]["content"] == FACTS[0]

    def test_not_before(self, api, tenant):
        ids(api, *FACTS, ttl=600)
        assert promotion.promote_ending() == 0
        assert memories(tenant) == []

    def test_each_pad_is_one_workers(self, api, tenant):
        ids(api, *FACTS, ttl=30)
        assert scratchpads.near_end([tenant.id]) == [(tenant.id, "s1")]
        left = scratchpads.claim(tenant.id, "s1", lease=60)
        assert 29 < left <= 30
        assert scratchpads.claim(tenant.id, "s1", lease=60) is None
        assert promotion.promote_ending() == 0
        # While it is being promoted it does not expire.
        [pad] = api.get("/v1/scratchpads").body["results"]
        assert pad["ttl"] > 80

    def test_both_tenants(self, api, other_api, tenant, other_tenant):
        ids(api, FACTS[0], ttl=30)
        ids(other_api, FACTS[1], ttl=30)
        assert promotion.promote_ending() == 2
        assert [each.content for each in memories(tenant)] == [FACTS[0]]
        assert [each.content for each in memories(other_tenant)] == [FACTS[1]]

    def test_it_has_the_end_it_had(self, api, tenant):
        ids(api, *FACTS, ttl=30)
        promotion.promote_ending()
        [pad] = api.get("/v1/scratchpads").body["results"]
        assert 27 < pad["ttl"] <= 30
        assert promotion.promote_ending() == 0

    def test_what_is_written_meanwhile_is_promoted_later(self, api, tenant, monkeypatch):
        ids(api, FACTS[0], ttl=30)
        remember = services.promote

        def remember_while_another_writes(*args, **kwargs):
            monkeypatch.undo()
            ids(api, FACTS[1])
            return remember(*args, **kwargs)

        monkeypatch.setattr(services, "promote", remember_while_another_writes)
        assert promotion.promote_ending() == 1
        assert len(memories(tenant)) == 1
        monkeypatch.setattr(promotion.settings, "MEMOS_SCRATCHPAD_MARGIN_SECONDS", 100)
        assert promotion.promote_ending() == 1
        assert len(memories(tenant)) == 2

    def test_a_pad_that_fails_is_tried_again_and_holds_up_no_other(self, api, tenant, settings, monkeypatch):
        for name in ("a", "b"):
            write(api, FACTS[0], path=f"/v1/scratchpads/{name}", ttl=30, user_id=name)
        promote = services.promote

        def fail_for_one(tenant, items, **kwargs):
            if items and items[0].user_id == "a":
                raise Conflict("Not this one.")
            return promote(tenant, items, **kwargs)

        monkeypatch.setattr(services, "promote", fail_for_one)
        assert promotion.promote_ending() == 1
        assert [each.user_id for each in memories(tenant)] == ["b"]
        monkeypatch.undo()
        settings.MEMOS_SCRATCHPAD_MARGIN_SECONDS = 100  # as if the lease were over
        assert promotion.promote_ending() == 1
        assert {each.user_id for each in memories(tenant)} == {"a", "b"}


@pytest.mark.usefixtures("redis_down")
class TestWithoutRedis:
    def test_reads_answer_nothing(self, api):
        empty = {"results": [], "next_cursor": None, "degraded": ["working"]}
        assert api.get(PATH).body == empty
        assert api.get("/v1/scratchpads").body == empty

    def test_writes_say_what_is_down_and_the_rest_goes_on(self, api, tenant):
        for answer in (
            write(api, "x"),
            api.delete(PATH),
            api.post(f"{PATH}/promote", {}),
            api.post("/v1/sessions/s1/end", {}),
        ):
            assert answer.status == 503
            assert "Redis" in answer.body["detail"]
        assert promotion.promote_ending() == 0
        with pytest.raises(Unavailable):
            scratchpads.claim(tenant.id, "s1", lease=1)
        assert api.post("/v1/memories", {"content": "still here"}).status == 201
