"""Working memory, as agents use it."""

import threading
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from memories.working import keyvalue
from memories.working.store import key_of
from memos_project.redis import client
from tests.factories import Api

pytestmark = pytest.mark.django_db
PATH = "/v1/working/session:s1"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=9), inner, max_size=5),
    max_leaves=20,
)  # fmt: skip


def put(api: Api, key: str, value: Any, **more: Any) -> Any:
    return api.send("PUT", f"{PATH}/{key}", {"value": value, **more})


def accounted(tenant) -> tuple[int, int, int, int]:
    """The tenant's bytes, and how many entries each of its indexes holds."""
    return (
        int(client().get(key_of(tenant.id, "total")) or 0),
        client().zcard(key_of(tenant.id, "names")),
        client().zcard(key_of(tenant.id, "ends")),
        client().hlen(key_of(tenant.id, "sizes")),
    )


class TestValues:
    def test_what_was_put_is_there(self, api):
        made = put(api, "plan", {"step": 1}, ttl=60)
        assert made.status == 200
        found = api.get(f"{PATH}/plan")
        assert found.body["value"] == {"step": 1}
        assert found.body["version"] == made.body["version"]
        assert 53 < found.body["ttl"] <= 60
        assert found.headers["ETag"] == f'"{made.body["version"]}"'

    @given(value=JSON)
    @hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[*HealthCheck])
    def test_any_json_comes_back_as_it_was(self, tenant, value):
        keyvalue.put(tenant, "tenant", "k", value, ttl=60)
        assert keyvalue.get(tenant.id, "tenant", "k").value == value

    def test_scopes_and_tenants_are_apart(self, api, other_api):
        for scope in ("tenant", "agent:a", "session:a"):
            api.send("PUT", f"/v1/working/{scope}/k", {"value": scope})
        assert api.get("/v1/working/agent:a/k").body["value"] == "agent:a"
        assert other_api.get("/v1/working/agent:a/k").status == 404
        assert other_api.get("/v1/working/agent:a").body["results"] == []

    def test_a_colon_does_not_lead_into_another_scope(self, api):
        api.send("PUT", "/v1/working/session:a:b/c", {"value": 1})
        assert api.get("/v1/working/session:a/b:c").status == 404

    def test_it_is_gone_after_its_time(self, tenant):
        keyvalue.put(tenant, "tenant", "k", 1, ttl=0.05)
        time.sleep(0.06)
        assert keyvalue.get_many(tenant.id, "tenant", ["k"]) == ([None], True)
        assert keyvalue.list_entries(tenant.id, "tenant", after="", limit=10) == ([], True)
        keyvalue.put(tenant, "tenant", "other", 1, ttl=60)
        assert accounted(tenant)[1:] == (1, 1, 1)

    def test_entries_made_together_do_not_expire_together(self, tenant):
        left = {keyvalue.put(tenant, "tenant", str(n), 1, ttl=1000).ttl for n in range(20)}
        assert len(left) > 15
        assert min(left) > 899
        assert max(left) <= 1000

    def test_delete(self, api, tenant):
        put(api, "k", 1)
        assert api.delete(f"{PATH}/k").status == 204
        assert api.get(f"{PATH}/k").status == 404
        assert api.delete(f"{PATH}/k").status == 404
        assert accounted(tenant) == (0, 0, 0, 0)


class TestVersions:
    def test_only_the_present_version_is_replaced(self, api):
        first = put(api, "k", 1).body["version"]
        second = put(api, "k", 2, if_version=first)
        assert second.status == 200
        assert second.body["version"] > first
        late = put(api, "k", 3, if_version=first)
        assert (late.status, late.fields) == (412, ["if_version"])
        assert api.get(f"{PATH}/k").body["value"] == 2

    def test_only_where_there_is_none(self, api):
        assert put(api, "k", 1, if_version=0).status == 200
        assert put(api, "k", 2, if_version=0).status == 412

    def test_a_version_does_not_come_again(self, api):
        first = put(api, "k", 1).body["version"]
        api.delete(f"{PATH}/k")
        put(api, "k", 1)
        assert put(api, "k", 2, if_version=first).status == 412

    def test_delete_only_the_version_that_is_meant(self, api):
        first = put(api, "k", 1).headers["ETag"]
        put(api, "k", 2)
        assert api.delete(f"{PATH}/k", headers={"If-Match": first}).status == 412
        assert api.delete(f"{PATH}/k", headers={"If-Match": "*"}).status == 204


class TestSteps:
    def test_increment(self, api):
        assert api.post(f"{PATH}/n/increment", {}).body["value"] == 1
        assert api.post(f"{PATH}/n/increment", {"by": 41}).body["value"] == 42
        assert api.post(f"{PATH}/n/increment", {"by": -0.5}).body["value"] == 41.5

    def test_large_whole_numbers_keep_their_digits(self, api):
        put(api, "n", 2**53)
        assert api.post(f"{PATH}/n/increment", {}).body["value"] == 2**53 + 1
        put(api, "n", 2**63 - 1)
        assert api.post(f"{PATH}/n/increment", {}).status == 409
        assert api.get(f"{PATH}/n").body["value"] == 2**63 - 1

    def test_append(self, api):
        api.post(f"{PATH}/l/append", {"value": {"a": []}})
        assert api.post(f"{PATH}/l/append", {"value": "]"}).body["value"] == [{"a": []}, "]"]

    def test_only_what_fits(self, api):
        put(api, "text", "a")
        assert api.post(f"{PATH}/text/append", {"value": 1}).status == 409
        assert api.post(f"{PATH}/text/increment", {}).status == 409
        assert api.get(f"{PATH}/text").body["value"] == "a"

    def test_they_keep_the_time_that_is_left(self, api):
        put(api, "n", 1, ttl=100)
        assert api.post(f"{PATH}/n/increment", {}).body["ttl"] <= 100

    def test_nothing_is_lost_between_many_writers(self, tenant):
        def work() -> None:
            for _ in range(50):
                keyvalue.increment(tenant, "tenant", "n", 1)
                keyvalue.append(tenant, "tenant", "l", 1)

        threads = [threading.Thread(target=work) for _ in range(6)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert keyvalue.get(tenant.id, "tenant", "n").value == 300
        assert len(keyvalue.get(tenant.id, "tenant", "l").value) == 300


class TestLimits:
    def test_an_entry_that_is_too_large(self, api, settings):
        settings.MEMOS_WORKING_MAX_BYTES = 100
        assert put(api, "k", "x" * 99).fields == ["value"]
        put(api, "l", ["x" * 80])
        assert api.post(f"{PATH}/l/append", {"value": "x" * 20}).status == 400
        assert api.get(f"{PATH}/l").body["value"] == ["x" * 80]

    def test_a_tenant_has_a_quota(self, tenant, settings):
        settings.MEMOS_WORKING_QUOTA_BYTES = 9 * 350 + 1000
        for n in range(8):
            keyvalue.put(tenant, "tenant", str(n), "x" * 100, ttl=60)
        with pytest.raises(keyvalue.Conflict):
            keyvalue.put(tenant, "tenant", "9", "x" * 200, ttl=60)
        keyvalue.put(tenant, "tenant", "0", "", ttl=60)  # what is replaced makes room
        keyvalue.put(tenant, "tenant", "9", "x" * 100, ttl=60)
        assert keyvalue.used(tenant.id) <= 9 * 350 + 1000

    def test_what_has_expired_takes_no_room(self, tenant, settings):
        settings.MEMOS_WORKING_QUOTA_BYTES = 80 * 500
        for n in range(80):
            keyvalue.put(tenant, "tenant", str(n), "x" * 100, ttl=0.05)
        time.sleep(0.06)
        keyvalue.put(tenant, "tenant", "k", "x" * 39_000, ttl=60)
        assert accounted(tenant)[1:] == (1, 1, 1)

    @given(
        steps=st.lists(
            st.tuples(st.sampled_from("pdia"), st.sampled_from("xyz"), st.integers(0, 30)), max_size=30
        )
    )
    @hypothesis_settings(max_examples=40, deadline=None, suppress_health_check=[*HealthCheck])
    def test_the_account_is_what_is_there(self, tenant, steps):
        client().flushdb()
        for what, key, n in steps:
            try:
                if what == "p":
                    keyvalue.put(tenant, "tenant", key, "x" * n, ttl=60)
                elif what == "d":
                    keyvalue.delete(tenant, "tenant", key)
                elif what == "i":
                    keyvalue.increment(tenant, "tenant", key, n)
                else:
                    keyvalue.append(tenant, "tenant", key, n)
            except (keyvalue.Conflict, keyvalue.NotFound):
                pass
        listed, _ = keyvalue.list_entries(tenant.id, "tenant", after="", limit=10)
        expected = sum(350 + each.size + len("tenant\0") + len(each.key) for each in listed)
        assert accounted(tenant) == (expected, len(listed), len(listed), len(listed))


class TestLists:
    def test_pages_follow_each_other(self, api):
        for n in range(5):
            put(api, f"k{n}", n)
        first = api.get(PATH, limit=2).body
        assert [each["key"] for each in first["results"]] == ["k0", "k1"]
        second = api.get(PATH, limit=2, cursor=first["next_cursor"]).body
        assert [each["key"] for each in second["results"]] == ["k2", "k3"]
        assert api.get(PATH, limit=2, cursor=second["next_cursor"]).body["next_cursor"] is None
        assert api.get(PATH, cursor="a/b").fields == ["cursor"]

    def test_what_has_expired_does_not_end_a_list(self, api, tenant):
        put(api, "z", 1)
        put(api, "zz", 1)
        for key in "abcd":
            keyvalue.put(tenant, "session:s1", key, 1, ttl=0.05)
        time.sleep(0.06)
        first = api.get(PATH, limit=1).body
        assert [each["key"] for each in first["results"]] == ["z"]
        assert [each["key"] for each in api.get(PATH, cursor=first["next_cursor"]).body["results"]] == ["zz"]

    def test_several_at_once(self, api):
        put(api, "a", 1)
        put(api, "b", None)
        answer = api.post("/v1/working/read", {"scope": "session:s1", "keys": ["b", "nothing", "a"]}).body
        assert [(each["key"], each["value"]) for each in answer["results"]] == [("b", None), ("a", 1)]
        assert answer["missing"] == ["nothing"]


class TestBadInput:
    @pytest.mark.parametrize(
        "scope", ["", "nobody", "agent:", "session", "tenant:x", "agent:%00", "session:" + "x" * 201]
    )
    def test_scopes(self, api, scope):
        assert api.get(f"/v1/working/{scope}/k").status in (400, 404)
        assert api.get(f"/v1/working/{scope or 'x'}").fields == ["scope"]

    @pytest.mark.parametrize(
        ("body", "field"),
        [({}, "value"), ({"value": 1, "ttl": 0}, "ttl"), ({"value": 1, "ttl": "1"}, "ttl"), ({"value": 1, "ttl": True}, "ttl"),
         ({"value": 1, "if_version": -1}, "if_version"), ({"value": 1, "ttl": 1e18}, "ttl")],
    )  # fmt: skip
    def test_bodies(self, api, body, field):
        answer = api.send("PUT", f"{PATH}/k", body)
        assert (answer.status, answer.fields) == (400, [field])

    def test_depth_and_surrogates(self, api):
        deep: Any = 1
        for _ in range(40):
            deep = [deep]
        assert put(api, "k", deep).fields == ["value"]
        assert api.send("PUT", f"{PATH}/k", b'{"value": "\\ud800"}').status == 400

    @pytest.mark.parametrize("by", ["1", True, None, 1e30, [1]])
    def test_increments(self, api, by):
        assert api.post(f"{PATH}/k/increment", {"by": by}).status == 400

    def test_a_reader_may_not_write(self, tenant):
        from tests.factories import make_key

        reader = Api(make_key(tenant, "read"))
        assert put(reader, "k", 1).status == 403
        assert reader.post("/v1/working/read", {"scope": "tenant", "keys": ["k"]}).status == 200


@pytest.mark.usefixtures("redis_down")
class TestWithoutRedis:
    def test_reads_answer_missing(self, api):
        assert api.get(f"{PATH}/k").status == 404
        assert api.get(PATH).body == {"results": [], "next_cursor": None, "degraded": ["working"]}
        answer = api.post("/v1/working/read", {"scope": "tenant", "keys": ["k"]}).body
        assert answer == {"results": [], "missing": ["k"], "degraded": ["working"]}

    def test_writes_say_what_is_down_and_the_rest_goes_on(self, api):
        answer = put(api, "k", 1)
        assert answer.status == 503
        assert "Redis" in answer.body["detail"]
        assert api.post("/v1/memories", {"content": "still here"}).status == 201
