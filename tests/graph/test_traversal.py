"""Ways through the graph, against the same found by looking at everything."""

import random
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import uuid4

import pytest

from graph import queries, services, traversal
from graph.models import Entity, Relation
from graph.services import Source
from memos_project.db import tenant_scope
from memos_project.errors import NotFound
from tests.factories import saying, statement

pytestmark = pytest.mark.django_db
THEN = datetime(2024, 5, 1, tzinfo=UTC)


@pytest.fixture
def nodes(tenant):
    """Thirty people, with ninety relations of random confidence between them."""
    rnd = random.Random(3)
    with tenant_scope(tenant.id):
        ids = [Entity.objects.create(tenant_id=tenant.id, kind="person", name=f"P{n}").pk for n in range(30)]
        for n in range(90):
            one, other = rnd.sample(ids, 2)
            Relation.objects.create(
                tenant_id=tenant.id, subject_id=one, object_id=other, predicate="knows", valid_from=THEN + timedelta(n),
                confidence=rnd.choice([0.1, 0.5, 1.0]),
            )  # fmt: skip
    return ids


@pytest.fixture
def edges(tenant, nodes):
    """Each node's neighbours with the cost of the surest step."""
    found = {node: {} for node in nodes}
    with tenant_scope(tenant.id):
        for row in Relation.objects.all():
            for here, there in ((row.subject_id, row.object_id), (row.object_id, row.subject_id)):
                cost = 1 / row.confidence
                found[here][there] = min(cost, found[here].get(there, cost))
    return found


def steps_from(edges, start) -> dict:
    """How many steps away each node is."""
    steps, frontier = {start: 0}, [start]
    for here in frontier:
        for there in edges[here]:
            if there not in steps:
                steps[there] = steps[here] + 1
                frontier.append(there)
    return steps


def cheapest(edges, start, most) -> dict:
    """What each node costs to reach in at most so many steps (Bellman and Ford)."""
    costs = {start: 0.0}
    for _ in range(most):
        further = dict(costs)
        for here, cost in costs.items():
            for there, step in edges[here].items():
                further[there] = min(cost + step, further.get(there, cost + step))
        costs = further
    return costs


class TestRelated:
    @pytest.mark.parametrize("depth", [1, 2, 3])
    def test_it_is_what_is_within_so_many_steps(self, tenant, nodes, edges, depth):
        for start in nodes[:10]:
            found = traversal.related(tenant.id, start, depth=depth, limit=1000)
            assert {each.node.id: each.depth for each in found.found} == {
                node: steps for node, steps in steps_from(edges, start).items() if 0 < steps <= depth
            }
            assert [each.depth for each in found.found] == sorted(each.depth for each in found.found)
            assert not found.is_cut

    def test_bounds_are_told(self, tenant, nodes, monkeypatch):
        found = traversal.related(tenant.id, nodes[0], depth=3, limit=5)
        assert (len(found.found), found.is_cut) == (5, True)
        monkeypatch.setattr(traversal, "FAN_OUT", 1)
        assert traversal.related(tenant.id, nodes[0]).is_cut

    def test_only_what_holds(self, tenant, remember):
        for number, place in enumerate(("Berlin", "Paris")):
            [memory_id] = remember(f"Ada moved to {place}.")
            with tenant_scope(tenant.id):
                said = statement("Ada", "lives_in", place, THEN + timedelta(number))
                services.learn(tenant.id, [(Source(memory_id, "h", THEN), saying(said, **{place: "place"}))])
        [ada] = queries.search(tenant.id, "Ada")
        names = [each.node.name for each in traversal.related(tenant.id, ada.id).found]
        assert names == ["Paris"]
        assert traversal.related(tenant.id, ada.id, predicates=["likes"]).found == []
        around = traversal.related(tenant.id, ada.id, depth=2, mentions=True).found
        assert sorted(each.node.name for each in around) == ["", "", "Berlin", "Paris"]
        memories = traversal.related(tenant.id, memory_id, mentions=True)
        assert memories.start.label == "memory"
        assert sorted(each.node.name for each in memories.found) == ["Ada", "Paris"]

    def test_another_tenants_node_is_not_there(self, other_tenant, nodes):
        with pytest.raises(NotFound):
            traversal.related(other_tenant.id, nodes[0])
        with pytest.raises(NotFound):
            traversal.path(other_tenant.id, nodes[0], nodes[1])


class TestPath:
    @pytest.mark.parametrize("weighted", [False, True])
    @pytest.mark.parametrize("most", [2, 6])
    def test_it_is_a_shortest_one(self, tenant, nodes, edges, weighted, most):
        rnd = random.Random(5)
        for _ in range(40):
            start, end = rnd.sample(nodes, 2)
            way = traversal.path(tenant.id, start, end, max_depth=most, weighted=weighted)
            costs = cheapest(edges, start, most) if weighted else steps_from(edges, start)
            wanted = costs.get(end)
            if wanted is None or (not weighted and wanted > most):
                assert (way.nodes, way.edges, way.cost) == ([], [], None)
                continue
            assert way.cost == pytest.approx(wanted)
            assert (way.nodes[0].id, way.nodes[-1].id) == (start, end)
            assert len(way.edges) <= most
            for (one, other), edge in zip(pairwise(way.nodes), way.edges, strict=True):
                assert {one.id, other.id} == {edge.subject_id, edge.object_id}

    def test_to_itself_it_has_no_steps(self, tenant, nodes):
        way = traversal.path(tenant.id, nodes[0], nodes[0])
        assert ([each.id for each in way.nodes], way.edges, way.cost) == ([nodes[0]], [], 0)

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


class TestOverHttp:
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
        assert answer.body["found"]
        assert api.get(f"/graph/related/{uuid4()}").status == 404
        assert api.get(f"/graph/path/{nodes[0]}/{uuid4()}").status == 404
        assert api.get(f"/graph/path/{nodes[0]}/{nodes[1]}", max_depth=9).fields == ["max_depth"]
