"""What every graph store must do; each backend's test module runs this class on it."""

import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from time import sleep
from uuid import uuid4

import pytest
from django.db import connections
from django.utils import timezone

from graph import indexing, merging, queries, services, traversal
from graph.models import Entity, Relation
from graph.services import Source
from graph.stores import graph_store, walking
from memories import services as memory_services
from memos_project.db import tenant_scope
from memos_project.errors import NotFound, Unavailable
from tests.factories import saying, statement

THEN = datetime(2024, 5, 1, tzinfo=UTC)


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


@pytest.mark.django_db
class GraphStoreTests:
    """Subclasses give the setting MEMOS_GRAPH as ``configured``."""

    @pytest.fixture(autouse=True)
    def _configured(self, settings, configured, tenant, other_tenant):
        settings.MEMOS_GRAPH = {"default": configured}
        if not graph_store().in_database:
            for each in (tenant, other_tenant):
                indexing.drain(each.id)

    @pytest.fixture
    def level(self, tenant, other_tenant):
        """Bring the store level, and be sure that it is the store that answers."""

        def level():
            for each in (tenant, other_tenant):
                indexing.drain(each.id)
                assert graph_store().in_database or indexing.is_level(each.id)

        return level

    @pytest.fixture
    def nodes(self, tenant, level):
        """Thirty people, with ninety relations of random confidence between them."""
        rnd = random.Random(3)
        with tenant_scope(tenant.id):
            ids = [
                Entity.objects.create(tenant_id=tenant.id, kind="person", name=f"P{n}").pk for n in range(30)
            ]
            for n in range(90):
                one, other = rnd.sample(ids, 2)
                Relation.objects.create(
                    tenant_id=tenant.id, subject_id=one, object_id=other, predicate="knows",
                    valid_from=THEN + timedelta(n), confidence=rnd.choice([0.1, 0.5, 1.0]),
                )  # fmt: skip
        level()
        return ids

    @pytest.fixture
    def edges(self, tenant, nodes):
        """Each node's neighbours with the cost of the surest step."""
        found = {node: {} for node in nodes}
        with tenant_scope(tenant.id):
            for row in Relation.objects.all():
                for here, there in ((row.subject_id, row.object_id), (row.object_id, row.subject_id)):
                    cost = 1 / row.confidence
                    found[here][there] = min(cost, found[here].get(there, cost))
        return found

    @pytest.fixture
    def say(self, tenant, remember):
        """Have the graph learn statements, each of a memory of its own; returns the memories' ids."""

        def say(*statements, **kinds):
            ids = remember(*(f"Memory {uuid4()}." for _ in statements))
            with tenant_scope(tenant.id):
                for memory_id, said in zip(ids, statements, strict=True):
                    services.learn(tenant.id, [(Source(memory_id, "h", THEN), saying(said, **kinds))])
            return ids

        return say

    @pytest.fixture
    def near(self, tenant, level):
        """The names of what is near the entity of a name."""

        def near(name, **options):
            level()
            [found] = [each for each in queries.search(tenant.id, name) if each.name == name]
            answer = traversal.related(tenant.id, found.id, **options)
            assert answer.degraded == []
            return sorted(each.node.name for each in answer.found)

        return near

    # -- What is near

    @pytest.mark.parametrize("depth", [1, 2, 3])
    def test_it_is_what_is_within_so_many_steps(self, tenant, nodes, edges, depth):
        for start in nodes[:10]:
            found = traversal.related(tenant.id, start, depth=depth, limit=1000)
            assert {each.node.id: each.depth for each in found.found} == {
                node: steps for node, steps in steps_from(edges, start).items() if 0 < steps <= depth
            }
            assert [each.depth for each in found.found] == sorted(each.depth for each in found.found)
            for each in found.found:
                assert each.node.id in {each.edge.subject_id, each.edge.object_id}
            assert (found.is_cut, found.degraded) == (False, [])

    def test_nodes_and_edges_are_told_as_they_are(self, tenant, say, level):
        [memory_id] = say(statement("Ada", "works_at", "Acme", THEN), Acme="organisation")
        level()
        [ada] = queries.search(tenant.id, "Ada")
        answer = traversal.related(tenant.id, ada.id)
        assert (answer.start.id, answer.start.label, answer.start.name) == (ada.id, "person", "Ada")
        [acme] = answer.found
        assert (acme.node.label, acme.node.name, acme.depth) == ("organisation", "Acme", 1)
        edge = acme.edge
        with tenant_scope(tenant.id):
            row = Relation.objects.get()
        assert (edge.id, edge.subject_id, edge.predicate, edge.object_id, edge.memory_id) == (
            row.pk, ada.id, "works_at", acme.node.id, memory_id,
        )  # fmt: skip
        assert edge.confidence == pytest.approx(0.9)

    def test_bounds_are_told(self, tenant, nodes, monkeypatch):
        found = traversal.related(tenant.id, nodes[0], depth=3, limit=5)
        assert (len(found.found), found.is_cut) == (5, True)
        monkeypatch.setattr(walking, "FAN_OUT", 1)
        assert traversal.related(tenant.id, nodes[0]).is_cut

    def test_of_many_the_latest_are_followed(self, tenant, say, near, monkeypatch):
        monkeypatch.setattr(walking, "FAN_OUT", 2)
        say(*(statement("Ada", "visited", f"Place{n}", THEN + timedelta(n)) for n in range(5)))
        assert near("Ada") == ["Place2", "Place3", "Place4"]

    def test_over_some_predicates_only(self, say, near):
        say(statement("Ada", "knows", "Ben", THEN), statement("Ada", "likes", "Cleo", THEN))
        assert near("Ada", predicates=["likes"]) == ["Cleo"]
        assert near("Ada", predicates=["likes", "knows"]) == ["Ben", "Cleo"]
        assert near("Ada", predicates=["owns"]) == []

    def test_mentions_if_asked_for(self, tenant, say, near, level):
        [memory_id, _] = say(statement("Ada", "knows", "Ben", THEN), statement("Cleo", "knows", "Ben", THEN))
        assert near("Ada", depth=3) == ["Ben", "Cleo"]
        assert near("Ada", depth=1, mentions=True) == ["", "Ben"]
        assert near("Ada", depth=2, mentions=True) == ["", "", "Ben", "Cleo"]
        around = traversal.related(tenant.id, memory_id, mentions=True)
        assert around.start.label == "memory"
        assert sorted(each.node.name for each in around.found) == ["Ada", "Ben"]
        assert {(each.edge.predicate, each.edge.id, each.edge.memory_id) for each in around.found} == {
            ("mentions", None, memory_id)
        }
        assert traversal.related(tenant.id, memory_id).found == []

    # -- What holds now

    def test_a_later_statement_ends_it_until_it_is_forgotten(self, tenant, say, near):
        say(statement("Ada", "lives_in", "Berlin", THEN), Berlin="place")
        [later] = say(statement("Ada", "lives_in", "Paris", THEN + timedelta(1)), Paris="place")
        assert near("Ada") == ["Paris"]
        memory_services.forget(tenant, later, actor="test")
        assert near("Ada") == ["Berlin"]

    def test_what_can_be_several_does_not_end(self, say, near):
        say(statement("Ada", "likes", "tea", THEN), statement("Ada", "likes", "jazz", THEN + timedelta(1)))
        assert near("Ada") == ["jazz", "tea"]

    def test_the_same_said_again_ends_nothing(self, say, near):
        start = [statement("Ada", "lives_in", "Paris", THEN + timedelta(n)) for n in range(2)]
        say(*start, statement("Ada", "lives_in", "Rome", THEN - timedelta(1)))
        assert near("Ada") == ["Paris"]

    @pytest.mark.parametrize("pair", [("Ben", "Cleo"), ("Cleo", "Ben")])
    def test_what_holds_both_ways_is_ended_from_either_side_until_that_is_forgotten(
        self, tenant, say, near, pair
    ):
        say(statement("Ada", "married_to", "Ben", THEN))
        [again] = say(statement(pair[0], "married_to", pair[1], THEN + timedelta(1)))
        assert (near("Ada"), near("Cleo")) == ([], ["Ben"])
        memory_services.forget(tenant, again, actor="test")
        assert near("Ada") == ["Ben"]

    def test_a_denial_ends_it_until_it_is_forgotten(self, tenant, say, near):
        say(statement("Ada", "likes", "tea", THEN), statement("Ada", "likes", "jazz", THEN))
        [denial] = say(statement("Ada", "likes", "tea", THEN + timedelta(1), negated=True))
        assert near("Ada") == ["jazz"]
        memory_services.forget(tenant, denial, actor="test")
        assert near("Ada") == ["jazz", "tea"]

    def test_a_curators_end_ends_it(self, tenant, say, near):
        say(statement("Ada", "knows", "Ben", THEN))
        with tenant_scope(tenant.id):
            relation = Relation.objects.get()
        services.end_relation(tenant.id, relation.pk, at=THEN + timedelta(1), actor="ann")
        assert near("Ada") == []

    def test_what_has_ended_or_not_begun_does_not_hold(self, say, near):
        soon = timezone.now() + timedelta(days=1)
        say(
            statement("Ada", "visited", "Rome", THEN, valid_to=THEN + timedelta(1)),
            statement("Ada", "visited", "Oslo", THEN, valid_to=soon),
            statement("Ada", "visited", "Kyiv", soon),
        )
        assert near("Ada") == ["Oslo"]

    def test_a_statement_about_the_future_ends_nothing_yet(self, tenant, say, near):
        say(statement("Ada", "lives_in", "Berlin", THEN), Berlin="place")
        say(statement("Ada", "lives_in", "Paris", timezone.now() + timedelta(days=1)), Paris="place")
        assert near("Ada") == ["Berlin"]

    @pytest.mark.django_db(transaction=True)
    def test_time_alone_changes_what_holds(self, say, near):
        say(statement("Ada", "lives_in", "Berlin", THEN), statement("Ada", "knows", "Ben", THEN,
            valid_to=timezone.now() + timedelta(seconds=2)))  # fmt: skip
        say(statement("Ada", "lives_in", "Paris", timezone.now() + timedelta(seconds=2)))
        assert near("Ada") == ["Ben", "Berlin"]
        sleep(2.2)
        assert near("Ada") == ["Paris"]

    def test_what_a_memory_says_no_more_does_not_hold(self, tenant, say, near):
        [memory_id] = say(statement("Ada", "knows", "Ben", THEN))
        say(statement("Ada", "knows", "Cleo", THEN))
        with tenant_scope(tenant.id):
            changed = saying(statement("Ada", "knows", "Dora", THEN))
            services.learn(tenant.id, [(Source(memory_id, "h2", THEN), changed)])
        assert near("Ada") == ["Cleo", "Dora"]

    def test_random_statements_hold_as_the_timeline_says(self, tenant, say, level):
        rnd, now = random.Random(11), timezone.now()
        people = ["Ada", "Ben", "Cleo", "Dora"]
        said = []
        for _ in range(60):
            one, other = rnd.sample(people, 2)
            start = now + timedelta(days=rnd.randint(-20, 3), hours=12)
            end = start + timedelta(days=rnd.randint(1, 30)) if rnd.random() < 0.3 else None
            predicate = rnd.choice(["reports_to", "married_to", "knows"])
            said.append(statement(one, predicate, other, start, valid_to=end, negated=rnd.random() < 0.2))
        memories = say(*said)
        for forgotten in ([], rnd.sample(memories, 20)):
            for memory_id in forgotten:
                memory_services.forget(tenant, memory_id, actor="test")
            level()
            for name in people:
                [entity] = [each for each in queries.search(tenant.id, name) if each.name == name]
                for predicate in ("reports_to", "married_to", "knows"):
                    holding = {
                        {fact.subject_id, fact.object_id}.difference({entity.id}).pop()
                        for fact in queries.as_of(tenant.id, entity.id, predicate=predicate)
                    }
                    found = traversal.related(tenant.id, entity.id, predicates=[predicate]).found
                    assert {each.node.id for each in found} == holding

    # -- What changes

    def test_what_is_forgotten_is_gone(self, tenant, say, level):
        [memory_id] = say(statement("Ada", "knows", "Ben", THEN))
        level()
        [ada] = queries.search(tenant.id, "Ada")
        memory_services.forget(tenant, memory_id, actor="test")
        level()
        for node in (ada.id, memory_id):
            with pytest.raises(NotFound):
                graph_store().related(tenant.id, node)

    def test_merged_and_parted_again(self, tenant, say, near, level):
        say(statement("Ada", "knows", "Ben", THEN), statement("Cleo", "likes", "Adelaide", THEN))
        say(statement("Adelaide", "knows", "Dora", THEN))
        level()
        ids = {each.name: each.id for name in ("Ada", "Adelaide") for each in queries.search(tenant.id, name)}
        done = merging.merge(tenant.id, ids["Ada"], ids["Adelaide"], actor="test")
        assert near("Ada") == ["Ben", "Cleo", "Dora"]
        assert near("Ada", mentions=True) == ["", "", "", "Ben", "Cleo", "Dora"]
        with pytest.raises(NotFound):
            graph_store().related(tenant.id, ids["Adelaide"])
        merging.undo_merge(tenant.id, done.pk, actor="test")
        assert (near("Ada"), near("Adelaide")) == (["Ben"], ["Cleo", "Dora"])
        assert near("Adelaide", mentions=True) == ["", "", "Cleo", "Dora"]

    def test_a_new_name_is_told(self, tenant, say, near):
        say(statement("Ada", "knows", "Ben", THEN))
        assert near("Ada") == ["Ben"]
        [ben] = queries.search(tenant.id, "Ben")
        services.describe(tenant.id, ben.id, name="Benjamin", summary="")
        assert near("Ada") == ["Benjamin"]

    # -- Ways

    @pytest.mark.parametrize("weighted", [False, True])
    @pytest.mark.parametrize("most", [2, 6])
    def test_it_is_a_shortest_one(self, tenant, nodes, edges, weighted, most):
        rnd = random.Random(5)
        for _ in range(30):
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

    def test_it_goes_round_what_does_not_hold(self, tenant, say, level):
        soon = timezone.now() + timedelta(days=1)
        say(statement("Ada", "knows", "Cleo", soon), statement("Ada", "knows", "Ben", THEN))
        say(statement("Ben", "knows", "Cleo", THEN), statement("Cleo", "knows", "Eve", soon))
        level()
        ada, cleo, eve = (queries.search(tenant.id, name)[0].id for name in ("Ada", "Cleo", "Eve"))
        way = traversal.path(tenant.id, ada, cleo)
        assert [each.name for each in way.nodes] == ["Ada", "Ben", "Cleo"]
        assert traversal.path(tenant.id, ada, eve).nodes == []

    def test_a_way_by_mentions(self, tenant, say, level):
        say(statement("Ada", "likes", "tea", THEN), statement("Ben", "dislikes", "tea", THEN, negated=True))
        level()
        ada, ben = (queries.search(tenant.id, name)[0].id for name in ("Ada", "Ben"))
        assert traversal.path(tenant.id, ada, ben).nodes == []
        way = traversal.path(tenant.id, ada, ben, mentions=True)
        assert [each.name for each in way.nodes] == ["Ada", "tea", "", "Ben"]
        assert traversal.path(tenant.id, ada, way.nodes[2].id).nodes == []

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("other_way", [False, True])
    def test_what_is_forgotten_while_it_is_searched_is_on_no_way(
        self, tenant, say, level, monkeypatch, other_way
    ):
        memories = say(statement("Ada", "knows", "Ben", THEN), statement("Ben", "knows", "Cleo", THEN))
        say(statement("Ada", "knows", "Dora", THEN), statement("Cleo", "knows", "Eve", THEN))
        if other_way:
            say(statement("Dora", "knows", "Eve", THEN))
        level()
        ada, cleo = (queries.search(tenant.id, name)[0].id for name in ("Ada", "Cleo"))
        search, searched = walking.way, []

        def forget():
            with closing(connections["default"]):
                for memory_id in memories:
                    memory_services.forget(tenant, memory_id, actor="test")
                level()

        def way(*args, **options):
            found = search(*args, **options)
            if not searched:
                with ThreadPoolExecutor() as other:
                    other.submit(forget).result()
            searched.append(found)
            return found

        monkeypatch.setattr(walking, "way", way)
        answer = graph_store().path(tenant.id, ada, cleo, weighted=True)
        assert [each.name for each in answer.nodes] == (["Ada", "Dora", "Eve", "Cleo"] if other_way else [])
        assert len(searched) == 2

    # -- Limits

    def test_another_tenants_nodes_are_not_there(self, tenant, other_tenant, nodes):
        for node in nodes[:2]:
            with pytest.raises(NotFound):
                graph_store().related(other_tenant.id, node)
        with pytest.raises(NotFound):
            graph_store().path(other_tenant.id, nodes[0], nodes[1])
        assert graph_store().related(tenant.id, nodes[0]).found

    def test_what_is_not_there(self, tenant, nodes):
        with pytest.raises(NotFound):
            graph_store().related(tenant.id, uuid4())
        for ends in ((uuid4(), nodes[0]), (nodes[0], uuid4())):
            with pytest.raises(NotFound):
                graph_store().path(tenant.id, *ends)

    def test_it_takes_no_longer_than_it_may(self, tenant, nodes, settings):
        settings.MEMOS_GRAPH_TIMEOUT = 0.000001
        with pytest.raises(Unavailable, match="fewer steps") as error:
            traversal.related(tenant.id, nodes[0], depth=6)
        assert error.value.field == "depth"
        with pytest.raises(Unavailable, match=r"fewer steps \(max_depth\)") as error:
            traversal.path(tenant.id, nodes[0], nodes[1])
        assert error.value.field == "max_depth"

    @pytest.mark.parametrize(
        "word",
        ["'", '"', "\\", "`", "}) DETACH DELETE n //", "$tenant", "*/", "\u0000x", "\u2028", "' OR 1=1 --"],
    )
    def test_words_are_values(self, tenant, nodes, word, level):
        with tenant_scope(tenant.id):
            named = Entity.objects.create(
                tenant_id=tenant.id, kind="thing", name=f"Name {word}".replace("\u0000", "")
            )
            Relation.objects.create(
                tenant_id=tenant.id, subject_id=nodes[0], object_id=named.pk, predicate="owns",
                valid_from=timezone.now() - timedelta(1), confidence=1.0,
            )  # fmt: skip
        level()
        found = traversal.related(tenant.id, nodes[0], predicates=["owns"])
        assert [each.node.name for each in found.found] == [named.name]
        assert traversal.related(tenant.id, nodes[0], predicates=[word.replace("\u0000", "")]).found == []
        assert len(traversal.related(tenant.id, nodes[0], depth=6, limit=1000).found) >= 29

    def test_it_answers(self):
        graph_store().ping()
        graph_store().close()
        graph_store().ping()
