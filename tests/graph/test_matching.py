"""Nodes by their properties; nothing that a caller sends becomes a part of the statement."""

import psycopg
import pytest

from graph.models import Entity
from memos_project.db import tenant_scope
from memos_project.local import postgres
from tests import servers

pytestmark = pytest.mark.django_db
HOSTILE = (
    "name'; DROP TABLE graph_entity; --",
    "e.name",
    "name) OR (1=1",
    "*",
    "",
    "tenant_id",
    "pg_sleep(9)",
    "__class__",
)


@pytest.fixture(autouse=True)
def entities(tenant, other_tenant):
    with tenant_scope(tenant.id):
        for kind, name in (("person", "Ada"), ("person", "Ben"), ("place", "Berlin")):
            Entity.objects.create(tenant_id=tenant.id, kind=kind, name=name)
    with tenant_scope(other_tenant.id):
        Entity.objects.create(tenant_id=other_tenant.id, kind="person", name="Theirs")


def ask(api, **body):
    return api.post("/graph/query", {"node_label": None, **body})


def names(answer) -> list[str]:
    assert answer.status == 200, answer.body
    return [each["name"] for each in answer.body["results"]]


class TestMatching:
    def test_by_label_and_filters(self, api):
        assert names(ask(api, node_label="person")) == ["Ada", "Ben"]
        assert names(ask(api)) == ["Ada", "Ben", "Berlin"]
        assert names(ask(api, filters={"name": "Ben"})) == ["Ben"]
        assert names(ask(api, filters={"name": {"prefix": "Be"}, "kind": {"ne": "place"}})) == ["Ben"]
        assert names(ask(api, filters={"name": {"in": ["Ada", "Berlin"]}})) == ["Ada", "Berlin"]
        assert names(ask(api, filters={"memories": {"gte": 1}})) == []
        assert names(ask(api, filters={"created_at": {"gt": "2020-01-01T00:00:00Z"}}, limit=1)) == ["Ada"]

    def test_the_properties_that_are_asked_for(self, api):
        answer = ask(api, node_label="place", return_properties=["kind", "memories"])
        assert answer.body["results"] == [{"kind": "place", "memories": 0}]
        assert answer.body["query_executed"].startswith("SELECT e.kind AS kind, ")
        assert "Berlin" not in ask(api, filters={"name": "Berlin"}).body["query_executed"]


class TestInjection:
    @pytest.mark.parametrize("said", HOSTILE)
    def test_names_and_operators_come_from_the_schema(self, api, said):
        before = ask(api).body["results"]
        for body, field in (
            ({"node_label": said}, "node_label"),
            ({"filters": {said: "x"}}, f"filters.{said}"),
            ({"filters": {"name": {said: "x"}}}, "filters.name"),
            ({"return_properties": [said]}, "return_properties.0"),
        ):
            answer = ask(api, **body)
            assert (answer.status, answer.fields) == (400, [field])
        assert ask(api).body["results"] == before

    @pytest.mark.parametrize("said", HOSTILE)
    def test_values_are_values(self, api, said):
        assert names(ask(api, filters={"name": said})) == []
        assert names(ask(api, filters={"name": {"in": [said, "Ada"]}})) == ["Ada"]
        for name in ("id", "memories", "created_at"):
            assert ask(api, filters={name: said}).fields == [f"filters.{name}"]

    def test_any_time_zone(self, api):
        for moment in ("2020-01-01T00:00:00+22:14", "1668-04-09T13:08:30-22:53"):
            for said in (moment, {"in": [moment]}):
                assert ask(api, filters={"created_at": said}).status == 200

    def test_a_number_without_a_fraction_is_whole(self, api):
        assert ask(api, filters={"memories": 60.0}).status == 200

    @pytest.mark.parametrize(
        ("filters", "field"),
        [
            ({"name": 1}, "filters.name"),
            ({"name": None}, "filters.name"),
            ({"name": {}}, "filters.name"),
            ({"name": "\0"}, "filters"),
            ({"name": "x" * 1001}, "filters.name"),
            ({"name": {"in": []}}, "filters.name"),
            ({"name": {"in": "Ada"}}, "filters.name"),
            ({"memories": {"prefix": 1}}, "filters.memories"),
            ({"memories": 2**62}, "filters.memories"),
            ({"memories": True}, "filters.memories"),
            ({"memories": 1.5}, "filters.memories"),
            ({"created_at": "2020-01-01"}, "filters.created_at"),
            ({"created_at": "0001-01-01T00:00:00+14:00"}, "filters.created_at"),
            ([], "filters"),
        ],
    )
    def test_bad_values(self, api, filters, field):
        answer = ask(api, filters=filters)
        assert answer.status == 400
        assert [each.split("\0")[0] for each in answer.fields] == [field]


@pytest.mark.django_db(transaction=True)
def test_a_question_takes_no_longer_than_it_may(api, settings):
    settings.MEMOS_GRAPH_TIMEOUT = 0.2
    with psycopg.connect(servers.database().url(postgres.OWNER)) as owner:
        owner.execute("LOCK TABLE graph_entity, graph_merge IN ACCESS EXCLUSIVE MODE")
        lists = [api.get(path) for path in ("/v1/entities", "/v1/merges", "/v1/doubts")]
        for answer in (ask(api), *lists, api.get("/v1/entities", name="Ada")):
            assert answer.status == 503
            assert "0.2 s" in answer.body["detail"]
