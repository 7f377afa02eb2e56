"""Entities over HTTP."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from graph import queries, services
from graph.models import Entity
from graph.services import Source
from memos_project.db import tenant_scope
from tests.factories import saying, statement

pytestmark = pytest.mark.django_db
THEN = datetime(2024, 5, 1, tzinfo=UTC)
PLACES = {"Berlin": "place", "Paris": "place"}


@pytest.fixture
def learn(tenant, remember):
    def learn(*statements, **kinds):
        [memory_id] = remember("Somebody said something.", user_id=uuid4().hex)
        with tenant_scope(tenant.id):
            source = Source(memory_id, "hash", THEN)
            services.learn(tenant.id, [(source, saying(*statements, **PLACES, **kinds))])
        return str(memory_id)

    return learn


@pytest.fixture
def ada(api, learn):
    """Ada moved from Berlin to Paris."""
    learn(statement("Ada Lovelace", "lives_in", "Berlin", THEN))
    learn(statement("Ada Lovelace", "lives_in", "Paris", THEN + timedelta(days=30)))
    return api.get("/v1/entities", name="Ada Lovelace").body["results"][0]["id"]


def names(answer) -> list[str]:
    assert answer.status == 200
    return [each["name"] for each in answer.body["results"]]


def places(answer) -> list[str]:
    assert answer.status == 200
    return [each["object"] for each in answer.body["results"]]


class TestEntities:
    def test_one_with_its_names_and_memories(self, api, ada):
        answer = api.get(f"/v1/entities/{ada}")
        assert answer.body == {
            "id": ada, "kind": "person", "name": "Ada Lovelace", "summary": "", "names": ["Ada Lovelace"], "memories": 2,
        }  # fmt: skip
        found = api.get(f"/v1/entities/{ada}/memories").body
        assert [each["text"] for each in found["results"]] == ["Ada Lovelace"] * 2

    def test_a_list_in_pages(self, api, ada):
        first = api.get("/v1/entities", limit=2)
        second = api.get("/v1/entities", limit=2, cursor=first.body["next_cursor"])
        assert (names(first), names(second)) == (["Ada Lovelace", "Berlin"], ["Paris"])
        assert second.body["next_cursor"] is None
        assert names(api.get("/v1/entities", kind="place")) == ["Berlin", "Paris"]

    def test_by_a_name_that_sounds_like_it(self, api, ada):
        for name in ("ada lovelace", "Lovelace", "Ada Lovelase"):
            assert names(api.get("/v1/entities", name=name)) == ["Ada Lovelace"], name
        assert names(api.get("/v1/entities", name="Ada Lovelace", kind="place")) == []

    @pytest.mark.parametrize(
        ("name", "known"),
        [("Bob", "Robert"), ("Kate", "Catherine"), ("Jeff", "Geoff"), ("Bob", "Robert Smith"), ("Li", "Lee")],
    )
    def test_by_a_nickname_or_its_sound(self, api, learn, name, known):
        learn(statement(known, "lives_in", "Berlin", THEN), **{known: "person"})
        assert names(api.get("/v1/entities", name=name)) == [known]

    def test_what_only_begins_with_the_same_sound_is_not_found(self, api, ada):
        for name in ("zzz", "Berta Dahl", "Adele"):
            assert names(api.get("/v1/entities", name=name)) == [], name

    def test_what_is_not_there(self, api, other_api, ada):
        for path in ("", "/timeline", "/facts", "/memories"):
            assert api.get(f"/v1/entities/{uuid4()}{path}").status == 404
            assert other_api.get(f"/v1/entities/{ada}{path}").status == 404


class TestTime:
    def test_what_holds_now_and_what_held(self, api, ada):
        path = f"/v1/entities/{ada}/facts"
        assert places(api.get(path)) == ["Paris"]
        assert places(api.get(path, at="2024-05-20T00:00:00Z")) == ["Berlin"]
        assert places(api.get(path, at="2024-04-20T00:00:00Z")) == []
        assert places(api.get(path, known_at="2024-06-20T00:00:00Z")) == []
        assert places(api.get(path, predicate="works_at")) == []

    def test_the_timeline_says_what_ended_what(self, api, ada):
        berlin, paris = api.get(f"/v1/entities/{ada}/timeline").body["results"]
        assert berlin["superseded_by"] == paris["id"]
        assert (berlin["valid_to"], paris["valid_to"]) == ("2024-05-31T00:00:00Z", None)

    def test_with_a_memory_goes_what_it_said(self, api, ada, learn):
        memory_id = learn(
            statement("Ada Lovelace", "lives_in", "Oslo", THEN + timedelta(days=90)), Oslo="place"
        )
        assert places(api.get(f"/v1/entities/{ada}/facts")) == ["Oslo"]
        assert api.delete(f"/v1/memories/{memory_id}").status == 204
        assert places(api.get(f"/v1/entities/{ada}/facts")) == ["Paris"]
        assert names(api.get("/v1/entities", name="Oslo")) == []

    @pytest.mark.parametrize(
        ("params", "field"),
        [({"at": "yesterday"}, "at"), ({"known_at": "1"}, "known_at"), ({"predicate": "eats"}, "predicate")],
    )
    def test_bad_input(self, api, ada, params, field):
        answer = api.get(f"/v1/entities/{ada}/facts", **params)
        assert (answer.status, answer.fields) == (400, [field])


class TestEnding:
    def test_what_holds_no_more(self, api, ada):
        [paris] = api.get(f"/v1/entities/{ada}/facts").body["results"]
        ended = api.post(f"/v1/relations/{paris['id']}/end", {"at": "2024-08-01T00:00:00Z"})
        assert ended.status == 201
        assert places(api.get(f"/v1/entities/{ada}/facts")) == []
        assert places(api.get(f"/v1/entities/{ada}/facts", at="2024-07-01T00:00:00Z")) == ["Paris"]
        denial = f"/v1/relations/{ended.body['id']}"
        told = api.get(denial).body
        assert (told["subject"], told["object"], told["negated"]) == ("Ada Lovelace", "Paris", True)
        assert (told["memory_id"], told["confirmed_by"], told["unlearned_at"]) == (None, "key:test", None)
        assert api.delete(denial).status == 204
        assert places(api.get(f"/v1/entities/{ada}/facts")) == ["Paris"]
        assert api.delete(denial).status == 404
        assert api.get(denial).body["taken_back_by"] == "key:test"

    def test_what_was_misread_is_taken_back_and_restored(self, api, other_api, ada):
        [paris] = api.get(f"/v1/entities/{ada}/facts").body["results"]
        path = f"/v1/relations/{paris['id']}"
        assert other_api.delete(path).status == 404
        assert api.post(f"{path}/restore", {}).status == 404
        assert api.delete(path).status == 204
        assert places(api.get(f"/v1/entities/{ada}/facts")) == ["Berlin"]  # what it had ended goes on
        assert api.get(path).body["taken_back_by"] == "key:test"
        assert api.delete(path).status == 404
        assert other_api.post(f"{path}/restore", {}).status == 404
        assert api.post(f"{path}/restore", {}).status == 204
        assert places(api.get(f"/v1/entities/{ada}/facts")) == ["Paris"]
        assert api.post(f"{path}/restore", {}).status == 404

    def test_the_same_request_ends_it_once(self, api, ada):
        [paris] = api.get(f"/v1/entities/{ada}/facts").body["results"]
        path, key = f"/v1/relations/{paris['id']}/end", {"Idempotency-Key": "end-1"}
        first, again = (api.post(path, {}, headers=key) for _ in range(2))
        assert (first.status, again.status, again.headers["Idempotent-Replayed"]) == (201, 201, "true")
        assert first.body == again.body

    def test_what_is_not_there_or_of_others_is_a_404(self, api, other_api, ada):
        [paris] = api.get(f"/v1/entities/{ada}/facts").body["results"]
        assert api.get(f"/v1/relations/{uuid4()}").status == 404
        assert other_api.get(f"/v1/relations/{paris['id']}").status == 404

    def test_bad_input(self, api, other_api, ada):
        [paris] = api.get(f"/v1/entities/{ada}/facts").body["results"]
        path = f"/v1/relations/{paris['id']}/end"
        assert api.post(path, {"at": "2024-05-02T00:00:00Z"}).status == 409
        assert api.post(path, {"at": "soon"}).fields == ["at"]
        assert other_api.post(path, {}).status == 404
        assert api.post(f"/v1/relations/{uuid4()}/end", {}).status == 404


class TestMerging:
    def test_the_same_request_merges_and_splits_once(self, api, ada, learn):
        learn(statement("Countess Lovelace", "visited", "Berlin", THEN))
        [countess] = api.get("/v1/entities", name="Countess Lovelace", limit=1).body["results"]
        for path, body in (
            ("merges", {"other": countess["id"]}),
            ("split", {"names": ["Countess Lovelace"]}),
        ):
            first, again = (
                api.post(f"/v1/entities/{ada}/{path}", body, headers={"Idempotency-Key": path})
                for _ in range(2)
            )
            assert (first.status, again.status, again.headers["Idempotent-Replayed"]) == (201, 201, "true")
            assert first.body == again.body

    def test_two_become_one_and_two_again(self, api, ada, learn):
        learn(statement("Countess Lovelace", "visited", "Berlin", THEN))
        [countess] = api.get("/v1/entities", name="Countess Lovelace", limit=1).body["results"]
        merged = api.post(f"/v1/entities/{ada}/merges", {"other": countess["id"]})
        assert merged.status == 201
        assert merged.body["entity"]["names"] == ["Ada Lovelace", "Countess Lovelace"]
        assert places(api.get(f"/v1/entities/{ada}/facts")) == ["Berlin", "Paris"]
        assert api.get(f"/v1/entities/{countess['id']}").status == 404
        [told] = api.get("/v1/merges", entity_id=ada).body["results"]
        assert (told["id"], told["dropped_id"], told["name"], told["undone_at"]) == (
            merged.body["id"],
            countess["id"],
            "Countess Lovelace",
            None,
        )
        assert api.get("/v1/merges", entity_id=countess["id"]).body["results"] == []
        back = api.post(f"/v1/merges/{merged.body['id']}/undo", None)
        assert api.get("/v1/merges").body["results"][0]["undone_at"]
        assert (back.status, back.body["id"]) == (201, countess["id"])
        assert places(api.get(f"/v1/entities/{ada}/facts")) == ["Paris"]
        assert api.post(f"/v1/merges/{merged.body['id']}/undo", None).status == 409

    def test_names_of_another_are_split_off(self, api, ada, learn):
        learn(statement("Countess Lovelace", "visited", "Berlin", THEN))
        [countess] = api.get("/v1/entities", name="Countess Lovelace", limit=1).body["results"]
        api.post(f"/v1/entities/{ada}/merges", {"other": countess["id"]})
        done = api.post(f"/v1/entities/{ada}/split", {"names": ["countess lovelace"]})
        assert (done.status, done.body["entity"]["names"]) == (201, ["Countess Lovelace"])
        assert places(api.get(f"/v1/entities/{done.body['entity']['id']}/facts")) == ["Berlin"]
        assert api.get(f"/v1/entities/{ada}").body["names"] == ["Ada Lovelace"]
        back = api.post(f"/v1/splits/{done.body['id']}/undo", None)
        assert (back.status, back.body["id"]) == (201, ada)
        assert back.body["names"] == ["Ada Lovelace", "Countess Lovelace"]
        assert api.post(f"/v1/splits/{done.body['id']}/undo", None).status == 409

    def test_a_doubt_is_settled_once(self, api, ada, learn):
        learn(statement("Ada", "visited", "Berlin", THEN))
        [doubt] = api.get("/v1/doubts").body["results"]
        assert {doubt["one"]["name"], doubt["other"]["name"]} == {"Ada", "Ada Lovelace"}
        assert api.post(f"/v1/doubts/{doubt['id']}", {"same": True}).status == 204
        assert api.get("/v1/doubts").body["results"] == []
        assert api.get(f"/v1/entities/{ada}").body["names"] == ["Ada Lovelace", "Ada"]
        assert api.post(f"/v1/doubts/{doubt['id']}", {"same": False}).status == 404

    def test_different_ones_are_not_asked_about_again(self, api, ada, learn):
        learn(statement("Ada", "visited", "Berlin", THEN))
        [doubt] = api.get("/v1/doubts").body["results"]
        assert api.post(f"/v1/doubts/{doubt['id']}", {"same": False}).status == 204
        assert api.post(f"/v1/doubts/{doubt['id']}", {"same": True}).status == 409
        assert api.get("/v1/doubts").body["results"] == []

    def test_bad_input(self, api, other_api, ada):
        assert api.post(f"/v1/entities/{ada}/merges", {}).fields == ["other"]
        assert api.post(f"/v1/entities/{ada}/merges", {"other": ada}).fields == ["other"]
        assert api.post(f"/v1/entities/{ada}/merges", {"other": str(uuid4())}).status == 404
        assert other_api.post(f"/v1/entities/{ada}/merges", {"other": str(uuid4())}).status == 404
        assert api.post(f"/v1/merges/{uuid4()}/undo", None).status == 404
        assert api.post(f"/v1/doubts/{uuid4()}", {"same": True}).status == 404
        path = f"/v1/entities/{ada}/split"
        assert api.post(path, {"names": []}).fields == ["names"]
        assert api.post(path, {"names": ["Nobody"]}).fields == ["names.0"]
        assert api.post(path, {"names": ["Ada Lovelace"]}).status == 409
        assert other_api.post(path, {"names": ["Ada Lovelace"]}).status == 404
        assert api.post(f"/v1/splits/{uuid4()}/undo", None).status == 404
        assert api.post(f"/v1/doubts/{uuid4()}", {"same": "perhaps"}).fields == ["same"]


class TestTimeLimit:
    """Whatever is said of one thing, nobody waits for all of it."""

    @pytest.mark.parametrize("path", ["timeline", "facts", "neighbourhood?ended=true"])
    def test_is_told(self, api, tenant, settings, monkeypatch, path):
        with tenant_scope(tenant.id):
            entity = Entity.objects.create(tenant_id=tenant.id, kind="person", name="Ada")
        settings.MEMOS_GRAPH_TIMEOUT = 0.05
        monkeypatch.setattr(queries, "TIMELINE", "SELECT pg_sleep(5)")
        answer = api.get(f"/v1/entities/{entity.pk}/{path}")
        assert answer.status == 503
        assert "0.05 s" in answer.body["detail"]
