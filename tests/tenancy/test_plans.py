"""What is read where one tenant is large and known to PostgreSQL's statistics, and another has grown since, or is empty."""

import json
from uuid import uuid4

import pytest
from django.db import connection, connections, transaction

from graph.indexing import has_no_work
from graph.models import ProjectMark
from memories import retrieval
from memories.answers import Query
from memories.candidates import Filters
from memories.models import AuditEntry, ChangeCount
from memos_project.db import tenant_scope
from memos_project.tenancy.planner import assume_tenant_sizes

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])

SIZE = 600
TABLES = "memories_memory, memories_posting, memories_conversation, memories_auditentry"


def owner(sql):
    with connections["owner"].cursor() as cursor:
        cursor.execute(sql)


def know(tables):
    owner(f"ANALYZE {tables}")
    with connection.cursor() as cursor:
        cursor.execute("DISCARD PLANS")


@pytest.fixture(autouse=True)
def _known(remember, other_tenant):
    """Somebody else's memories, each in a conversation of its own, and no plan that is older than they are."""
    for number in range(SIZE):
        remember(f"{number} is a number.", of=other_tenant, conversation_id=f"known {number}")
    know(TABLES)


def grow(remember):
    """Enough turns of one conversation that reading them all shows."""
    remember(*(f"The {number} is a number of its own." for number in range(SIZE)), conversation_id="grown")


def read_by(act, table="memories_memory"):
    """How many rows of a table are read."""

    def read():
        cursor.execute(
            "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname = %s",
            [table],
        )
        return cursor.fetchone()[0]

    with transaction.atomic(), connection.cursor() as cursor:
        before = read()
        act()
        return read() - before


def expected(tenant, table):
    """How many rows of a tenant the planner reckons with."""
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) SELECT 1 FROM {table}")
        [(plan,)] = cursor.fetchall()
    plan = json.loads(plan) if isinstance(plan, str) else plan
    return plan[0]["Plan"]["Plan Rows"]


class TestAGrownTenant:
    def test_a_search_looks_at_its_scope_and_counts_it_and_nothing_more(self, tenant, remember):
        grow(remember)
        question = Query(text="What is the number 7?", context=1)
        assert read_by(lambda: retrieval.recall(tenant, question)) < 2 * SIZE + 300

    def test_a_list_of_one_kind_reads_that_kind(self, tenant, remember):
        grow(remember)
        remember("The sum of all numbers is known.", kind="knowledge")
        filters = Filters(kinds=["knowledge"])
        assert read_by(lambda: retrieval.list_memories(tenant.id, filters, before=None, limit=50)) < 10


class TestASmallTenant:
    def test_its_conversations_are_listed_without_reading_the_others(self, tenant, remember):
        remember(conversation_id="ours")

        def act():
            assert len(retrieval.list_conversations(tenant.id, user_id=None, before=None, limit=2)) == 1

        assert read_by(act, "memories_conversation") < 5

    def test_so_are_its_latest_changes(self, tenant, remember):
        remember()

        def act():
            with tenant_scope(tenant.id):
                assert len(AuditEntry.objects.filter(tenant_id=tenant.id).order_by("-id")[:8]) == 1

        assert read_by(act, "memories_auditentry") < 5

    def test_its_changes_are_counted_without_reading_the_others(self, tenant, other_tenant, remember):
        with tenant_scope(other_tenant.id):
            ChangeCount.objects.bulk_create(
                ChangeCount(tenant_id=other_tenant.id, number=1) for _ in range(SIZE)
            )
        know("memories_changecount")
        assert read_by(remember, "memories_changecount") < 5

    def test_its_graph_is_level_without_reading_the_marks_of_others(self, tenant, other_tenant):
        with tenant_scope(other_tenant.id):
            ProjectMark.objects.bulk_create(
                ProjectMark(tenant_id=other_tenant.id, kind=ProjectMark.Kind.ENTITY, node_id=uuid4())
                for _ in range(SIZE)
            )
        know("graph_projectmark")

        def act():
            with tenant_scope(tenant.id), connection.cursor() as cursor:
                cursor.execute("SELECT graph_is_level(%s)", [tenant.id])
            assert has_no_work(tenant.id)

        assert read_by(act, "graph_projectmark") < 5


class TestWhatThePlannerExpects:
    @pytest.mark.parametrize("table", TABLES.split(", "))
    def test_every_tenant_is_a_twentieth(self, table, tenant, other_tenant):
        in_all = expected(other_tenant, table)
        assert in_all >= SIZE // 20
        assert expected(tenant, table) == in_all

    def test_also_where_statistics_had_been_gathered(self, tenant, other_tenant):
        owner("ALTER TABLE memories_memory ALTER COLUMN tenant_id SET STATISTICS DEFAULT")
        owner("ANALYZE memories_memory")
        assert expected(tenant, "memories_memory") < expected(other_tenant, "memories_memory")
        assume_tenant_sizes(using="owner")
        assert expected(tenant, "memories_memory") == expected(other_tenant, "memories_memory") == SIZE / 20
