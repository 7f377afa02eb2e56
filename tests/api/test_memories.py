import pytest
from django.db import connection

from memories import indexing, reading, services
from memories.models import IndexJob, Memory, ReadJob
from memos_project.db import tenant_scope
from tests.factories import new_memory

PATH = "/v1/memories"


@pytest.fixture
def stored(api):
    """Store one memory over HTTP: its id."""

    def stored(content="A grey cat.", **fields):
        answer = api.post(PATH, {"content": content, **fields})
        assert answer.status in (200, 201), answer.body
        return answer.body["id"]

    return stored


def contents(answer):
    assert answer.status == 200, answer.body
    return [each["content"] for each in answer.body["results"]]


class TestStore:
    def test_one(self, api):
        answer = api.post(PATH, {"content": "A grey cat.", "external_id": "e1"})
        assert answer.status == 201
        assert answer.body == {"id": answer.body["id"], "external_id": "e1", "status": "created"}

    def test_the_same_again_is_a_duplicate(self, api):
        first = api.post(PATH, {"content": "A grey cat."})
        again = api.post(PATH, {"content": "A grey cat."})
        assert (again.status, again.body["status"], again.body["id"]) == (200, "duplicate", first.body["id"])

    def test_many_are_answered_in_order_each_by_itself(self, api):
        items = [
            {"content": "One.", "external_id": "1"},
            {"content": ""},
            {"content": "Two."},
            {"content": "One again.", "external_id": "1"},
            "not an object",
            {"content": "Three.", "importance": 2, "external_id": "3"},
            {"content": "Two."},
            {"content": "x", "external_id": 7},
        ]
        answer = api.post(PATH, {"memories": items})
        assert answer.status == 200
        results = answer.body["results"]
        statuses = ["created", "error", "created", "duplicate", "error", "error", "duplicate", "error"]
        assert [each["status"] for each in results] == statuses
        assert [each["external_id"] for each in results] == ["1", None, None, "1", None, "3", None, None]
        assert results[3]["id"] == results[0]["id"]
        assert results[6]["id"] == results[2]["id"]
        assert results[1]["error"].startswith("content: ")
        assert results[5]["error"].startswith("importance: ")
        assert "error" not in results[0]
        assert sorted(contents(api.get(PATH))) == ["One.", "Two."]

    def test_a_thousand(self, api, tenant):
        answer = api.post(PATH, {"memories": [{"content": f"Number {n}."} for n in range(1000)]})
        ids = [each["id"] for each in answer.body["results"]]
        with tenant_scope(tenant.id):
            kept = {str(pk): content for pk, content in Memory.objects.values_list("id", "content")}
        assert [kept[each] for each in ids] == [f"Number {n}." for n in range(1000)]

    def test_a_batch_of_errors_only_stores_nothing(self, api):
        answer = api.post(PATH, {"memories": [{"content": 1}, {}]})
        assert [each["status"] for each in answer.body["results"]] == ["error", "error"]
        assert contents(api.get(PATH)) == []

    def test_an_item_may_name_the_batchs_tenant_only(self, api, tenant, other_tenant):
        named = [
            {"content": name, "tenant_id": name} for name in (tenant.slug, str(tenant.id), other_tenant.slug)
        ]
        results = api.post(PATH, {"memories": named}).body["results"]
        assert [each["status"] for each in results] == ["created", "created", "error"]
        assert results[2]["error"].startswith("tenant_id: ")

    def test_an_operator_stores_for_another_tenant(self, operator_api, other_tenant, other_api):
        operator_api.post(PATH, {"content": "For you.", "tenant_id": other_tenant.slug})
        operator_api.post(PATH, {"memories": [{"content": "You too."}], "tenant_id": other_tenant.slug})
        assert contents(other_api.get(PATH)) == ["You too.", "For you."]

    def test_a_read_key_may_not(self, tenant):
        from tests.factories import Api, make_key

        assert Api(make_key(tenant, "read")).post(PATH, {"content": "x"}).status == 403


class TestWaiting:
    def test_the_answer_says_when_it_is_not_yet_indexed(self, api, settings):
        settings.MEMOS_WAIT_SECONDS = 0.05
        answer = api.post(PATH, {"content": "A grey cat."}, wait="indexed")
        assert (answer.status, answer.body["indexed"]) == (201, False)

    def test_and_when_it_is(self, api, tenant, monkeypatch):
        monkeypatch.setattr("memories.api.views.time.sleep", lambda seconds: indexing.drain(tenant.id))
        assert api.post(PATH, {"content": "A grey cat."}, wait="indexed").body["indexed"] is True
        answer = api.post(PATH, {"memories": [{"content": "A dog."}, {"content": ""}]}, wait="indexed")
        assert answer.body["indexed"] is True
        assert answer.body["results"][1]["status"] == "error"

    def test_the_graph_can_be_waited_for_too(self, api, tenant, settings):
        settings.MEMOS_WAIT_SECONDS = 0.0
        answer = api.post(PATH, {"content": "A grey cat."}, wait="read")
        assert (answer.status, answer.body["read"]) == (201, False)
        indexing.drain(tenant.id)
        assert api.post(PATH, {"content": "A grey cat."}, wait="read").body["read"] is False
        assert reading.drain(tenant.id) == 1
        assert api.post(PATH, {"content": "A grey cat."}, wait="read").body["read"] is True

    def test_there_is_nothing_to_wait_for_in_a_batch_of_errors(self, api):
        assert api.post(PATH, {"memories": [{}]}, wait="indexed").status == 200

    def test_only_for_that(self, api):
        answer = api.post(PATH, {"content": "x"}, wait="forever")
        assert (answer.status, answer.fields) == (400, ["wait"])


class TestRead:
    def test_in_full(self, api, stored):
        said = {
            "user_id": "ann", "agent_id": "scout", "conversation_id": "c1", "role": "assistant", "speaker": "Ann", "title": "Pets",
            "category": "home", "external_id": "e", "tags": ["a"], "metadata": {"k": [1, None]}, "kind": "fact", "tier": 3,
            "occurred_at": "2026-05-03T12:00:00Z", "valid_from": "2026-05-01T00:00:00Z", "valid_to": None, "expires_at": None,
            "pinned": True,
        }  # fmt: skip
        memory_id = stored("A grey cat.", importance=0.25, **said)
        answer = api.get(f"{PATH}/{memory_id}")
        assert answer.headers["ETag"] == '"1"'
        body = answer.body
        assert {name: body[name] for name in said} == said
        assert (body["content"], body["importance"], body["importance_explicit"]) == (
            "A grey cat.",
            0.25,
            0.25,
        )
        assert (body["id"], body["version"], body["turn"], body["superseded_by"]) == (memory_id, 1, 1, None)

    def test_offsets_are_answered_as_utc(self, api, stored):
        memory_id = stored(occurred_at="2026-05-03T12:00:00.123456+02:00")
        assert api.get(f"{PATH}/{memory_id}").body["occurred_at"] == "2026-05-03T10:00:00.123456Z"

    @pytest.mark.parametrize("path", ["", "/versions", "/receipt"])
    def test_what_is_not_there_is_a_404(self, api, other_api, stored, path):
        unknown = f"{PATH}/019aa4a0-0000-7000-8000-000000000000{path}"
        assert api.get(unknown).status == 404
        assert other_api.get(f"{PATH}/{stored()}{path}").status == 404


class TestRevise:
    def test_a_change_answers_the_whole_and_a_new_tag(self, api, stored):
        memory_id = stored("Old.")
        answer = api.patch(f"{PATH}/{memory_id}", {"content": "New.", "tags": ["x"]})
        assert (answer.status, answer.headers["ETag"]) == (200, '"2"')
        assert (answer.body["content"], answer.body["tags"], answer.body["version"]) == ("New.", ["x"], 2)

    def test_versions_are_listed_the_latest_first(self, api, stored):
        memory_id = stored("One.")
        for text in ("Two.", "Three."):
            api.patch(f"{PATH}/{memory_id}", {"content": text})
        versions = api.get(f"{PATH}/{memory_id}/versions").body["results"]
        assert [(each["version"], each["state"], each["actor"]) for each in versions] == [
            (2, {"content": "Two."}, "key:test"),
            (1, {"content": "One."}, "key:test"),
        ]

    def test_nothing_said_changes_nothing(self, api, stored):
        memory_id = stored()
        assert api.patch(f"{PATH}/{memory_id}", {}).headers["ETag"] == '"1"'

    def test_if_match(self, api, stored):
        memory_id = stored()
        tag = api.get(f"{PATH}/{memory_id}").headers["ETag"]
        assert api.patch(f"{PATH}/{memory_id}", {"title": "1"}, headers={"If-Match": tag}).status == 200
        refused = api.patch(f"{PATH}/{memory_id}", {"title": "2"}, headers={"If-Match": tag})
        assert (refused.status, refused.fields) == (412, ["If-Match"])
        assert api.patch(f"{PATH}/{memory_id}", {"title": "3"}, headers={"If-Match": "*"}).status == 200

    @pytest.mark.parametrize("tag", ['""', "x", '"-1"', '"99999999999999999999"', '"1", "2"', '"²"'])
    def test_a_tag_that_is_none_of_ours(self, api, stored, tag):
        assert api.patch(f"{PATH}/{stored()}", {"title": "x"}, headers={"If-Match": tag}).status == 412

    @pytest.mark.parametrize("field", ["importance", "valid_from", "valid_to", "expires_at"])
    def test_null_takes_back_what_may_be_absent(self, api, stored, field):
        value = 0.9 if field == "importance" else "2099-05-03T12:00:00Z"
        memory_id = stored(**{field: value})
        answer = api.patch(f"{PATH}/{memory_id}", {field: None})
        assert answer.status == 200
        assert answer.body["importance_explicit" if field == "importance" else field] is None

    @pytest.mark.parametrize(
        "field", ["content", "title", "category", "speaker", "tags", "metadata", "occurred_at", "pinned"]
    )
    def test_and_is_refused_for_what_may_not(self, api, stored, field):
        answer = api.patch(f"{PATH}/{stored()}", {field: None})
        assert (answer.status, answer.fields) == (400, [field])

    def test_content_of_another_is_a_conflict(self, api, stored):
        stored("One.")
        answer = api.patch(f"{PATH}/{stored('Two.')}", {"content": "One."})
        assert (answer.status, answer.fields) == (409, ["content"])

    def test_an_end_before_the_beginning_is_refused(self, api, stored):
        both = {"valid_from": "2026-05-03T12:00:00Z", "valid_to": "2026-05-03T12:00:00Z"}
        answer = api.patch(f"{PATH}/{stored()}", both)
        assert (answer.status, answer.fields) == (400, ["valid_to"])
        memory_id = stored("Another.", valid_from=both["valid_from"])
        answer = api.patch(f"{PATH}/{memory_id}", {"valid_to": "2026-05-01T00:00:00Z"})
        assert (answer.status, answer.fields) == (400, ["valid_to"])

    def test_another_tenants_is_not_there(self, other_api, api, stored):
        memory_id = stored()
        assert other_api.patch(f"{PATH}/{memory_id}", {"title": "mine"}).status == 404
        assert api.get(f"{PATH}/{memory_id}").body["title"] == ""


class TestForget:
    def test_it_is_gone(self, api, stored, indexed):
        memory_id = stored()
        indexed()
        answer = api.delete(f"{PATH}/{memory_id}")
        assert (answer.status, answer.body) == (204, b"")
        for path in ("", "/versions", "/receipt"):
            assert api.get(f"{PATH}/{memory_id}{path}").status == 404
        assert api.post(f"{PATH}/search", {"query": "grey cat"}).body["results"] == []
        assert api.delete(f"{PATH}/{memory_id}").status == 404

    def test_if_match(self, api, stored):
        memory_id = stored()
        assert api.delete(f"{PATH}/{memory_id}", headers={"If-Match": '"2"'}).status == 412
        assert api.delete(f"{PATH}/{memory_id}", headers={"If-Match": '"1"'}).status == 204

    def test_another_tenants_stays(self, api, other_api, stored):
        memory_id = stored()
        assert other_api.delete(f"{PATH}/{memory_id}").status == 404
        assert api.get(f"{PATH}/{memory_id}").status == 200


class TestReceipt:
    def test_it_follows_a_memory(self, api, stored, indexed):
        memory_id = stored()
        first = api.get(f"{PATH}/{memory_id}/receipt").body
        assert first["state"] == "accepted"
        assert {each["store"]: each["state"] for each in first["stores"]} == {
            "text": "current",
            "pgvector": "missing",
        }
        assert first["backlog"]["attempts"] == 0
        indexed()
        second = api.get(f"{PATH}/{memory_id}/receipt").body
        assert (second["state"], second["backlog"]) == ("projected", None)
        assert {each["state"] for each in second["stores"]} == {"current"}
        api.patch(f"{PATH}/{memory_id}", {"content": "A brown dog."})
        third = api.get(f"{PATH}/{memory_id}/receipt").body
        assert (third["state"], third["content_hash"] != first["content_hash"]) == ("accepted", True)
        assert {each["store"]: each["state"] for each in third["stores"]} == {
            "text": "current",
            "pgvector": "stale",
        }
        indexed()
        assert api.get(f"{PATH}/{memory_id}/receipt").body["state"] == "projected"

    @pytest.mark.parametrize("table", ["memories_posting", "memories_memoryvector", "memories_memorytokens"])
    def test_it_looks_into_the_stores_themselves(self, api, tenant, stored, indexed, table):
        memory_id = stored()
        indexed()
        with tenant_scope(tenant.id), connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {table}")
        assert api.get(f"{PATH}/{memory_id}/receipt").body["state"] == "accepted"

    def test_it_says_what_failed(self, api, tenant, stored):
        memory_id = stored()
        with tenant_scope(tenant.id):
            IndexJob.objects.update(due_at=None, attempts=8, error="no such model")
        backlog = api.get(f"{PATH}/{memory_id}/receipt").body["backlog"]
        assert (backlog["attempts"], backlog["error"], backlog["given_up"]) == (8, "no such model", True)

    def test_it_says_who_read_it_for_the_graph(self, api, tenant, stored, indexed):
        memory_id = stored("Ada lives in Bern.")

        def learned():
            found = api.get(f"{PATH}/{memory_id}/receipt").body["graph"]
            return found["state"], found["extractor"], found["read_at"] is not None

        assert learned() == ("missing", "", False)
        indexed()
        assert learned() == ("missing", "", False)
        reading.drain(tenant.id)
        assert learned() == ("current", "rules", True)
        api.patch(f"{PATH}/{memory_id}", {"content": "Ada lives in Oslo."})
        assert learned() == ("stale", "rules", True)
        indexed()
        with tenant_scope(tenant.id):
            ReadJob.objects.update(due_at=None, attempts=5, error="no such words")
        found = api.get(f"{PATH}/{memory_id}/receipt").body["graph"]
        assert (found["state"], found["attempts"], found["error"], found["given_up"]) == (
            "stale",
            5,
            "no such words",
            True,
        )

    def test_the_graph_reads_no_procedures(self, api, stored):
        memory_id = stored("Boil water, then brew.", kind="procedure")
        assert api.get(f"{PATH}/{memory_id}/receipt").body["graph"] is None


class TestList:
    @pytest.fixture
    def some(self, api):
        items = [
            {"content": "plain"},
            {"content": "fact", "kind": "fact", "tier": 3, "category": "shop"},
            {"content": "tagged", "tags": ["red", "blue"], "user_id": "ann"},
            {"content": "agent", "agent_id": "scout", "tags": ["red"], "user_id": "ann"},
            {"content": "turn", "conversation_id": "c1", "kind": "message", "user_id": "ben"},
            {"content": "old", "occurred_at": "2020-01-01T00:00:00Z"},
            {"content": "meta", "metadata": {"a": {"b": 1, "c": [1, 2]}, "d": "x"}},
        ]
        assert {each["status"] for each in api.post(PATH, {"memories": items}).body["results"]} == {"created"}

    def test_the_newest_come_first(self, api, some):
        assert contents(api.get(PATH)) == ["meta", "old", "turn", "agent", "tagged", "fact", "plain"]

    @pytest.mark.parametrize(
        ("params", "expected"),
        [
            ({"kind": "fact"}, ["fact"]),
            ({"kind": ["fact", "message"]}, ["turn", "fact"]),
            ({"kind": "fact,message"}, ["turn", "fact"]),
            ({"tier": "3"}, ["fact"]),
            ({"category": "shop"}, ["fact"]),
            ({"category": "sho"}, []),
            ({"category": "", "kind": "fact"}, []),
            ({"tags": "red"}, ["agent", "tagged"]),
            ({"tags": "red,blue"}, ["tagged"]),
            ({"tags": ["red", "blue"]}, ["tagged"]),
            ({"tags": "green"}, []),
            ({"user_id": "ann"}, ["agent", "tagged"]),
            ({"user_id": ""}, ["meta", "old", "fact", "plain"]),
            ({"user_id": "an"}, []),
            ({"agent_id": "scout"}, ["agent"]),
            ({"conversation_id": "c1"}, ["turn"]),
            ({"conversation_id": "c"}, []),
            ({"until": "2020-01-01T00:00:00.000001Z"}, ["old"]),
            ({"until": "2020-01-01T00:00:00Z"}, []),
            ({"since": "2020-01-01T00:00:00Z", "until": "2021-01-01T00:00:00Z"}, ["old"]),
            ({"metadata": '{"d": "x"}'}, ["meta"]),
            ({"metadata": '{"a": {"c": [2]}}'}, ["meta"]),
            ({"metadata": '{"a": {"c": [3]}}'}, []),
            ({"user_id": "ann", "tags": "red", "agent_id": ""}, ["tagged"]),
        ],
        ids=str,
    )
    def test_filters(self, api, some, params, expected):
        assert contents(api.get(PATH, **params)) == expected

    def test_what_is_over_is_not_listed(self, api):
        for fields in (
            {"expires_at": "2020-01-01T00:00:00Z"},
            {"valid_from": "2019-01-01T00:00:00Z", "valid_to": "2020-01-01T00:00:00Z"},
        ):
            api.post(PATH, {"content": str(fields), **fields})
        api.post(
            PATH,
            {"content": "lasting", "expires_at": "2099-01-01T00:00:00Z", "valid_to": "2099-01-01T00:00:00Z"},
        )
        assert contents(api.get(PATH)) == ["lasting"]

    def test_pages_follow_each_other(self, api):
        api.post(PATH, {"memories": [{"content": str(n)} for n in range(25)]})
        seen, cursor = [], {}
        sizes = []
        while True:
            answer = api.get(PATH, limit=10, **cursor)
            sizes.append(len(contents(answer)))
            seen += contents(answer)
            if answer.body["next_cursor"] is None:
                break
            cursor = {"cursor": answer.body["next_cursor"]}
        assert seen == [str(n) for n in reversed(range(25))]
        assert sizes == [10, 10, 5]

    def test_a_full_last_page_has_no_next(self, api):
        api.post(PATH, {"memories": [{"content": str(n)} for n in range(10)]})
        assert api.get(PATH, limit=10).body["next_cursor"] is None

    def test_pages_are_stable_while_rows_come_and_go(self, api):
        stored = api.post(PATH, {"memories": [{"content": str(n)} for n in range(20)]}).body["results"]
        page = api.get(PATH, limit=5)
        seen = contents(page)
        while page.body["next_cursor"]:
            api.post(PATH, {"content": f"added {len(seen)}"})
            if len(seen) == 5:
                api.delete(f"{PATH}/{stored[3]['id']}")
            page = api.get(PATH, limit=5, cursor=page.body["next_cursor"])
            seen += contents(page)
        assert seen == [str(n) for n in reversed(range(20)) if n != 3]

    def test_a_cursor_keeps_its_filters_only_if_they_are_sent(self, api, some):
        first = api.get(PATH, user_id="ann", limit=1)
        assert contents(api.get(PATH, user_id="ann", cursor=first.body["next_cursor"])) == ["tagged"]

    def test_another_tenants_are_not_listed(self, other_api, some):
        assert contents(other_api.get(PATH)) == []

    def test_a_page_costs_as_much_as_a_row(self, api, some, django_assert_num_queries):
        api.get(PATH)  # the key's use is noted once a minute
        # the key; a savepoint, the tenant, the rows, the former tenant, the savepoint's end
        with django_assert_num_queries(5):
            api.get(PATH, limit=100)


def test_a_number_too_large_for_64_bits_is_answered(tenant, api):
    [stored] = services.remember(tenant, [new_memory("x", metadata={"n": 10**30})], actor="test")
    assert api.get(f"{PATH}/{stored.id}").body["metadata"]["n"] == 1e30
    assert contents(api.get(PATH)) == ["x"]


def test_large_floats_are_kept(api, stored):
    memory = stored("x", metadata={"n": [1e30, -2.5e190]})
    assert api.get(f"{PATH}/{memory}").body["metadata"]["n"] == [1e30, -2.5e190]
