"""The graph store is brought level with the rows: what is marked, what is worked off, what is found adrift."""

import os
import random
import signal
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Timer, active_count
from time import monotonic
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone
from neo4j.exceptions import ConstraintError, TransientError
from neomodel import db

from graph import indexing, projections, queries, services, traversal
from graph.models import Entity, Projection, ProjectMark, Projector, Relation
from graph.services import Source
from graph.stores import GraphUnavailable, graph_store
from graph.stores.nodes import EntityOfGraph, MemoryOfGraph
from memories import reading
from memories import services as memory_services
from memories.receipts import receipt
from memos_project.db import tenant_scope
from tests.factories import Api, saying, statement
from tests.graph_server import GraphServer, shared_url

pytestmark = pytest.mark.django_db
THEN = datetime(2024, 5, 1, tzinfo=UTC)


@pytest.fixture
def neo4j(settings, tenant, other_tenant):
    """The configured store, filled with both tenants."""
    return configure(settings, shared_url(), tenant, other_tenant)


def configure(settings, url, *tenants, **options):
    settings.MEMOS_GRAPH = {
        "default": {"BACKEND": "graph.stores.neo4j.Neo4jStore", "OPTIONS": {"url": url, **options}}
    }
    for each in tenants:
        indexing.drain(each.id)
    return graph_store()


@pytest.fixture
def say(tenant, remember):
    """Have the graph learn that people know each other, each from a memory of its own; returns the memories' ids."""

    def say(*pairs, of=tenant):
        ids = remember(*(f"Memory {uuid4()}." for _ in pairs), of=of)
        with tenant_scope(of.id):
            for memory_id, (one, other) in zip(ids, pairs, strict=True):
                said = saying(statement(one, "knows", other, THEN))
                services.learn(of.id, [(Source(memory_id, "h", THEN), said)])
        return ids

    return say


def id_of(tenant, name):
    [found] = [each for each in queries.search(tenant.id, name) if each.name == name]
    return found.id


def differences(tenant):
    return {
        str(drift): (len(drift.missing), len(drift.stale), len(drift.left_over))
        for drift in projections.check(tenant.id)
        if len(drift)
    }


class TestMarks:
    def test_without_a_store_nothing_is_marked(self, tenant, say):
        [memory_id] = say(("Ada", "Ben"))
        memory_services.forget(tenant, memory_id, actor="test")
        with tenant_scope(tenant.id):
            assert not ProjectMark.objects.exists()
        assert (indexing.sweep(), indexing.drain(tenant.id)) == (0, 0)

    def test_every_change_is_marked_and_marks_do_not_hinder_each_other(self, tenant, neo4j, say):
        say(("Ada", "Ben"))
        with tenant_scope(tenant.id):
            kinds = set(ProjectMark.objects.values_list("kind", flat=True))
            before = ProjectMark.objects.count()
            Entity.objects.filter(name="Ada").update(summary="Nothing that the store holds.")
            assert ProjectMark.objects.count() == before
            Entity.objects.filter(name="Ada").update(name="Eve")
            assert ProjectMark.objects.count() == before + 1
        assert kinds == {1, 2, 3}
        assert not indexing.is_level(tenant.id)
        assert indexing.drain(tenant.id) == before + 1
        assert indexing.is_level(tenant.id)

    def test_what_changes_while_it_is_worked_on_is_done_again(self, tenant, neo4j, say, monkeypatch):
        say(("Ada", "Ben"))
        put = neo4j.put_entities

        def slow(tenant_id, entities):
            monkeypatch.setattr(neo4j, "put_entities", put)
            with tenant_scope(tenant.id):
                Entity.objects.filter(name="Ada").update(name="Eve")
            put(tenant_id, entities)

        monkeypatch.setattr(neo4j, "put_entities", slow)
        indexing.drain(tenant.id)
        assert differences(tenant) == {}
        assert [each.node.name for each in neo4j.related(tenant.id, id_of(tenant, "Ben")).found] == ["Eve"]

    def test_without_neo4j_marks_end(self, tenant, neo4j, say):
        say(("Ada", "Ben"))
        indexing.end()
        indexing.end()
        with tenant_scope(tenant.id):
            assert not ProjectMark.objects.exists()
        assert not Projection.objects.exists()
        # And begun again, the store is not believed to hold what was said meanwhile.
        say(("Ada", "Cleo"))
        indexing.drain(tenant.id)
        assert differences(tenant) == {}


class TestReceipt:
    def test_it_looks_into_the_store(self, tenant, neo4j, remember, indexed):
        [memory_id, _] = remember("Ada lives in Bern.", "Ben lives in Oslo.")

        def stands():
            found = receipt(tenant.id, memory_id)
            [store] = [each.state for each in found.stores if each.store == "neo4j"]
            return found.state, store

        indexed()
        assert stands() == ("indexed", "missing")
        reading.drain(tenant.id)
        assert stands() == ("indexed", "missing")
        indexing.drain(tenant.id)
        assert stands() == ("projected", "current")
        ada = id_of(tenant, "Ada")
        neo4j.put_relations(tenant.id, {(ada, "lives_in"): []})
        assert stands() == ("indexed", "stale")
        neo4j.drop(tenant.id, entities=[ada])
        assert stands() == ("indexed", "stale")
        neo4j.drop(tenant.id, memories=[memory_id])
        assert stands() == ("indexed", "missing")

    def test_nobody_knows_while_it_does_not_answer(self, tenant, settings, neo4j, remember, indexed):
        [memory_id] = remember("Ada lives in Bern.")
        indexed()
        reading.drain(tenant.id)
        configure(settings, "bolt://neo4j:secret@127.0.0.1:1/neo4j")
        assert [(each.store, each.state) for each in receipt(tenant.id, memory_id).stores][-1] == (
            "neo4j",
            "unknown",
        )


class TestOneAtATime:
    def test_who_comes_second_leaves_it_to_the_first(self, tenant, neo4j, say):
        say(("Ada", "Ben"))
        token = uuid4()
        assert indexing._hold(tenant.id, token)
        assert indexing.drain(tenant.id) == 0
        indexing._release(tenant.id, token)
        assert indexing.drain(tenant.id) > 0

    def test_a_killed_workers_lease_ends(self, tenant, neo4j, say):
        say(("Ada", "Ben"))
        indexing._hold(tenant.id, uuid4())
        with tenant_scope(tenant.id):
            Projector.objects.update(held_until=timezone.now() - timedelta(seconds=1))
        assert indexing.drain(tenant.id) > 0

    def test_whose_lease_is_over_removes_no_marks(self, tenant, neo4j, say, monkeypatch):
        say(("Ada", "Ben"))
        put = neo4j.put_relations

        def lose(tenant_id, groups):
            with tenant_scope(tenant.id):
                Projector.objects.update(token=uuid4())
            return put(tenant_id, groups)

        monkeypatch.setattr(neo4j, "put_relations", lose)
        assert indexing.drain(tenant.id) == 0
        with tenant_scope(tenant.id):
            assert ProjectMark.objects.exists()

    @pytest.mark.parametrize("write", ["put_entities", "put_memories", "put_relations"])
    def test_what_is_written_after_another_took_over_is_looked_at_again(
        self, tenant, neo4j, say, monkeypatch, write
    ):
        [memory_id, _] = say(("Ada", "Ben"), ("Ada", "Cleo"))
        put = getattr(neo4j, write)

        def late(*args):
            monkeypatch.setattr(neo4j, write, put)
            with tenant_scope(tenant.id):
                Entity.objects.filter(name="Ada").update(name="Eve")
                Relation.objects.update(confidence=0.1)
                Projector.objects.update(held_until=timezone.now() - timedelta(seconds=1))
            memory_services.forget(tenant, memory_id, actor="test")
            assert indexing.drain(tenant.id) > 0
            assert (indexing.is_level(tenant.id), differences(tenant)) == (True, {})
            return put(*args)

        monkeypatch.setattr(neo4j, write, late)
        indexing.drain(tenant.id)
        assert (indexing.is_level(tenant.id), differences(tenant)) == (True, {})

    def test_who_lost_the_lease_writes_nothing_more(self, tenant, neo4j, say, monkeypatch):
        say(("Ada", "Ben"))
        put, written = neo4j.put_entities, []

        def lose(tenant_id, entities):
            put(tenant_id, entities)
            with tenant_scope(tenant.id):
                Projector.objects.update(token=uuid4())

        monkeypatch.setattr(neo4j, "put_entities", lose)
        monkeypatch.setattr(neo4j, "put_relations", lambda *args: written.append(args) or {})
        assert (indexing.drain(tenant.id), written) == (0, [])
        assert not indexing.is_level(tenant.id)

    def test_a_write_that_fails_after_another_took_over_is_looked_at_again(
        self, tenant, neo4j, say, monkeypatch
    ):
        say(("Ada", "Ben"))
        put = neo4j.put_relations

        def late(tenant_id, groups):
            monkeypatch.setattr(neo4j, "put_relations", put)
            with tenant_scope(tenant.id):
                Projector.objects.update(held_until=timezone.now() - timedelta(seconds=1))
            assert indexing.drain(tenant.id) > 0
            raise GraphUnavailable("no answer came, and it may be done or not")

        monkeypatch.setattr(neo4j, "put_relations", late)
        indexing.drain(tenant.id)
        assert not indexing.is_level(tenant.id)


class TestWhatGoesWrong:
    def test_a_crash_between_write_and_finish_is_made_good(self, tenant, neo4j, say, monkeypatch):
        ids = say(("Ada", "Ben"), ("Ben", "Cleo"))
        monkeypatch.setattr(indexing, "FINISH", "SELECT 1 / 0")
        with pytest.raises(Exception, match="division by zero"), tenant_scope(tenant.id):
            indexing.drain(tenant.id)
        monkeypatch.undo()
        memory_services.forget(tenant, ids[0], actor="test")
        with tenant_scope(tenant.id):
            Projector.objects.update(held_until=timezone.now())
        indexing.drain(tenant.id)
        assert differences(tenant) == {}

    def test_done_twice_it_is_the_same(self, tenant, neo4j, say):
        say(("Ada", "Ben"), ("Ben", "Cleo"))
        indexing.drain(tenant.id)
        with tenant_scope(tenant.id):
            for kind, ids in (
                (1, Entity.objects.values_list("pk", flat=True)),
                (2, Relation.objects.values_list("memory_id", flat=True)),
                (3, [(row.subject_id, row.predicate) for row in Relation.objects.all()]),
            ):
                indexing.mark(tenant.id, ProjectMark.Kind(kind), [*ids, *ids])
        indexing.drain(tenant.id)
        assert differences(tenant) == {}
        assert len(EntityOfGraph.nodes.filter(tenant=str(tenant.id))) == 3

    def test_an_entity_that_is_not_there_is_written_first(self, tenant, neo4j, say):
        say(("Ada", "Ben"))
        indexing.drain(tenant.id)
        neo4j.drop(tenant.id, entities=[id_of(tenant, "Ben")])
        say(("Cleo", "Ben"))
        indexing.drain(tenant.id)
        with tenant_scope(tenant.id):
            assert "not there" in ProjectMark.objects.order_by("-error").first().error
            ProjectMark.objects.update(due_at=timezone.now())
        indexing.drain(tenant.id)
        assert differences(tenant) == {"graph relations": (1, 0, 0), "graph memories": (0, 1, 0)}

    def test_what_is_refused_does_not_hold_up_the_rest(self, tenant, neo4j, say, monkeypatch):
        say(("Ada", "Ben"), ("Ben", "Cleo"))
        put = neo4j.put_entities

        def refuse(tenant_id, entities):
            if any(each.name == "Cleo" for each in entities):
                raise ValueError("no Cleo")
            put(tenant_id, entities)

        monkeypatch.setattr(neo4j, "put_entities", refuse)
        indexing.drain(tenant.id)
        with tenant_scope(tenant.id):
            failing = ProjectMark.objects.filter(error__contains="no Cleo")
            assert {each.node_id for each in failing} == {id_of(tenant, "Cleo")}
            assert {each.attempts for each in failing} == {1}
        assert [each.node.name for each in neo4j.related(tenant.id, id_of(tenant, "Ada")).found] == ["Ben"]
        monkeypatch.undo()
        with tenant_scope(tenant.id):
            ProjectMark.objects.update(due_at=timezone.now())
        indexing.drain(tenant.id)
        assert differences(tenant) == {}

    @pytest.mark.parametrize("error", [ConstraintError, TransientError])
    def test_a_write_that_met_another_is_begun_again(self, neo4j, error):
        tries = []

        def work(tx):  # the driver itself begins again only after some errors
            tries.append(1)
            if len(tries) < 3:
                raise error("another writer was quicker")
            return "done"

        assert neo4j._write(work) == "done"

    def test_a_server_that_was_emptied_is_filled_again(self, tenant, neo4j, say):
        say(("Ada", "Ben"))
        indexing.drain(tenant.id)
        neo4j.clear(tenant.id)
        say(("Ada", "Cleo"))
        indexing.drain(tenant.id)
        assert differences(tenant) == {}

    def test_what_is_half_cleared_is_not_asked(self, tenant, neo4j, say, monkeypatch):
        say(("Ada", "Ben"), ("Ada", "Cleo"))
        indexing.drain(tenant.id)
        ada, ben, clear = id_of(tenant, "Ada"), id_of(tenant, "Ben"), neo4j.clear
        neo4j.begin_epoch(tenant.id, "another")

        def ask_within(tenant_id):
            neo4j.drop(tenant_id, entities=[ben])
            found = traversal.related(tenant_id, ada)
            assert (len(found.found), found.degraded) == (2, ["graph"])
            clear(tenant_id)

        monkeypatch.setattr(neo4j, "clear", ask_within)
        indexing.drain(tenant.id)
        assert (indexing.is_level(tenant.id), differences(tenant)) == (True, {})

    def test_the_server_is_away_and_comes_back(self, settings, tenant, key, say, tmp_path):
        server = GraphServer(tmp_path / "graph")
        server.start()
        try:
            store = configure(settings, server.url, tenant, cooldown=0.0, timeout=1.0)
            say(("Ada", "Ben"))
            indexing.drain(tenant.id)
            server.kill()
            [memory_id] = say(("Ada", "Cleo"))
            assert indexing.drain(tenant.id) == 0
            with pytest.raises(GraphUnavailable):
                store.ping()
            api, ada, cleo = Api(key), id_of(tenant, "Ada"), id_of(tenant, "Cleo")
            answer = api.get(f"/graph/related/{ada}")
            assert [each["node"]["name"] for each in answer.body["found"]] == ["Ben", "Cleo"]
            assert answer.body["degraded"] == ["graph"]
            answer = api.get(f"/graph/path/{ada}/{cleo}")
            assert [each["memory_id"] for each in answer.body["edges"]] == [str(memory_id)]
            assert answer.body["degraded"] == ["graph"]
            health = api.get("/health").body
            assert (health["status"], health["services"]["graph"]) == ("degraded", "down")
            server.start()
            assert (
                indexing.sweep() == 1
            )  # of two tenants: one has something to do, the other was never filled
            indexing.drain(tenant.id)
            assert differences(tenant) == {}
            assert api.get(f"/graph/related/{ada}").body["degraded"] == []
            assert api.get("/health").body["services"]["graph"] == "up"
        finally:
            store.close()
            server.stop()

    def test_the_server_is_there_and_says_nothing(self, settings, tenant, say, tmp_path):
        settings.MEMOS_GRAPH_TIMEOUT = 1.0
        server = GraphServer(tmp_path / "graph")
        server.start()
        try:
            store = configure(settings, server.url, tenant, cooldown=0.0, timeout=1.0, write_timeout=1.0)
            say(("Ada", "Ben"))
            indexing.drain(tenant.id)
            ada, threads = id_of(tenant, "Ada"), active_count()
            for _ in range(2):
                with silent(server):
                    assert traversal.related(tenant.id, ada).degraded == ["graph"]  # over a connection it had
                    assert traversal.related(tenant.id, ada).degraded == ["graph"]  # over one it cannot get
                assert traversal.related(tenant.id, ada).degraded == []
                with silent(server), pytest.raises(GraphUnavailable):
                    store.ping()
                store.ping()
            say(("Ada", "Cleo"))
            with silent(server):
                assert indexing.drain(tenant.id) == 0
            indexing.drain(tenant.id)
            assert (indexing.is_level(tenant.id), differences(tenant)) == (True, {})
            with silent(server):
                store.close()
            assert active_count() == threads
        finally:
            server.stop()


@contextmanager
def silent(server):
    """A server that takes connections and requests but answers none; whoever waits for it must give up in time."""
    os.kill(server.process.pid, signal.SIGSTOP)
    os.waitpid(server.process.pid, os.WUNTRACED)  # until the last of its threads stands still
    alarm = Timer(40.0, os.kill, (server.process.pid, signal.SIGCONT))
    alarm.start()
    begun = monotonic()
    try:
        yield
    finally:
        alarm.cancel()
        alarm.join()
        os.kill(server.process.pid, signal.SIGCONT)
    assert monotonic() - begun < 30  # without a limit it never ended


class TestCheck:
    @pytest.fixture
    def level(self, tenant, other_tenant, neo4j, say):
        """Some people of both tenants, in the store."""
        rnd = random.Random(7)
        names = [f"P{n}x" for n in range(8)]
        for of in (tenant, other_tenant):
            say(*(rnd.sample(names, 2) for _ in range(12)), of=of)
            indexing.drain(of.id)
        return neo4j

    @pytest.mark.parametrize(
        ("damage", "found"),
        [
            ("MATCH (n:Entity {tenant: $tenant}) WITH n LIMIT 1 SET n.name = 'x'", {"graph entities": (0, 1, 0)}),
            ("MERGE (n:Entity {tenant: $tenant, uid: $id}) SET n.kind = 'person', n.name = 'x'", {"graph entities": (0, 0, 1)}),
            ("MERGE (n:Memory {tenant: $tenant, uid: $id})", {"graph memories": (0, 0, 1)}),
            ("MATCH (n:Memory {tenant: $tenant}) WITH n LIMIT 1 DETACH DELETE n", {"graph memories": (1, 0, 0)}),
            ("MATCH (:Memory {tenant: $tenant})-[r:MENTIONS]->() WITH r LIMIT 1 DELETE r", {"graph memories": (0, 1, 0)}),
            ("MATCH (:Entity {tenant: $tenant})-[r:RELATES]->() WITH r LIMIT 1 SET r.ends = r.ends - 1", {"graph relations": (0, 1, 0)}),
            ("MATCH (:Entity {tenant: $tenant})-[r:RELATES]->() WITH r LIMIT 1 SET r.confidence = 0.1", {"graph relations": (0, 1, 0)}),
            (
                "MATCH (s:Entity {tenant: $tenant})-[r:RELATES]->(o) WITH s, o, r LIMIT 1"
                " CREATE (s)-[n:RELATES]->(o) SET n = properties(r)",
                {"graph relations": (0, 1, 0)},
            ),
            (
                "MATCH (s:Entity {tenant: $tenant})-[r:RELATES]->(o) WITH s, o, r LIMIT 1"
                " CREATE (s)-[n:RELATES]->(o) SET n = properties(r), n.uid = $id, n.predicate = 'likes'",
                {"graph relations": (0, 0, 1)},
            ),
        ],
    )  # fmt: skip
    def test_what_differs_is_found_and_mended(self, tenant, other_tenant, level, damage, found, capsys):
        assert (differences(tenant), differences(other_tenant)) == ({}, {})
        level._write(lambda tx: tx.run(damage, tenant=str(tenant.id), id=str(uuid4())).consume())
        assert (differences(tenant), differences(other_tenant)) == (found, {})
        with pytest.raises(CommandError, match="1 differences"):
            call_command("check_projections", tenant=tenant.slug)
        call_command("check_projections", "--repair", tenant=tenant.slug)
        assert (differences(tenant), differences(other_tenant)) == ({}, {})
        call_command("check_projections", tenant=tenant.slug)
        assert f"{tenant.slug}: graph relations: level" in capsys.readouterr().out

    def test_what_is_waiting_is_not_adrift(self, tenant, level, say):
        say(("P0x", "Newcomer"))
        assert differences(tenant) == {}

    def test_what_is_over_is_not_adrift(self, tenant, level):
        over = (
            "MATCH (s:Entity {tenant: $tenant})-[r:RELATES]->(o) WITH s, o, r LIMIT 1"
            " CREATE (s)-[n:RELATES]->(o) SET n = properties(r), n.uid = $id, n.ends = 5"
        )
        level._write(lambda tx: tx.run(over, tenant=str(tenant.id), id=str(uuid4())).consume())
        assert differences(tenant) == {}

    def test_rebuilt(self, tenant, other_tenant, level, capsys):
        stray = "MERGE (n:Entity {tenant: $tenant, uid: 'stray'}) SET n.kind = 'person', n.name = 'x'"
        level._write(lambda tx: tx.run(stray, tenant=str(tenant.id)).consume())
        call_command("rebuild_graph", tenant=tenant.slug)
        assert f"{tenant.slug}: rebuilt" in capsys.readouterr().out
        assert differences(tenant) == {}
        call_command("rebuild_graph", "--if-needed")
        assert f"{other_tenant.slug}: level, 0 changes" in capsys.readouterr().out

    def test_a_rebuild_that_was_stopped_is_gone_on_with(self, tenant, level, monkeypatch, capsys):
        monkeypatch.setattr(indexing, "BATCH", 5)
        steps = projections.rebuild(tenant.id)
        assert next(steps) == 5
        steps.close()
        assert not indexing.is_level(tenant.id)
        assert traversal.related(tenant.id, id_of(tenant, "P0x")).degraded == ["graph"]
        call_command("rebuild_graph", "--if-needed", tenant=tenant.slug)
        assert f"{tenant.slug}: level" in capsys.readouterr().out
        assert differences(tenant) == {}

    def test_without_a_store_there_is_nothing_to_do(self, tenant, settings, capsys):
        settings.MEMOS_GRAPH = {"default": {"BACKEND": "graph.stores.postgres.PostgresStore", "OPTIONS": {}}}
        call_command("rebuild_graph")
        assert "nothing to do" in capsys.readouterr().out
        assert list(projections.check(tenant.id)) == []

    def test_an_unknown_tenant(self, neo4j):
        with pytest.raises(CommandError, match="no tenant"):
            call_command("rebuild_graph", tenant="nobody")


class TestInside:
    def test_neomodels_classes_describe_it(self, tenant, neo4j, say):
        [memory_id] = say(("Ada", "Ben"))
        indexing.drain(tenant.id)
        neo4j.ping()
        ada = EntityOfGraph.nodes.get(tenant=str(tenant.id), uid=str(id_of(tenant, "Ada")))
        [ben] = ada.relates
        assert (ada.name, ben.name, ben.kind) == ("Ada", "Ben", "person")
        relation = ada.relates.relationship(ben)
        assert (relation.tenant, relation.predicate, relation.memory) == (
            str(tenant.id), "knows", str(memory_id),
        )  # fmt: skip
        memory = MemoryOfGraph.nodes.get(uid=str(memory_id))
        assert sorted(each.name for each in memory.mentions) == ["Ada", "Ben"]

    def test_the_node_of_a_memory_is_named_when_it_is_stored(self, api, tenant, neo4j, indexed):
        stored = api.post("/memory/store", {"content": "Ada lives in Bern."}).body
        indexed()
        reading.drain(tenant.id)
        indexing.drain(tenant.id)
        assert sorted(each.name for each in MemoryOfGraph.nodes.get(uid=stored["neo4j_node"]).mentions)[
            :2
        ] == [
            "Ada",
            "Bern",
        ]

    def test_all_of_it_names_its_tenant(self, tenant, neo4j, say):
        say(("Ada", "Ben"))
        indexing.drain(tenant.id)
        nodes, _ = db.cypher_query("MATCH (n) WHERE n.tenant IS NULL RETURN count(n)")
        edges, _ = db.cypher_query("MATCH ()-[r]->() WHERE r.tenant IS NULL RETURN count(r)")
        assert (nodes[0][0], edges[0][0]) == (0, 0)

    @pytest.mark.parametrize("url", ["bolt://127.0.0.1:7687", "bolt://neo4j@host", "neo4j"])
    def test_an_address_without_a_password_is_refused(self, url, settings):
        with pytest.raises(Exception, match=r"NEO4J_URL\) must be like bolt://user:password@host"):
            configure(settings, url)
