"""Ways through the graph over HTTP; what they are is the contract's, in tests/backends/graph.py."""

from datetime import UTC, datetime
from itertools import pairwise
from uuid import uuid4

import pytest

from graph import queries, services
from graph.models import Entity, Relation
from graph.services import Source
from memos_project.db import tenant_scope
from tests.factories import saying, statement

pytestmark = pytest.mark.django_db
THEN = datetime(2024, 5, 1, tzinfo=UTC)


@pytest.fixture
def nodes(tenant):
    """Three people in a row."""
    with tenant_scope(tenant.id):
        ids = [Entity.objects.create(tenant_id=tenant.id, kind="person", name=f"P{n}").pk for n in range(3)]
        for one, other in pairwise(ids):
            Relation.objects.create(
                tenant_id=tenant.id, subject_id=one, object_id=other, predicate="knows", valid_from=THEN, confidence=1.0
            )  # fmt: skip
    return ids


class TestOverHttp:
    def test_each_step_names_the_memory_that_says_so(self, api, tenant, remember):
        ids = remember("Ada knows Ben.", "Ben knows Cleo.")
        with tenant_scope(tenant.id):
            for memory_id, one, other in zip(ids, ("Ada", "Ben"), ("Ben", "Cleo"), strict=True):
                said = saying(statement(one, "knows", other, THEN))
                services.learn(tenant.id, [(Source(memory_id, "h", THEN), said)])
        ada, cleo = (queries.search(tenant.id, name)[0].id for name in ("Ada", "Cleo"))
        answer = api.get(f"/graph/path/{ada}/{cleo}")
        assert [each["name"] for each in answer.body["nodes"]] == ["Ada", "Ben", "Cleo"]
        assert [each["memory_id"] for each in answer.body["edges"]] == [str(each) for each in ids]

    @pytest.mark.parametrize(
        ("params", "field"),
        [
            ({"depth": 7}, "depth"),
            ({"depth": "x"}, "depth"),
            ({"kinds": "knows,eats"}, "kinds"),
            ({"limit": 0}, "limit"),
        ],
    )
    def test_bad_input(self, api, nodes, params, field):
        answer = api.get(f"/graph/related/{nodes[0]}", **params)
        assert (answer.status, answer.fields) == (400, [field])

    def test_what_is_near(self, api, nodes):
        answer = api.get(f"/graph/related/{nodes[0]}", kinds="knows", depth=2)
        assert answer.status == 200
        assert [each["node"]["name"] for each in answer.body["found"]] == ["P1", "P2"]
        assert answer.body["degraded"] == []
        assert api.get(f"/graph/related/{uuid4()}").status == 404
        assert api.get(f"/graph/path/{nodes[0]}/{uuid4()}").status == 404
        assert api.get(f"/graph/path/{nodes[0]}/{nodes[1]}", max_depth=9).fields == ["max_depth"]

    def test_a_question_that_takes_too_long_is_told_what_to_ask_less_of(self, api, nodes, settings):
        settings.MEMOS_GRAPH_TIMEOUT = 0.000001
        for path, field in (
            (f"/graph/related/{nodes[0]}", "depth"),
            (f"/graph/path/{nodes[0]}/{nodes[2]}", "max_depth"),
        ):
            answer = api.get(path)
            assert (answer.status, answer.fields) == (503, [field])
            assert "ask for fewer steps" in answer.body["detail"]

    @pytest.mark.parametrize("word", ["' OR 1=1 --", "}) DETACH DELETE n //", '"', "\\", "`knows`", "knows'"])
    def test_no_field_takes_a_statement(self, api, nodes, word):
        for path, fields in (
            (f"/graph/related/{nodes[0]}", ("depth", "kinds", "mentions", "limit")),
            (f"/graph/path/{nodes[0]}/{nodes[2]}", ("max_depth", "weighted", "mentions")),
        ):
            for field in fields:
                answer = api.get(path, **{field: word})
                assert (answer.status, answer.fields) == (400, [field])
        for path in (f"/graph/related/{word}", f"/graph/path/{nodes[0]}/{word}"):
            assert api.get(path.replace("//", "/")).status == 404
