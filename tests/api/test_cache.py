"""The LLM cache, as agents use it."""

import threading
import time
from uuid import uuid4

import pytest
from django.db import connection, connections
from hypothesis import given
from hypothesis import strategies as st

from memories.models import CachedPrompt, Memory
from memories.working import llm_cache
from memories.working.llm_cache import Request, cache, prompts
from memories.working.store import LUA, key_of
from memos_project.db import tenant_scope
from memos_project.later import done
from memos_project.redis import client
from tests.factories import Api, make_key

pytestmark = pytest.mark.django_db
ASKED = {"model": "gpt", "messages": [{"role": "user", "content": "How do I bake bread at home?"}]}
ANSWER = {
    "choices": [{"message": {"role": "assistant", "content": "Knead, wait, bake."}}],
    "usage": {"total_tokens": 40},
}


def asking(text, *before, model="gpt", **parameters):
    return {
        "model": model,
        "messages": [*before, {"role": "user", "content": text}],
        "parameters": parameters,
    }


def store(api, asked=ASKED, response=ANSWER, **more):
    answer = api.send("PUT", "/v1/cache", {**asked, "response": response, **more})
    assert answer.status == 200, answer.body
    return answer.body["key"]


def look(api, asked=ASKED, **more):
    return api.post("/v1/cache/lookup", {**asked, **more}).body


def account(tenant):
    name = lambda part: key_of(tenant.id, "llm", part)  # noqa: E731
    return (
        client().zcard(name("used")),
        client().zcard(name("ends")),
        client().hlen(name("sizes")),
        int(client().get(name("total")) or 0),
        len([*client().scan_iter(name("e:*"))]),
    )


def indexed_prompts(tenant):
    done()
    with tenant_scope(tenant.id):
        return CachedPrompt.objects.count()


class TestExact:
    def test_the_same_request_is_answered_again(self, api):
        key = store(api)
        found = look(api)
        assert (found["hit"], found["response"], found["key"]) == ("exact", ANSWER, key)
        assert "similarity" not in found

    def test_another_one_is_not(self, api, other_api):
        store(api, asking("Hello?", temperature=0))
        assert look(api, asking("Hello?", temperature=1))["hit"] is None
        assert look(api, asking("Hello!", temperature=0))["hit"] is None
        assert look(api, asking("Hello?", temperature=0, model="other"))["hit"] is None
        assert look(other_api, asking("Hello?", temperature=0))["hit"] is None

    def test_how_an_answer_is_delivered_does_not_count(self, api):
        store(api, asking("Hello?", stream=True, user="ann", temperature=None))
        assert look(api, asking("Hello?"))["hit"] == "exact"

    @given(one=st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3), max_size=4))
    def test_the_order_of_keys_does_not_count(self, one):
        other = dict(reversed(one.items()))
        message = {"role": "user", "content": "x"}
        assert Request("m", [message], one).key == Request("m", [dict(reversed(message.items()))], other).key

    def test_it_is_gone_after_its_time(self, tenant):
        request = Request("m", ASKED["messages"], {})
        llm_cache.put(tenant, request, ANSWER, ttl=0.05)
        time.sleep(0.06)
        assert llm_cache.lookup(tenant, request).hit is None


class TestSemantic:
    @pytest.fixture(autouse=True)
    def _minilm(self, minilm):
        """Likeness needs a real model."""

    def test_a_prompt_that_asks_the_same(self, api):
        store(api, asking("How do I bake bread at home?"))
        assert look(api, asking("How can I bake bread at home?"))["hit"] is None
        found = look(api, asking("How can I bake bread at home?"), semantic=True)
        assert (found["hit"], found["response"]) == ("semantic", ANSWER)
        assert 0.84 <= found["similarity"] <= 1

    @pytest.mark.parametrize(
        ("stored", "asked"),
        [
            ("What is the capital of France?", "What is the capital of Spain?"),
            ("Convert 20 dollars to euros.", "Convert 30 dollars to euros."),
            ("Should I restart the server?", "Should I not restart the server?"),
            ("What happened in Rome in May 2021?", "What happened in Rome in May 2022?"),
        ],
    )
    def test_one_that_only_looks_alike_is_not_answered(self, api, tenant, stored, asked):
        store(api, asking(stored))
        assert look(api, asking(asked), semantic=True, threshold=0.5)["hit"] is None
        done()
        assert llm_cache.usage(tenant.id).counts["near"] == 1

    def test_what_went_before_must_be_the_same(self, api):
        system = {"role": "system", "content": "Answer in French."}
        store(api, asking("How do I bake bread at home?"))
        for other in (
            asking("How can I bake bread at home?", system),
            asking("How can I bake bread at home?", model="other"),
            asking("How can I bake bread at home?", max_tokens=5),
        ):
            assert look(api, other, semantic=True)["hit"] is None
        assert (
            look(api, asking("How can I bake bread at home?", temperature=0.3), semantic=True)["hit"]
            == "semantic"
        )

    def test_another_tenants_are_not_looked_at(self, api, other_api):
        store(other_api, asking("How do I bake bread at home?"))
        assert look(api, asking("How can I bake bread at home?"), semantic=True)["hit"] is None

    def test_many_prompts_are_searched_through_the_index(self, api, tenant, monkeypatch):
        monkeypatch.setattr(prompts, "FEW", 3)
        for thing in ("bread", "cake", "pizza", "cookies", "muffins", "bagels"):
            store(api, asking(f"How do I bake {thing} at home?"), thing)
        prompts._sizes.clear()
        found = look(api, asking("How can I bake cookies at home?"), semantic=True)
        assert (found["hit"], found["response"]) == ("semantic", "cookies")
        with connection.cursor() as cursor:
            # Counted in this transaction: the index was walked.
            cursor.execute("SELECT pg_stat_get_xact_numscans('cachedprompt_hnsw'::regclass)")
            assert cursor.fetchone()[0] > 0

    @pytest.mark.django_db(transaction=True)
    def test_a_row_whose_answer_is_gone_is_struck_off(self, api, tenant):
        store(api, asking("How do I bake bread at home?"))
        client().flushdb()
        assert look(api, asking("How can I bake bread at home?"), semantic=True)["hit"] is None
        assert indexed_prompts(tenant) == 0

    def test_a_prompt_that_is_no_text_is_found_by_its_request_only(self, api, tenant):
        asked = {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]}
        store(api, asked)
        assert indexed_prompts(tenant) == 0
        assert look(api, asked, semantic=True)["hit"] == "exact"

    def test_a_prompt_as_long_as_a_document_too(self, api, tenant):
        text = "How do I bake bread at home? ".ljust(8001, "!")
        store(api, asking(text))
        assert indexed_prompts(tenant) == 0
        assert look(api, asking(text), semantic=True)["hit"] == "exact"


class TestInvalidation:
    def test_by_key_tag_model_and_altogether(self, api, tenant):
        one = store(api, asking("One?"), tags=["a", "b"])
        store(api, asking("Two?"), tags=["a"])
        store(api, asking("Three?", model="other"))
        store(api, asking("Four?"))
        for params, left in (
            ({"key": one}, 3),
            ({"tag": "a"}, 2),
            ({"model": "other"}, 1),
            ({"all": "true"}, 0),
        ):
            assert api.delete("/v1/cache", **params).body == {"dropped": 1}
            assert account(tenant)[0] == left
        assert account(tenant) == (0, 0, 0, 0, 0)
        assert indexed_prompts(tenant) == 0

    @pytest.mark.parametrize("change", ["revise", "forget", "raw", "expire"])
    def test_an_answer_goes_with_the_memory_it_rests_on(self, api, tenant, remember, change):
        kept, cited = remember("Tea is green.", "Bread is brown.")
        store(api, memory_ids=[str(cited)])
        store(api, asking("And tea?"), memory_ids=[str(kept)])
        assert look(api)["hit"] == "exact"
        if change == "revise":
            api.patch(f"/v1/memories/{cited}", {"content": "Bread is white."})
        elif change == "forget":
            api.delete(f"/v1/memories/{cited}")
        elif change == "raw":
            # Whoever changes it, and whatever they tell: the version is in the row.
            with tenant_scope(tenant.id):
                Memory.objects.filter(pk=cited).update(version=7)
        else:
            with tenant_scope(tenant.id):
                Memory.objects.filter(pk=cited).update(expires_at="2020-01-01T00:00:00Z")
        assert look(api)["hit"] is None
        assert look(api, asking("And tea?"))["hit"] == "exact"

    @pytest.mark.django_db(transaction=True)
    def test_its_text_is_dropped_at_once(self, api, tenant, remember):
        [cited] = remember("Bread is brown.")
        store(api, memory_ids=[str(cited)])
        api.delete(f"/v1/memories/{cited}")
        done()
        assert account(tenant) == (0, 0, 0, 0, 0)

    def test_an_answer_to_what_a_memory_said_before_is_not_kept(self, api, remember):
        [cited] = remember("Bread is brown.")
        asked_at = look(api)["asked_at"]
        api.patch(f"/v1/memories/{cited}", {"content": "Bread is white."})
        late = {**ASKED, "response": "Brown.", "memory_ids": [str(cited)], "asked_at": asked_at}
        for _ in range(2):
            answer = api.send("PUT", "/v1/cache", late)
            assert (answer.status, answer.fields) == (409, ["memory_ids"])
        assert look(api)["hit"] is None
        store(api, memory_ids=[str(cited)], asked_at=look(api)["asked_at"])
        assert look(api)["hit"] == "exact"

    def test_a_memory_that_is_new_since_is_no_change(self, api, remember):
        asked_at = look(api)["asked_at"]
        [cited] = remember("Bread is brown.")
        store(api, memory_ids=[str(cited)], asked_at=asked_at)
        assert look(api)["hit"] == "exact"

    def test_nothing_is_left_of_prompts_whose_answers_redis_lost(self, api, tenant):
        for text in ("My diagnosis is measles, what now?", "And then?"):
            store(api, asking(text))
        lost = list(client().scan_iter(f"{key_of(tenant.id, 'llm')}:*"))
        client().delete(*lost)
        assert indexed_prompts(tenant) == 2
        assert llm_cache.sweep() == 2
        assert indexed_prompts(tenant) == 0
        store(api)
        client().delete(*client().scan_iter(f"{key_of(tenant.id, 'llm')}:*"))
        assert api.delete("/v1/cache", all="true").body == {"dropped": 0}
        assert indexed_prompts(tenant) == 0

    def test_memories_that_are_not_there(self, api, other_tenant, remember):
        [theirs] = remember("Secret.", of=other_tenant)
        answer = api.send("PUT", "/v1/cache", {**ASKED, "response": 1, "memory_ids": [str(theirs)]})
        assert (answer.status, answer.fields) == (400, ["memory_ids"])


class TestLimits:
    @pytest.mark.django_db(transaction=True)
    def test_the_least_recently_used_goes_first(self, api, tenant, settings):
        settings.MEMOS_LLM_CACHE_MAX_ENTRIES = 3
        for n in range(3):
            store(api, asking(f"Question {n}?"))
            time.sleep(0.002)
        look(api, asking("Question 0?"))
        store(api, asking("Question 3?"))
        assert [look(api, asking(f"Question {n}?"))["hit"] for n in range(4)] == [
            "exact",
            None,
            "exact",
            "exact",
        ]
        assert account(tenant)[0] == 3
        assert indexed_prompts(tenant) == 3

    def test_bytes_are_bounded(self, api, tenant, settings):
        settings.MEMOS_LLM_CACHE_MAX_BYTES = 4000
        for n in range(20):
            store(api, asking(f"Question {n}?"), "x" * 200)
        assert account(tenant)[3] <= 4000
        assert account(tenant)[4] == account(tenant)[0] >= 3

    def test_an_answer_that_fills_the_cache(self, api, tenant, settings):
        settings.MEMOS_LLM_CACHE_MAX_BYTES = 20_000
        answer = api.send("PUT", "/v1/cache", {**ASKED, "response": "x" * 19_950})
        assert (answer.status, answer.fields) == (400, ["response"])
        most = int(answer.body["detail"].split()[-1].rstrip("."))
        store(api, response="x" * (most - len('""') - len(ASKED["messages"][0]["content"])))
        assert account(tenant)[3] == 20_000

    def test_an_answer_that_is_too_large(self, api, settings):
        settings.MEMOS_LLM_CACHE_MAX_ENTRY_BYTES = 100
        answer = api.send("PUT", "/v1/cache", {**ASKED, "response": "x" * 100})
        assert (answer.status, answer.fields) == (400, ["response"])

    def test_sets_hold_what_is_there_and_count(self, api, tenant):
        store(api, tags=["old"])
        store(api, tags=["new", *(f"t{n}" for n in range(50))])
        assert account(tenant)[3] > 50 * 100
        assert api.delete("/v1/cache", tag="old").body == {"dropped": 0}
        assert api.delete("/v1/cache", tag="new").body == {"dropped": 1}
        assert [*client().scan_iter(key_of(tenant.id, "llm", "tag:*"))] == []
        assert [*client().scan_iter(key_of(tenant.id, "llm", "model:*"))] == []

    def test_what_replaces_another_takes_its_place(self, api, tenant):
        store(api, response="x" * 500)
        store(api, response="y")
        assert look(api)["response"] == "y"
        assert account(tenant)[:3] == (1, 1, 1)
        assert account(tenant)[3] < 1000


class TestSingleFlight:
    def test_one_computes_and_the_others_are_told(self, api):
        first, second = look(api), look(api)
        assert (first["compute"], first["retry_after"]) == (True, None)
        assert second["compute"] is False
        assert 0 < second["retry_after"] <= 60
        store(api)
        assert look(api)["hit"] == "exact"

    def test_waiting_is_one_look_up(self, api, tenant):
        look(api)
        look(api, wait=0.3)
        done()
        assert llm_cache.usage(tenant.id).counts["miss"] == 2

    def test_a_reader_does_not_keep_others_waiting(self, api, tenant):
        reader = Api(make_key(tenant, "read"))
        assert reader.post("/v1/cache/lookup", ASKED).body["compute"] is False
        assert look(api)["compute"]
        assert 0 < reader.post("/v1/cache/lookup", ASKED).body["retry_after"] <= 60

    def test_the_last_millisecond_of_a_lease_is_still_anothers(self, tenant, monkeypatch):
        request = Request("m", ASKED["messages"], {})
        flight = key_of(tenant.id, "llm", f"flight:{request.key}")

        def run_at_the_end(name, keys, arguments):
            at_once = client().pipeline()
            at_once.set(flight, "1", px=1)
            at_once.eval((LUA / f"{name}.lua").read_text(), len(keys), *keys, *arguments)
            return at_once.execute()[1]

        monkeypatch.setattr(cache, "run", run_at_the_end)
        for claim in (True, False):
            found = llm_cache.lookup(tenant, request, claim=claim)
            assert (found.compute, found.retry_after) == (False, 0.002)

    def test_semantic_look_ups_too(self, api):
        assert [look(api, semantic=True)["compute"] for _ in range(2)] == [True, False]

    def test_another_takes_over_when_the_lease_is_over(self, api, settings):
        settings.MEMOS_LLM_CACHE_LEASE_SECONDS = 0.05
        assert look(api)["compute"]
        time.sleep(0.06)
        assert look(api)["compute"]

    def test_only_who_has_the_lease_gives_it_back(self, tenant, settings):
        settings.MEMOS_LLM_CACHE_LEASE_SECONDS = 0.05
        request = Request("m", ASKED["messages"], {})
        late = llm_cache.lookup(tenant, request)
        time.sleep(0.06)
        settings.MEMOS_LLM_CACHE_LEASE_SECONDS = 60
        holder, waiting = (llm_cache.lookup(tenant, request) for _ in range(2))
        assert [each.compute for each in (late, holder, waiting)] == [True, True, False]
        llm_cache.release(tenant.id, late)
        llm_cache.release(tenant.id, waiting)
        assert not llm_cache.lookup(tenant, request).compute
        llm_cache.release(tenant.id, holder)
        assert llm_cache.lookup(tenant, request).compute

    @pytest.mark.parametrize("why", ["revised", "missing", "large"])
    def test_a_refused_answer_gives_it_back(self, api, remember, settings, why):
        [cited] = remember("Bread is brown.")
        asked_at = look(api)["asked_at"]
        late = {**ASKED, "response": "x" * 200, "memory_ids": [str(cited)]}
        if why == "revised":
            api.patch(f"/v1/memories/{cited}", {"content": "Bread is white."})
        elif why == "missing":
            late["memory_ids"] = [str(uuid4())]
        else:
            settings.MEMOS_LLM_CACHE_MAX_ENTRY_BYTES = 100
        status = 409 if why == "revised" else 400
        if why != "revised":
            assert api.send("PUT", "/v1/cache", late).status == 400
            assert not look(api)["compute"]
        for _ in range(2):
            assert api.send("PUT", "/v1/cache", {**late, "asked_at": asked_at}).status == status
        assert look(api)["compute"]
        # By now it is another's.
        assert api.send("PUT", "/v1/cache", {**late, "asked_at": asked_at}).status == status
        assert not look(api)["compute"]

    @pytest.mark.parametrize("claim", [True, False])
    def test_those_who_wait_get_the_answer(self, tenant, claim):
        request = Request("m", ASKED["messages"], {})
        assert llm_cache.lookup(tenant, request).compute
        answers = []

        def wait() -> None:
            answers.append(llm_cache.lookup(tenant, request, claim=claim, wait=5.0).response)
            connections.close_all()

        threads = [threading.Thread(target=wait) for _ in range(3)]
        for each in threads:
            each.start()
        time.sleep(0.1)
        llm_cache.put(tenant, request, "here")
        for each in threads:
            each.join()
        assert answers == ["here"] * 3


class TestUsage:
    def test_it_says_what_was_found_and_saved(self, api):
        look(api)
        store(api)
        look(api)
        look(api)
        done()
        usage = api.get("/v1/cache/usage").body
        assert usage["entries"] == 1
        assert usage["bytes"] > 50
        assert usage["counts"] == {"miss": 1, "exact": 2, "saved_tokens": 80}


class TestOddInput:
    def test_a_message_as_long_as_a_picture(self, api):
        asked = asking("x" * 200_000)
        store(api, asked)
        assert look(api, asked)["hit"] == "exact"

    def test_an_answer_larger_than_a_working_memory_entry(self, api):
        store(api, response="x" * 400_000)
        assert look(api)["hit"] == "exact"

    def test_a_usage_that_is_no_number(self, api):
        store(api, response={"usage": {"total_tokens": True}})


class TestBadInput:
    @pytest.mark.parametrize(
        ("change", "field"),
        [({"model": ""}, "model"), ({"model": 1}, "model"), ({"messages": []}, "messages"), ({"messages": "x"}, "messages"),
         ({"messages": [{}]}, "messages"), ({"messages": [1]}, "messages"), ({"parameters": []}, "parameters"),
         ({"ttl": 0}, "ttl"), ({"memory_ids": ["x"]}, "memory_ids.0"), ({"tags": "x"}, "tags")],
    )  # fmt: skip
    def test_what_is_stored(self, api, change, field):
        answer = api.send("PUT", "/v1/cache", {**ASKED, "response": 1, **change})
        assert (answer.status, answer.fields) == (400, [field])

    def test_what_is_dropped(self, api):
        assert api.delete("/v1/cache").status == 400
        assert api.delete("/v1/cache", all="false").fields == ["key"]
        assert api.delete("/v1/cache", key="x").fields == ["key"]

    def test_a_reader_may_look_but_not_store(self, tenant):
        reader = Api(make_key(tenant, "read"))
        assert reader.post("/v1/cache/lookup", ASKED).status == 200
        assert reader.send("PUT", "/v1/cache", {**ASKED, "response": 1}).status == 403
        assert reader.delete("/v1/cache", all="true").status == 403


@pytest.mark.usefixtures("redis_down")
def test_without_redis_the_caller_computes(api):
    found = look(api)
    assert (found["hit"], found["compute"], found["degraded"]) == (None, True, ["working"])
    assert api.send("PUT", "/v1/cache", {**ASKED, "response": 1}).status == 503
    assert api.get("/v1/cache/usage").body == {"entries": 0, "bytes": 0, "counts": {}}
