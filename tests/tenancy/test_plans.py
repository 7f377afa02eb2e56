"""A tenant that has grown since PostgreSQL last gathered statistics, beside a large one that they know."""

import pytest
from django.db import connection, connections, transaction

from memories import retrieval
from memories.answers import Query
from memories.candidates import Filters

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])

SIZE = 600


@pytest.fixture(autouse=True)
def _grown(remember, tenant, other_tenant):
    """Enough turns of one conversation that reading them all shows."""
    turns = [f"The {number} is a number of its own." for number in range(SIZE)]
    remember(*turns, of=other_tenant, conversation_id="known")
    with connections["owner"].cursor() as cursor:
        cursor.execute("ANALYZE")
    with connection.cursor() as cursor:
        cursor.execute("DISCARD PLANS")
    remember(*turns, conversation_id="grown")


def read_by(act):
    """How many rows of memories are read."""

    def read():
        cursor.execute(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'memories_memory'"
        )
        return cursor.fetchone()[0]

    with transaction.atomic(), connection.cursor() as cursor:
        before = read()
        act()
        return read() - before


def test_a_list_of_one_kind_reads_that_kind(tenant, remember):
    remember("The sum of all numbers is known.", kind="knowledge")
    filters = Filters(kinds=["knowledge"])
    assert read_by(lambda: retrieval.list_memories(tenant.id, filters, before=None, limit=50)) < 10


def test_a_search_looks_at_its_scope_and_counts_it_and_nothing_more(tenant):
    question = Query(text="What is the number 7?", context=1)
    assert read_by(lambda: retrieval.recall(tenant, question)) < 2 * SIZE + 300
