"""Blackboards, as the agents of a task use them."""

import contextlib
import threading
import time
from typing import Any

import pytest

from memories.working import blackboards, keyvalue, leases
from memories.working.store import key_of
from memos_project.redis import client
from tests.factories import Api, make_key

pytestmark = pytest.mark.django_db
PATH = "/v1/blackboards/task"


class Agent:
    """The API as one agent of a board uses it."""

    def __init__(self, api: Api, name: str, path: str = PATH) -> None:
        self.api, self.name, self.path = api, name, path
        joined = api.post(f"{path}/agents", {"agent": name})
        assert joined.status == 201
        self.token = joined.body["token"]
        self.headers = {"x-agent-token": self.token}

    def post(self, content: Any, area: str = "public", **more: Any) -> Any:
        return self.api.post(
            f"{self.path}/posts", {"area": area, "content": content, **more}, headers=self.headers
        )

    def read(self, **params: Any) -> Any:
        return self.api.get(f"{self.path}/posts", headers=self.headers, **params)


@pytest.fixture
def ada(api):
    return Agent(api, "ada")


@pytest.fixture
def ben(api):
    return Agent(api, "ben")


def contents(answer) -> list[Any]:
    assert answer.status == 200
    return [each["content"] for each in answer.body["results"]]


class TestJoining:
    def test_a_token_is_given_once_and_only_its_digest_kept(self, api, ada, tenant):
        assert len(ada.token) == 43
        for key in client().scan_iter(f"{key_of(tenant.id)}*"):
            assert ada.token.encode() not in client().dump(key)

    def test_a_name_is_one_agents(self, api, ada):
        for headers in ({}, {"x-agent-token": "w" * 43}):
            answer = api.post(f"{PATH}/agents", {"agent": "ada"}, headers=headers)
            assert (answer.status, answer.fields) == (409, ["agent"])
        for token in ("", "wrong", "ä\x80 "):
            answer = api.post(f"{PATH}/agents", {"agent": "ada"}, headers={"x-agent-token": token})
            assert (answer.status, answer.fields) == (403, ["x-agent-token"])
        again = api.post(f"{PATH}/agents", {"agent": "ada"}, headers=ada.headers)
        assert (again.status, again.body) == (200, {"agent": "ada", "token": ada.token})

    def test_anothers_token_is_not_ones_own(self, api, ada, ben):
        assert api.post(f"{PATH}/agents", {"agent": "ada"}, headers=ben.headers).status == 409

    def test_agents_are_bounded(self, api, ada, monkeypatch):
        monkeypatch.setattr(blackboards, "MOST_AGENTS", 1)
        assert api.post(f"{PATH}/agents", {"agent": "ben"}).status == 409

    def test_of_many_who_join_at_once_one_has_the_name(self, tenant):
        joined = []

        def join() -> None:
            with contextlib.suppress(blackboards.Conflict):
                joined.append(blackboards.join(tenant, "task", "ada").token)

        threads = [threading.Thread(target=join) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert len(joined) == 1
        assert blackboards.agent_of(tenant.id, "task", joined[0]) == "ada"


class TestPosts:
    def test_all_see_public_ones_in_order(self, api, ada, ben):
        made = ada.post({"step": 1}, kind="plan")
        assert made.status == 201
        ben.post(None)
        ada.post(["x"])
        page = api.get(f"{PATH}/posts")
        assert contents(page) == [{"step": 1}, None, ["x"]]
        assert page.body["results"][0] == made.body
        assert (made.body["agent"], made.body["kind"], made.body["area"]) == ("ada", "plan", "public")
        assert [each["agent"] for each in page.body["results"]] == ["ada", "ben", "ada"]
        assert page.body["degraded"] == []

    def test_since_a_cursor_and_of_one_agent(self, ada, ben):
        for n in range(6):
            (ada, ben)[n % 2].post(n)
        first = ada.read(limit=2, agent="ben")
        assert contents(first) == [1, 3]
        rest = ada.read(limit=2, agent="ben", cursor=first.body["next_cursor"])
        assert contents(rest) == [5]
        assert contents(ada.read(cursor=rest.body["next_cursor"])) == []
        ada.post(6)
        assert contents(ada.read(cursor=rest.body["next_cursor"])) == [6]

    def test_pages_over_what_is_read_at_once(self, ada, ben, monkeypatch):
        monkeypatch.setattr(blackboards, "BATCH", 3)
        for n in range(11):
            (ada, ben)[n % 2].post(n)
        seen, cursor = [], "0-0"
        while page := contents(answer := ada.read(limit=2, cursor=cursor, agent="ada")):
            seen += page
            cursor = answer.body["next_cursor"]
        assert seen == [0, 2, 4, 6, 8, 10]

    def test_private_ones_are_the_agents_own(self, api, other_api, ada, ben, tenant):
        secret = "zebrafinch"
        ada.post({"note": secret}, "private")
        ben.post("mine", "private")
        assert contents(ada.read(area="private")) == [{"note": secret}]
        assert contents(ben.read(area="private")) == ["mine"]
        assert contents(ada.read()) == []
        strangers = [
            api.get(f"{PATH}/posts", headers=headers, area="private", **more)
            for headers in ({}, {"x-agent-token": ""}, {"x-agent-token": "x" * 43}, {"x-agent-token": "ada"})
            for more in ({}, {"agent": "ada"})
        ]
        assert [(each.status, each.fields) for each in strangers] == [(403, ["x-agent-token"])] * 8
        elsewhere = Agent(api, "ada", "/v1/blackboards/other")
        theirs = Agent(other_api, "ada")
        for answer in (
            ben.read(area="private", agent="ada"),
            ben.read(area="private", cursor="0-1"),
            ben.read(area="private", wait=0.05, agent="ada"),
            ben.read(area="public", agent="ada"),
            ben.read(),
            elsewhere.read(area="private"),
            theirs.read(area="private"),
            api.get(f"{PATH}/posts", headers=elsewhere.headers, area="private"),
            other_api.get(f"{PATH}/posts", headers=ada.headers, area="private"),
            api.get("/v1/blackboards"),
        ):
            assert secret not in str(answer.body)

    def test_their_cursor_does_not_tell_when_others_wrote(self, ada, ben):
        mine = ada.post(1, "private").body["id"]
        ben.post(2, "private")
        assert ada.read(area="private").body["next_cursor"] == mine
        assert ada.read(area="private", cursor=mine).body["next_cursor"] == mine
        later = ada.post(3, "private").body["id"]
        assert ada.read(area="private", cursor=mine).body["next_cursor"] == later

    def test_nobody_gets_them_with_the_name_after_redis_dropped_the_board(self, api, ada, tenant):
        """As it may do with any one key when its memory is full."""
        ada.post("secret", "private")
        client().delete(key_of(tenant.id, "board", "task"))
        newcomer = Agent(api, "ada")
        assert contents(newcomer.read(area="private")) == contents(newcomer.read()) == []

    def test_who_did_not_join_does_not_post(self, api, ada):
        for headers in ({}, {"x-agent-token": "x" * 43}):
            answer = api.post(f"{PATH}/posts", {"area": "public", "content": 1}, headers=headers)
            assert (answer.status, answer.fields) == (403, ["x-agent-token"])
        answer = api.post("/v1/blackboards/none/posts", {"area": "public", "content": 1}, headers=ada.headers)
        assert answer.status == 404

    def test_every_reader_sees_every_post_once_and_in_order(self, tenant):
        tokens = [blackboards.join(tenant, "task", f"writer {n}").token for n in range(2)]
        seen: list[list[str]] = [[] for _ in range(4)]

        def write(token: str) -> None:
            for n in range(100):
                blackboards.post(tenant, "task", token, area="public", content=n)

        def follow(mine: list[str]) -> None:
            cursor = blackboards.BEGINNING
            while len(mine) < 200:
                reading = blackboards.read_posts(tenant.id, "task", after=cursor, limit=7, wait=5)
                assert reading.posts or reading.turned_away
                mine += [each.id for each in reading.posts]
                cursor = reading.cursor

        threads = [threading.Thread(target=write, args=[token]) for token in tokens]
        threads += [threading.Thread(target=follow, args=[mine]) for mine in seen]
        for each in threads:
            each.start()
        for each in threads:
            each.join(30)
        written = blackboards.read_posts(tenant.id, "task", limit=1000).posts
        assert len(written) == 200
        assert all(mine == [each.id for each in written] for mine in seen)
        for writer in ("writer 0", "writer 1"):
            assert [each.content for each in written if each.agent == writer] == [*range(100)]


class TestWaiting:
    def later(self, act, seconds: float = 0.2) -> None:
        timer = threading.Timer(seconds, act)
        timer.start()

    def test_the_answer_comes_with_the_post(self, ada, tenant):
        self.later(lambda: blackboards.post(tenant, "task", ada.token, area="public", content="now"))
        started = time.monotonic()
        answer = ada.read(wait=10)
        assert contents(answer) == ["now"]
        assert 0.1 < time.monotonic() - started < 5

    def test_nor_does_another_agents_private_post_end_it(self, ada, ben, tenant):
        self.later(lambda: blackboards.post(tenant, "task", ben.token, area="private", content="no"))
        started = time.monotonic()
        answer = ada.read(wait=0.5, area="private")
        assert contents(answer) == []
        assert time.monotonic() - started >= 0.5
        assert "Retry-After" not in answer.headers

    def test_what_is_there_is_answered_at_once(self, ada):
        ada.post("there")
        started = time.monotonic()
        assert contents(ada.read(wait=30)) == ["there"]
        assert time.monotonic() - started < 5

    def test_a_board_may_begin_meanwhile(self, api, tenant):
        def begin() -> None:
            token = blackboards.join(tenant, "task", "ada").token
            blackboards.post(tenant, "task", token, area="public", content="first")

        self.later(begin)
        assert contents(api.get(f"{PATH}/posts", wait=10)) == ["first"]

    def test_no_more_than_so_many_wait(self, ada, tenant, settings):
        settings.MEMOS_WAITERS = 1
        waiter = threading.Thread(
            target=blackboards.read_posts, args=[tenant.id, "task"], kwargs={"limit": 1, "wait": 10}
        )
        waiter.start()
        time.sleep(0.2)
        started = time.monotonic()
        answer = ada.read(wait=30)
        assert (contents(answer), answer.headers["Retry-After"]) == ([], "1")
        assert time.monotonic() - started < 5
        ada.post("for both")
        waiter.join(10)
        assert contents(ada.read(wait=30)) == ["for both"]
        # The place is free again.
        assert "Retry-After" not in ada.read(wait=0.05, cursor=ada.read().body["next_cursor"]).headers

    def test_longer_than_a_connection_is_patient(self, ada):
        assert contents(ada.read(wait=2.5)) == []


class TestClaims:
    def claim(self, agent: Agent, lease: float = 60, subtask: str = "parse") -> Any:
        return agent.api.send("PUT", f"{PATH}/claims/{subtask}", {"lease": lease}, headers=agent.headers)

    def test_one_has_it_and_renews_it(self, api, ada, ben):
        first = self.claim(ada)
        assert (first.status, first.body["agent"], first.body["subtask"]) == (200, "ada", "parse")
        refused = self.claim(ben)
        assert refused.status == 409
        assert "ada holds it for another" in refused.body["detail"]
        renewed = self.claim(ada, 600)
        assert renewed.body["fence"] == first.body["fence"]
        [listed] = api.get(f"{PATH}/claims").body["results"]
        assert 590 < listed.pop("ttl") <= 600
        assert listed == {"subtask": "parse", "agent": "ada", "fence": first.body["fence"]}

    def test_only_its_holder_releases_it(self, api, ada, ben):
        self.claim(ada)
        path = f"{PATH}/claims/parse"
        assert api.delete(path, headers=ben.headers).status == 409
        assert api.delete(path).status == 403
        assert api.delete(path, headers=ada.headers).status == 204
        assert api.delete(path, headers=ada.headers).status == 404
        assert api.get(f"{PATH}/claims").body == {"results": [], "degraded": []}

    def test_its_number_only_rises(self, api, ada, ben):
        fences = []
        for agent in (ada, ben, ada):
            fences.append(self.claim(agent).body["fence"])
            api.delete(f"{PATH}/claims/parse", headers=agent.headers)
        api.delete(PATH)
        fences.append(self.claim(Agent(api, "ada")).body["fence"])
        assert fences == sorted({*fences})

    def test_when_its_time_is_over_it_is_anybodys(self, api, ada, ben):
        first = self.claim(ada, 1)
        time.sleep(1.02)
        assert api.get(f"{PATH}/claims").body["results"] == []
        assert api.delete(f"{PATH}/claims/parse", headers=ada.headers).status == 404
        taken = self.claim(ben)
        assert (taken.status, taken.body["agent"]) == (200, "ben")
        assert taken.body["fence"] > first.body["fence"]

    def test_of_many_one_gets_it(self, tenant):
        tokens = [blackboards.join(tenant, "task", f"agent {n}").token for n in range(8)]
        got = []

        def claim(token: str) -> None:
            with contextlib.suppress(blackboards.Conflict):
                got.append(leases.take(tenant, "task", "claims", "parse", token, seconds=60))

        threads = [threading.Thread(target=claim, args=[token]) for token in tokens]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert len(got) == 1

    def test_they_are_bounded_and_old_ones_make_room(self, api, ada, monkeypatch):
        monkeypatch.setattr(leases, "MOST", 2)
        self.claim(ada, 1, "a")
        self.claim(ada, 60, "b")
        assert self.claim(ada, 60, "c").status == 409
        time.sleep(1.02)
        assert self.claim(ada, 60, "c").status == 200
        assert [each["subtask"] for each in api.get(f"{PATH}/claims").body["results"]] == ["b", "c"]


class TestHandles:
    def pin(self, agent: Agent, location: Any, lease: float = 30) -> Any:
        return agent.api.send(
            "PUT", f"{PATH}/handles/prefix", {"location": location, "lease": lease}, headers=agent.headers
        )

    def test_all_read_what_its_owner_pins(self, api, ada, ben):
        location = {"host": "gpu-3", "blocks": [1, 2, 2**60], "ä": None}
        pinned = self.pin(ada, location)
        assert pinned.status == 200
        [seen] = api.get(f"{PATH}/handles", headers=ben.headers).body["results"]
        assert 29 < seen["ttl"] <= 30
        assert (seen["name"], seen["agent"], seen["location"]) == ("prefix", "ada", location)
        assert self.pin(ben, "elsewhere").status == 409
        assert self.pin(ada, "moved").status == 200
        assert api.get(f"{PATH}/handles").body["results"][0]["location"] == "moved"

    def test_only_its_owner_releases_it(self, api, ada, ben):
        self.pin(ada, 1)
        assert api.delete(f"{PATH}/handles/prefix", headers=ben.headers).status == 409
        assert api.delete(f"{PATH}/handles/prefix", headers=ada.headers).status == 204
        assert api.get(f"{PATH}/handles").body["results"] == []

    def test_a_claim_of_the_same_name_is_something_else(self, api, ada, ben):
        self.pin(ada, 1)
        answer = api.send("PUT", f"{PATH}/claims/prefix", {"lease": 5}, headers=ben.headers)
        assert answer.status == 200

    def test_it_is_gone_after_its_time(self, api, ada):
        self.pin(ada, 1, 1)
        time.sleep(1.02)
        assert api.get(f"{PATH}/handles").body["results"] == []


class TestLife:
    def board(self, api) -> dict[str, Any]:
        [board] = api.get("/v1/blackboards").body["results"]
        return board

    def test_it_is_listed_with_what_is_on_it(self, api, other_api, ada, ben):
        Agent(api, "x", "/v1/blackboards/another")
        ada.post("x")
        first = api.get("/v1/blackboards", limit=1).body
        assert first["results"][0]["board"] == "another"
        [board] = api.get("/v1/blackboards", cursor=first["next_cursor"]).body["results"]
        assert (board["board"], board["agents"], board["posts"]) == ("task", 2, 1)
        assert 3200 < board["ttl"] <= 3600
        assert other_api.get("/v1/blackboards").body["results"] == []

    def test_each_post_gives_it_its_time_again(self, api, tenant):
        api.post(f"{PATH}/agents", {"agent": "ada", "ttl": 5})
        assert 4 < self.board(api)["ttl"] <= 5
        ben = Agent(api, "ben")
        time.sleep(0.6)
        ben.post(1)
        assert 4.4 < self.board(api)["ttl"] <= 5
        ben.post(1, ttl=1000)
        assert 899 < self.board(api)["ttl"] <= 1000
        ben.post(1)
        assert 899 < self.board(api)["ttl"] <= 1000

    def test_it_lives_as_long_as_a_claim_on_it(self, api):
        token = api.post(f"{PATH}/agents", {"agent": "ada", "ttl": 5}).body["token"]
        api.send("PUT", f"{PATH}/claims/parse", {"lease": 500}, headers={"x-agent-token": token})
        assert 499 < self.board(api)["ttl"] <= 500

    def test_nothing_is_left_of_it(self, api, ada, tenant):
        ada.post(1)
        ada.post(1, "private")
        api.send("PUT", f"{PATH}/claims/parse", {"lease": 500}, headers=ada.headers)
        api.send("PUT", f"{PATH}/handles/h", {"lease": 5, "location": 1}, headers=ada.headers)
        kept = {*client().scan_iter(f"{key_of(tenant.id, 'board')}*")}
        assert len(kept) == len(blackboards.KEYS)
        assert {key for key in kept if client().ttl(key) < 3000} == set()
        assert api.delete(PATH).status == 204
        assert api.delete(PATH).status == 404
        assert {*client().scan_iter(f"{key_of(tenant.id, 'board')}*")} == set()
        assert keyvalue.used(tenant.id) == 0
        assert contents(api.get(f"{PATH}/posts")) == []

    def test_the_account_is_what_is_there(self, api, ada, tenant):
        for n in range(5):
            api.send(
                "PUT", f"{PATH}/handles/h{n}", {"lease": 5, "location": "x" * 10**n}, headers=ada.headers
            )
            api.send("PUT", f"{PATH}/handles/h{n}", {"lease": 50, "location": "y"}, headers=ada.headers)
        for n in range(5):
            api.delete(f"{PATH}/handles/h{n}", headers=ada.headers)
        assert self.board(api)["size"] == len("ada") + 64
        assert keyvalue.used(tenant.id) == 550 + 140 + len("board\0task") + len("ada") + 64


class TestLimits:
    def test_posts(self, ada, settings):
        settings.MEMOS_BLACKBOARD_MAX_POSTS = 2
        assert [ada.post(n).status for n in range(3)] == [201, 201, 409]
        assert "2 posts" in ada.post(3).body["detail"]
        assert contents(ada.read()) == [0, 1]

    def test_bytes(self, ada, settings):
        settings.MEMOS_BLACKBOARD_MAX_BYTES = 1000
        assert ada.post("x" * 800).status == 201
        assert ada.post("x" * 800).status == 409
        big = {"lease": 5, "location": "x" * 800}
        assert ada.api.send("PUT", f"{PATH}/handles/h", big, headers=ada.headers).status == 409

    def test_the_tenants_quota(self, api, ada, settings):
        settings.MEMOS_WORKING_QUOTA_BYTES = 5400
        assert ada.post("x" * 4000).status == 201
        assert ada.post("x" * 4000).status == 409
        assert api.send("PUT", "/v1/working/tenant/k", {"value": "x" * 500}).status == 409


class TestBadInput:
    @pytest.mark.parametrize(
        ("body", "field"),
        [({"area": "all"}, "area"), ({"area": None}, "area"), ({"kind": 1}, "kind"), ({"kind": "x" * 201}, "kind"), ({"ttl": -1}, "ttl"),
         ({"ttl": True}, "ttl")],
    )  # fmt: skip
    def test_posts(self, ada, body, field):
        answer = ada.api.post(f"{PATH}/posts", {"area": "public", "content": 1, **body}, headers=ada.headers)
        assert (answer.status, answer.fields) == (400, [field])

    def test_content(self, ada, settings):
        assert ada.api.post(f"{PATH}/posts", {"area": "public"}, headers=ada.headers).fields == ["content"]
        deep: Any = 1
        for _ in range(40):
            deep = [deep]
        assert ada.post(deep).fields == ["content"]
        settings.MEMOS_WORKING_MAX_BYTES = 10
        assert ada.post("x" * 20).fields == ["content"]

    @pytest.mark.parametrize(
        ("params", "field"),
        [({"cursor": "x"}, "cursor"), ({"cursor": "1"}, "cursor"), ({"limit": 0}, "limit"), ({"limit": 1001}, "limit"), ({"wait": -1}, "wait"),
         ({"wait": 31}, "wait"), ({"wait": "nan"}, "wait"), ({"wait": "x"}, "wait"), ({"area": "x"}, "area"), ({"agent": "a/b"}, "agent")],
    )  # fmt: skip
    def test_reading(self, api, params, field):
        assert api.get(f"{PATH}/posts", **params).fields == [field]

    @pytest.mark.parametrize("agent", ["", "a/b", "\n", "x" * 201, 1, None])
    def test_agents(self, api, agent):
        assert api.post(f"{PATH}/agents", {"agent": agent}).fields == ["agent"]

    @pytest.mark.parametrize("lease", [0, 0.5, 3601, "5", True, None])
    def test_leases(self, api, ada, lease):
        path, handle = f"{PATH}/claims/c", f"{PATH}/handles/h"
        assert api.send("PUT", path, {"lease": lease}, headers=ada.headers).fields == ["lease"]
        answer = api.send("PUT", handle, {"lease": lease, "location": 1}, headers=ada.headers)
        assert answer.fields == ["lease"]
        assert api.send("PUT", handle, {"lease": 61, "location": 1}, headers=ada.headers).fields == ["lease"]
        assert api.send("PUT", handle, {"lease": 5}, headers=ada.headers).fields == ["location"]

    @pytest.mark.parametrize("name", ["%00", "x" * 201, "a%0A"])
    def test_names(self, api, ada, name):
        assert api.get(f"/v1/blackboards/{name}/posts").fields == ["board"]
        answer = api.send("PUT", f"{PATH}/claims/{name}", {"lease": 5}, headers=ada.headers)
        assert answer.fields == ["name"]

    @pytest.mark.parametrize("name", ["*", "task:x", "{a}", "ä ö", "\\", "\u2028", "'", '"', "constructor"])
    def test_odd_names_are_names(self, api, name):
        quoted = name.replace("\\", "%5C")
        odd = Agent(api, name, f"/v1/blackboards/{quoted}")
        odd.post(name, kind=name)
        odd.post("own", "private")
        [post] = odd.read().body["results"]
        assert (post["agent"], post["kind"], post["content"]) == (name, name, name)
        assert contents(odd.read(area="private")) == ["own"]
        path = f"/v1/blackboards/{quoted}/claims/{quoted}"
        assert api.send("PUT", path, {"lease": 5}, headers=odd.headers).body["agent"] == name
        listed = api.get(f"/v1/blackboards/{quoted}/claims").body["results"]
        assert [(each["subtask"], each["agent"]) for each in listed] == [(name, name)]
        assert [each["board"] for each in api.get("/v1/blackboards").body["results"]] == [name]

    def test_a_reader_reads(self, tenant, ada):
        reader = Api(make_key(tenant, "read"))
        ada.post("seen")
        ada.post("own", "private")
        assert contents(reader.get(f"{PATH}/posts")) == ["seen"]
        assert contents(reader.get(f"{PATH}/posts", area="private", headers=ada.headers)) == ["own"]
        assert reader.get(f"{PATH}/claims").status == 200
        for method, path, body in (
            ("POST", "/agents", {"agent": "x"}),
            ("POST", "/posts", {"area": "public", "content": 1}),
            ("PUT", "/claims/c", {"lease": 5}),
            ("DELETE", "/claims/c", None),
            ("PUT", "/handles/h", {"lease": 5, "location": 1}),
            ("DELETE", "/handles/h", None),
            ("DELETE", "", None),
        ):
            assert reader.send(method, f"{PATH}{path}", body, headers=ada.headers).status == 403


@pytest.mark.usefixtures("redis_down")
class TestWithoutRedis:
    def test_reads_answer_nothing(self, api):
        token = {"x-agent-token": "x" * 43}
        empty = {"results": [], "degraded": ["working"]}
        assert api.get(f"{PATH}/posts", wait=20).body == {**empty, "next_cursor": "0-0"}
        private = api.get(f"{PATH}/posts", area="private", cursor="5-1", headers=token).body
        assert private == {**empty, "next_cursor": "5-1"}
        assert api.get(f"{PATH}/claims").body == api.get(f"{PATH}/handles").body == empty
        assert api.get("/v1/blackboards").body == {**empty, "next_cursor": None}

    def test_writes_say_what_is_down_and_the_rest_goes_on(self, api):
        for method, path, body in (
            ("POST", "/agents", {"agent": "x"}),
            ("POST", "/posts", {"area": "public", "content": 1}),
            ("PUT", "/claims/c", {"lease": 5}),
            ("DELETE", "/claims/c", None),
            ("PUT", "/handles/h", {"lease": 5, "location": 1}),
            ("DELETE", "", None),
        ):
            answer = api.send(method, f"{PATH}{path}", body)
            assert answer.status == 503
            assert "Redis" in answer.body["detail"]
        assert api.post("/v1/memories", {"content": "still here"}).status == 201
