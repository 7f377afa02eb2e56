"""Two tenants on one connection: what tenant_scope promises, and SQL that forgot every filter."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from django.db import Error, IntegrityError, OperationalError, ProgrammingError, connection, transaction
from django.utils import timezone

from graph import indexing as graph_indexing
from graph import merging
from graph import services as graph
from graph.models import Entity, Projector
from graph.services import Source
from memories import services
from memories.models import (
    ConsolidationMark,
    ConsolidationRun,
    ConsolidationStep,
    Conversation,
    FrequentTerm,
    GraphTenant,
    Memory,
    NoteLink,
    TextStatistics,
)
from memories.working import llm_cache
from memos_project.db import current_tenant, read_scope, tenant_scope
from memos_project.tenancy.idempotency import answer_once
from memos_project.tenancy.services import issue_key
from tests.factories import make_key, saying, statement

SETTING = "SELECT current_setting('memos.tenant_id', true)"


def fetch(sql, params=()):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def run(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)


def contents():
    return sorted(Memory.objects.values_list("content", flat=True))


@pytest.fixture
def both(remember, other_tenant):
    remember("ours")
    remember("theirs", of=other_tenant)


@pytest.mark.usefixtures("both")
class TestScope:
    def test_a_tenant_sees_its_rows(self, tenant, other_tenant):
        with tenant_scope(tenant.id):
            assert contents() == ["ours"]
        with tenant_scope(other_tenant.id):
            assert contents() == ["theirs"]

    def test_without_a_scope_there_are_no_rows(self):
        assert contents() == []

    def test_a_stranger_sees_none(self):
        with tenant_scope(uuid4()):
            assert contents() == []

    def test_nested_scopes_give_the_outer_one_back(self, tenant, other_tenant):
        with tenant_scope(tenant.id):
            with tenant_scope(other_tenant.id):
                assert contents() == ["theirs"]
                assert current_tenant.get() == other_tenant.id
            assert contents() == ["ours"]
            assert current_tenant.get() == tenant.id
        assert current_tenant.get() is None

    def test_an_error_in_a_nested_scope_gives_the_outer_one_back(self, tenant, other_tenant):
        with tenant_scope(tenant.id):
            with pytest.raises(ZeroDivisionError), tenant_scope(other_tenant.id):
                raise ZeroDivisionError
            assert contents() == ["ours"]
            with pytest.raises(ProgrammingError), tenant_scope(other_tenant.id):
                fetch("SELECT nothing FROM nowhere")
            assert contents() == ["ours"]

    def test_planner_settings_end_with_the_outermost_scope(self, tenant):
        before = fetch("SHOW enable_sort")
        with transaction.atomic(), tenant_scope(tenant.id, settings={"enable_sort": "off"}):
            assert fetch("SHOW enable_sort") == [("off",)]
        assert before == [("on",)]

    def test_a_row_of_another_tenant_is_refused(self, tenant, other_tenant):
        with pytest.raises(Error, match="row-level security"), tenant_scope(tenant.id):
            Conversation.objects.create(tenant_id=other_tenant.id, key="smuggled")

    def test_a_row_cannot_be_given_away(self, tenant, other_tenant):
        with pytest.raises(Error, match="row-level security"), tenant_scope(tenant.id):
            Memory.objects.update(tenant_id=other_tenant.id)

    def test_keys_and_kept_answers_are_apart_too(self, tenant, other_tenant):
        make_key(tenant)
        answer_once(tenant.id, "key", b"x", lambda: (200, {"secret": "ours"}))
        with tenant_scope(other_tenant.id):
            assert fetch("SELECT 1 FROM tenancy_apikey") == []
            assert fetch("SELECT 1 FROM tenancy_idempotentrequest") == []

    def test_a_conversation_of_another_tenant_cannot_be_joined(self, tenant, other_tenant, remember):
        remember("hello", of=other_tenant, conversation_id="c")
        with tenant_scope(other_tenant.id):
            theirs = Conversation.objects.get().pk
        with tenant_scope(tenant.id):
            assert Memory.objects.filter(conversation_id=theirs).count() == 0


@pytest.mark.django_db(transaction=True)
class TestPooledConnections:
    def test_a_used_connection_knows_no_tenant(self, tenant, remember):
        remember("ours")
        used = set()
        for _ in range(10):
            [(backend, setting)] = fetch(f"SELECT pg_backend_pid(), ({SETTING})")
            assert (setting or "") == ""
            assert contents() == []
            again = backend in used
            with tenant_scope(tenant.id):
                assert contents() == ["ours"]
                used.update(*fetch("SELECT pg_backend_pid()"))
            connection.close()  # back into the pool
        assert again

    def test_a_failed_transaction_leaves_none_behind(self, tenant, remember):
        remember("ours")
        with pytest.raises(ProgrammingError), tenant_scope(tenant.id):
            fetch("SELECT nothing FROM nowhere")
        assert contents() == []

    def test_an_outermost_scope_is_durable_when_asked(self, tenant):
        with (
            pytest.raises(RuntimeError, match="durable"),
            transaction.atomic(),
            tenant_scope(tenant.id, durable=True),
        ):
            pass

    def test_threads_do_not_see_each_others_tenant(self, tenant, other_tenant, remember):
        remember("ours")
        remember("theirs", of=other_tenant)

        def look(number):
            mine, expected = [(tenant, ["ours"]), (other_tenant, ["theirs"])][number % 2]
            with tenant_scope(mine.id):
                seen = contents()
            connection.close()
            return seen == expected

        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(look, range(200)))


@pytest.mark.django_db(transaction=True)
class TestReadScope:
    """Without BEGIN and COMMIT, and still one transaction of one tenant."""

    def test_a_tenant_sees_its_rows_as_of_one_transaction(self, tenant, other_tenant, both):
        for each, expected in ((tenant, ["ours"]), (other_tenant, ["theirs"])):
            with read_scope(each.id):
                assert contents() == expected
                assert current_tenant.get() == each.id
                [begun] = fetch("SELECT now()")
                fetch("SELECT pg_sleep(0.01)")
                assert fetch("SELECT now()") == [begun]
            assert current_tenant.get() is None

    def test_nothing_of_it_is_left_on_the_connection(self, tenant, both):
        with read_scope(tenant.id, settings={"enable_sort": "off"}):
            assert contents() == ["ours"]
            assert fetch("SHOW enable_sort") == [("off",)]
        assert fetch(SETTING) in ([(None,)], [("",)])
        assert fetch("SHOW enable_sort") == [("on",)]
        assert contents() == []

    def test_an_error_leaves_nothing_behind_either(self, tenant, both):
        with pytest.raises(ProgrammingError), read_scope(tenant.id):
            fetch("SELECT nothing FROM nowhere")
        assert contents() == []
        with pytest.raises(ZeroDivisionError), read_scope(tenant.id):
            raise ZeroDivisionError
        assert contents() == []
        with read_scope(tenant.id):
            assert contents() == ["ours"]

    def test_a_statement_that_takes_too_long_is_ended(self, tenant):
        with (
            pytest.raises(OperationalError, match="timeout"),
            read_scope(tenant.id, settings={"statement_timeout": "50"}),
        ):
            fetch("SELECT pg_sleep(5)")
        assert fetch("SHOW statement_timeout") == [("0",)]

    def test_within_a_transaction_it_is_part_of_it(self, tenant, other_tenant, remember):
        with transaction.atomic(), tenant_scope(tenant.id):
            remember("ours")
            with read_scope(other_tenant.id):
                assert contents() == []
            with read_scope(tenant.id):
                assert contents() == ["ours"]
            assert contents() == ["ours"]

    @pytest.mark.parametrize("begin", [read_scope, tenant_scope, lambda _: transaction.atomic()])
    def test_nothing_that_would_end_it_can_begin_in_it(self, begin, tenant, both):
        with read_scope(tenant.id):
            for _ in range(2):
                with pytest.raises(transaction.TransactionManagementError), begin(tenant.id):
                    pass
                assert contents() == ["ours"]
        assert contents() == []

    def test_whoever_goes_on_after_an_error_is_told_so_and_does_not_find_nothing(self, tenant, both):
        def go_on():
            with read_scope(tenant.id):
                with pytest.raises(ProgrammingError):
                    fetch("SELECT nothing FROM nowhere")
                contents()

        with pytest.raises(OperationalError, match="aborted"):
            go_on()

    def test_it_reads_alone(self, tenant):
        with pytest.raises(Error, match="read-only"), read_scope(tenant.id):
            Conversation.objects.bulk_create([Conversation(tenant_id=tenant.id, key="written")])
        with pytest.raises(Error, match="read-only"), read_scope(tenant.id):
            run("DELETE FROM memories_memory")

    def test_a_lost_connection_is_another_one_the_next_time(self, tenant, both):
        with pytest.raises(OperationalError), read_scope(tenant.id):
            fetch("SELECT pg_terminate_backend(pg_backend_pid())")
        with read_scope(tenant.id):
            assert contents() == ["ours"]


# Statements with no filter at all, or only such as a careless query would have, in every form that reads or changes.
FORMS = """
DO $$
DECLARE
    tables text[] := (SELECT array_agg(c.relname ORDER BY c.relname) FROM pg_class c
                      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
                      WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
                        AND c.relname <> 'tenancy_tenant_members');
    mine uuid := current_setting('memos.tenant_id')::uuid;
    theirs uuid := current_setting('test.theirs')::uuid;
    chosen text;
    form int;
    leaked bigint;
    seen bigint := 0;
    leaks text := '';
BEGIN
    PERFORM setseed(current_setting('test.seed')::float8);
    FOR try IN 1..current_setting('test.tries')::int LOOP
        chosen := tables[1 + floor(random() * cardinality(tables))];
        form := floor(random() * 9);
        BEGIN
            CASE form
                WHEN 0 THEN EXECUTE format('SELECT count(*) FROM %I WHERE tenant_id <> $1', chosen) INTO leaked USING mine;
                WHEN 1 THEN EXECUTE format('SELECT count(*) FROM %I WHERE tenant_id = $1', chosen) INTO leaked USING theirs;
                WHEN 2 THEN EXECUTE format('SELECT count(*) FILTER (WHERE (to_jsonb(t) ->> ''tenant_id'')::uuid <> $1), count(*) FROM %I t',
                                           chosen) INTO leaked, seen USING mine;
                WHEN 3 THEN EXECUTE format('SELECT count(*) FROM %I t WHERE t.tenant_id <> $1 OR random() < 0', chosen) INTO leaked USING mine;
                WHEN 4 THEN EXECUTE format('UPDATE %I SET tenant_id = tenant_id WHERE tenant_id = $1', chosen) USING theirs;
                            GET DIAGNOSTICS leaked = ROW_COUNT;
                WHEN 5 THEN EXECUTE format('DELETE FROM %I WHERE tenant_id = $1', chosen) USING theirs;
                            GET DIAGNOSTICS leaked = ROW_COUNT;
                WHEN 6 THEN EXECUTE format('SELECT count(*) FROM (SELECT * FROM %I FOR UPDATE) t WHERE tenant_id <> $1', chosen)
                            INTO leaked USING mine;
                WHEN 7 THEN EXECUTE format('SELECT count(*) FROM %I a JOIN %I b USING (tenant_id) WHERE a.tenant_id = $1', chosen,
                                           tables[1 + floor(random() * cardinality(tables))]) INTO leaked USING theirs;
                WHEN 8 THEN EXECUTE format('WITH gone AS (DELETE FROM %I t WHERE t.tenant_id IS DISTINCT FROM $1 RETURNING *) SELECT count(*) FROM gone',
                                           chosen) INTO leaked USING mine;
            END CASE;
        EXCEPTION WHEN foreign_key_violation OR object_not_in_prerequisite_state THEN
            leaked := 1;  -- there was something to violate
        END;
        IF leaked > 0 THEN
            leaks := leaks || format(' form %s on %s: %s;', form, chosen, leaked);
        END IF;
    END LOOP;
    IF leaks <> '' THEN
        RAISE EXCEPTION 'LEAK%', leaks;
    END IF;
    PERFORM set_config('test.seen', seen::text, true);
END
$$
"""


def learn_something(tenant, memory_id):
    """Rows in every table of the graph."""
    source = Source(memory_id, "hash", timezone.now())
    said = [statement("Ada", "lives_in", "Berlin", source.occurred_at)]
    graph.learn(tenant.id, [(source, saying(*said))])
    said.append(statement("Ada Lovelace", "lives_in", "Rome", source.occurred_at))
    graph.learn(tenant.id, [(source, saying(*said))])
    ids = {row.name: row.pk for row in Entity.objects.all()}
    merging.merge(tenant.id, ids["Berlin"], ids["Rome"], actor="test")
    merging.split(tenant.id, ids["Berlin"], ["Rome"], actor="test")


@pytest.fixture
def full(tenant, other_tenant, remember, indexed):
    """Rows of both tenants in every table that has a tenant."""
    changed = {}
    graph_indexing.begin()
    for mine in (tenant, other_tenant):
        [changed[mine.id], *_] = remember(
            *(f"Memory {n} of a cat." for n in range(4)),
            of=mine,
            user_id="ann",
            conversation_id="c",
            speaker="Ann",
        )
        services.revise(mine, changed[mine.id], {"content": "Changed."}, actor="test")
        answer_once(mine.id, "key", b"x", lambda: (200, {}))
        issue_key(mine.id, name="k", scopes=["read"])
        llm_cache.put(
            mine,
            llm_cache.Request("m", [{"role": "user", "content": "What does the cat say?"}], {}),
            "Miaow.",
        )
    indexed()
    for mine in (tenant, other_tenant):
        remember("Behind.", of=mine)
        with tenant_scope(mine.id):
            FrequentTerm.objects.create(tenant_id=mine.id, term=1, documents=1)
            GraphTenant.objects.create(tenant_id=mine.id)
            learn_something(mine, changed[mine.id])
            TextStatistics.objects.create(tenant_id=mine.id, documents=1, total_length=1)
            Projector.objects.create(tenant_id=mine.id)
            consolidate_something(mine, changed[mine.id])


def consolidate_something(mine, memory_id):
    """Notes, and how they came about."""
    one, other = (
        services.note_down(
            mine,
            services.NewNote(content=said, context=said, user_id="ann", sources=[memory_id]),
            actor="test",
        ).id
        for said in ("A cat.", "Another cat.")
    )
    NoteLink.objects.get_or_create(tenant_id=mine.id, one_id=one, other_id=other, defaults={"likeness": 0.5})
    run = ConsolidationRun.objects.create(tenant_id=mine.id, actor="test", leased_until=timezone.now())
    ConsolidationStep.objects.create(tenant_id=mine.id, run=run, number=0, memory_ids=[memory_id])
    ConsolidationMark.objects.create(tenant_id=mine.id, upto=memory_id)


def tables_with_rows():
    names = [
        name
        for (name,) in fetch(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'"
            " AND NOT a.attisdropped WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
            " AND c.relname <> 'tenancy_tenant_members'"
        )
    ]
    return {name: fetch(f'SELECT count(*) FROM "{name}"')[0][0] for name in names}


@pytest.mark.usefixtures("full")
class TestSqlWithoutFilters:
    def test_ten_thousand_tries_reach_no_row_of_the_other(self, tenant, other_tenant, request):
        with tenant_scope(other_tenant.id):
            before = tables_with_rows()
        assert all(before.values()), before
        seed = (request.config.getoption("randomly_seed", 1) % 1000) / 1000
        for n in range(10):
            settings = {
                "test.theirs": str(other_tenant.id),
                "test.tries": "1000",
                "test.seed": str((seed + n / 10) % 1),
            }
            with tenant_scope(tenant.id, settings=settings):
                run(FORMS)
        with tenant_scope(other_tenant.id):
            assert tables_with_rows() == before

    def test_the_tries_would_notice_a_leak(self, tenant, other_tenant):
        # The same statements with the scope on the other tenant, whose rows they then do reach.
        settings = {"test.theirs": str(other_tenant.id), "test.tries": "200", "test.seed": "0.5"}
        with pytest.raises(Error, match="LEAK"), tenant_scope(other_tenant.id, settings=settings):
            run(FORMS)

    def test_not_a_row_without_a_tenant(self):
        assert set(tables_with_rows().values()) == {0}

    def test_an_id_of_the_other_cannot_be_taken(self, tenant, other_tenant):
        with tenant_scope(other_tenant.id):
            theirs = Memory.objects.first().pk
        with pytest.raises(IntegrityError), tenant_scope(tenant.id):
            Memory.objects.create(pk=theirs, tenant_id=tenant.id, kind="fact", content="x", content_hash="x")
