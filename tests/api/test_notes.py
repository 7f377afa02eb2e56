"""Notes and consolidations over HTTP."""

import pytest

from memories import tasks
from memories.consolidation import runs
from memories.models import ConsolidationRun
from memos_project.db import tenant_scope
from tests.factories import Api, make_key

pytestmark = pytest.mark.django_db

UNKNOWN = "01a20056-1646-73a1-a5cb-8d4f7b0830cb"
POTTERY = (
    "Melanie signed up for a pottery class at the old brick studio yesterday.",
    "The pottery class glazed three clay bowls with cobalt today.",
    "Melanie brought home a clay bowl from her pottery class and showed the glaze.",
)


@pytest.fixture
def pottery(minilm, remember, indexed):
    ids = remember(*POTTERY, kind="message", user_id="ada")
    indexed()
    return [str(each) for each in ids]


@pytest.fixture
def carried_on(tenant, monkeypatch):
    """Do at once what a worker would do."""
    monkeypatch.setattr(
        runs.current_app, "send_task", lambda name, args: getattr(tasks, name.rpartition(".")[2])(*args)
    )


@pytest.fixture
def consolidated(api, pottery, carried_on, indexed):
    started = api.post("/v1/consolidations", {"user_id": None})
    assert started.status == 202
    indexed()
    return started.body["id"]


class TestNotes:
    def test_one_by_hand(self, api, pottery):
        said = {
            "content": "Melanie does pottery.\nShe glazes bowls.", "title": "Pottery", "user_id": "ada",
            "keywords": ["pottery"], "tags": ["hobby"], "sources": pottery, "importance": 0.9,
        }  # fmt: skip
        made = api.post("/v1/notes", said)
        assert made.status == 201
        note = api.get(f"/v1/notes/{made.body['id']}")
        assert note.status == 200
        assert {name: note.body[name] for name in said if name != "sources"} == {
            name: said[name] for name in said if name != "sources"
        }
        assert set(note.body["sources"]) == set(pottery)
        assert note.body["context"] == "Melanie does pottery."
        assert note.body["summariser"] == "hand"
        assert note.headers["ETag"] == '"1"'

    def test_the_same_again_is_a_duplicate(self, api):
        said = {"content": "The kiln is warm."}
        first = api.post("/v1/notes", said)
        again = api.post("/v1/notes", said)
        assert (again.status, again.body["status"]) == (200, "duplicate")
        assert again.body["id"] == first.body["id"]

    def test_it_is_revised_and_forgotten_as_a_memory(self, api):
        pk = api.post("/v1/notes", {"content": "The kiln is warm."}).body["id"]
        assert api.patch(f"/v1/memories/{pk}", {"title": "Kiln"}).status == 200
        assert api.get(f"/v1/notes/{pk}").body["title"] == "Kiln"
        assert api.delete(f"/v1/memories/{pk}").status == 204
        assert api.get(f"/v1/notes/{pk}").status == 404

    def test_a_memory_of_the_kind_is_a_note(self, api):
        pk = api.post("/v1/memories", {"content": "The kiln is warm.", "kind": "note"}).body["id"]
        assert api.get(f"/v1/notes/{pk}").body["summariser"] == "hand"
        assert [each["id"] for each in api.get("/v1/notes").body["results"]] == [pk]

    def test_a_memory_of_another_kind_is_none(self, api, pottery):
        assert api.get(f"/v1/notes/{pottery[0]}").status == 404

    @pytest.mark.parametrize("bad", [[UNKNOWN], "x", ["x"], [1]], ids=str)
    def test_sources_that_are_none(self, api, bad):
        answer = api.post("/v1/notes", {"content": "A note.", "sources": bad})
        assert answer.status == (404 if bad[0] == UNKNOWN else 400)
        assert answer.fields[0].startswith("sources")
        assert api.get("/v1/notes").body["results"] == []

    def test_the_external_id_of_a_message(self, api):
        api.post("/v1/messages", {"content": "Hello.", "external_id": "e1"})
        answer = api.post("/v1/notes", {"content": "A note.", "external_id": "e1"})
        assert (answer.status, answer.fields) == (409, ["external_id"])

    def test_sources_of_another_user(self, api, pottery):
        answer = api.post("/v1/notes", {"content": "A note.", "user_id": "tom", "sources": pottery})
        assert answer.fields == ["sources"]

    def test_a_note_is_no_source(self, api):
        pk = api.post("/v1/notes", {"content": "The kiln is warm."}).body["id"]
        assert api.post("/v1/notes", {"content": "A note of it.", "sources": [pk]}).fields == ["sources"]

    def test_nor_is_what_is_another_tenants(self, other_api, pottery):
        answer = other_api.post("/v1/notes", {"content": "A note.", "user_id": "ada", "sources": pottery})
        assert answer.fields == ["sources"]


class TestLists:
    def test_by_user_keyword_and_source(self, api, consolidated, pottery):
        other = api.post("/v1/notes", {"content": "Tea.", "keywords": ["tea"], "user_id": "tom"}).body["id"]
        [of_ada] = api.get("/v1/notes", user_id="ada").body["results"]
        assert [each["id"] for each in api.get("/v1/notes", keyword="tea").body["results"]] == [other]
        assert api.get("/v1/notes", source=pottery[0]).body["results"] == [of_ada]
        assert len(api.get("/v1/notes").body["results"]) == 2

    def test_pages(self, api):
        ids = [api.post("/v1/notes", {"content": f"Note {n}."}).body["id"] for n in range(3)]
        first = api.get("/v1/notes", limit=2).body
        second = api.get("/v1/notes", limit=2, cursor=first["next_cursor"]).body
        assert [each["id"] for each in first["results"] + second["results"]] == ids[::-1]
        assert second["next_cursor"] is None

    def test_those_that_answer_a_question(self, api, consolidated, indexed):
        api.post("/v1/notes", {"content": "The ship left the harbour."})
        indexed()
        found = api.get("/v1/notes", query="pottery bowls", user_id="ada").body["results"]
        assert "pottery" in found[0]["title"].lower()

    def test_other_tenants_see_none(self, other_api, consolidated):
        assert other_api.get("/v1/notes").body["results"] == []
        assert other_api.get("/v1/consolidations").body["results"] == []
        assert other_api.get(f"/v1/consolidations/{consolidated}").status == 404
        assert other_api.post(f"/v1/consolidations/{consolidated}/undo", None).status == 404


class TestConsolidations:
    def test_what_it_would_do(self, api, pottery):
        answer = api.post("/v1/consolidations", {"user_id": None, "dry_run": True})
        assert answer.status == 200
        [group] = answer.body["groups"]
        assert (group["user_id"], group["note_id"], set(group["memory_ids"])) == ("ada", None, set(pottery))
        assert answer.body["looked_at"] == 3
        assert api.get("/v1/consolidations").body["results"] == []

    def test_what_it_did(self, api, consolidated, pottery):
        run = api.get(f"/v1/consolidations/{consolidated}").body
        assert (run["state"], run["actor"]) == ("done", "key:test")
        [step] = run["steps"]
        assert (step["state"], step["grows"], set(step["memory_ids"])) == ("done", False, set(pottery))
        assert set(api.get(f"/v1/notes/{step['note_id']}").body["sources"]) == set(pottery)

    def test_undone(self, api, consolidated):
        answer = api.post(f"/v1/consolidations/{consolidated}/undo", None)
        assert (answer.status, answer.body["state"], answer.body["undone_by"]) == (200, "undone", "key:test")
        assert api.get("/v1/notes").body["results"] == []
        assert api.post(f"/v1/consolidations/{consolidated}/undo", None).status == 409

    def test_one_at_a_time(self, api, pottery, tenant):
        first = api.post("/v1/consolidations", {"user_id": None})
        assert first.status == 202
        assert api.post("/v1/consolidations", {"user_id": None}).status == 409
        with tenant_scope(tenant.id):
            assert ConsolidationRun.objects.count() == 1

    def test_it_is_written_down_while_the_broker_is_down(self, api, pottery, redis_down):
        assert api.post("/v1/consolidations", {"user_id": "ada"}).status == 202

    def test_who_may_only_read_starts_none(self, tenant):
        reader = Api(make_key(tenant, "read"))
        assert reader.post("/v1/consolidations", {"user_id": None}).status == 403
        assert reader.get("/v1/consolidations").status == 200
