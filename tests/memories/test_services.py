from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from memories.models import AuditEntry, Conversation, IndexJob, Memory, MemoryVersion
from memories.services import (
    NewMemory,
    content_hash,
    forget,
    get_memory,
    learn,
    remember,
    retry_indexing,
    revise,
    role_of,
)
from memos_project.db import tenant_scope
from memos_project.errors import Conflict, NotFound, PreconditionFailed
from tests.factories import new_memory

MOMENT = datetime(2026, 5, 3, 12, tzinfo=UTC)


@pytest.fixture
def store(tenant):
    """Store one memory and read it back."""

    def store(content=None, **fields):
        [answer] = remember(tenant, [new_memory(content, **fields)], actor="test")
        return get_memory(tenant.id, answer.id)

    return store


def everything(tenant, model=Memory):
    with tenant_scope(tenant.id):
        return list(model.objects.order_by("pk"))


class TestRemember:
    def test_all_that_is_said_is_kept(self, store):
        said = {
            "kind": "fact", "tier": 3, "user_id": "ann", "agent_id": "scout", "role": "assistant", "speaker": "Ann", "title": "Cats",
            "category": "pets", "external_id": "e1", "tags": ["a", "b"], "metadata": {"deep": [{"er": None}]}, "occurred_at": MOMENT,
            "valid_from": MOMENT, "valid_to": MOMENT + timedelta(days=1), "expires_at": MOMENT + timedelta(days=2), "pinned": True,
        }  # fmt: skip
        memory = store("Grüße 😀\n  indented", conversation_id="c1", importance=0.25, **said)
        assert {name: getattr(memory, name) for name in said} == said
        assert memory.content == "Grüße 😀\n  indented"
        assert memory.conversation.key == "c1"
        assert (memory.importance, memory.importance_explicit) == (0.25, 0.25)
        assert (memory.version, memory.turn) == (1, 1)

    def test_what_is_not_said_has_a_default(self, store):
        memory = store("Just this.")
        assert (memory.kind, memory.tier, memory.role, memory.user_id, memory.conversation) == (
            "observation",
            2,
            "user",
            "",
            None,
        )
        assert abs(memory.occurred_at - datetime.now(UTC)) < timedelta(minutes=1)

    def test_nothing_to_store_is_fine(self, tenant):
        assert remember(tenant, [], actor="test") == []

    def test_a_thousand_are_answered_in_order(self, tenant):
        answers = remember(
            tenant, [new_memory(f"Number {n}.", external_id=str(n)) for n in range(1000)], actor="test"
        )
        assert [answer.external_id for answer in answers] == [str(n) for n in range(1000)]
        with tenant_scope(tenant.id):
            kept = dict(Memory.objects.values_list("id", "content"))
        assert [kept[answer.id] for answer in answers] == [f"Number {n}." for n in range(1000)]

    def test_it_leaves_an_audit_entry_and_work_to_do(self, tenant, store):
        memory = store()
        [entry] = everything(tenant, AuditEntry)
        assert (entry.memory_id, entry.action, entry.actor) == (memory.pk, "remember", "test")
        assert [job.memory_id for job in everything(tenant, IndexJob)] == [memory.pk]

    def test_it_is_all_or_nothing(self, tenant):
        items = [new_memory(), NewMemory(content="x", importance=7.0)]
        with pytest.raises(Exception, match="memory_importance_range"), transaction.atomic():
            remember(tenant, items, actor="test")
        assert everything(tenant) == []

    def test_a_worker_is_woken_after_the_commit(self, tenant, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks() as callbacks:
            remember(tenant, [new_memory()], actor="test")
        assert len(callbacks) == 1
        with django_capture_on_commit_callbacks() as callbacks:
            remember(tenant, [new_memory("again")] * 2, actor="test")
        assert len(callbacks) == 1

    def test_a_batch_costs_the_same_however_long_it_is(self, tenant, django_assert_num_queries):
        def batch(n):
            return [new_memory(conversation_id="c") for _ in range(n)]

        for n in (1, 2, 200):
            with django_assert_num_queries(1):
                remember(tenant, batch(n), actor="test")

    def test_a_scope_that_is_open_stays_as_it_is(self, tenant, other_tenant):
        with tenant_scope(other_tenant.id):
            remember(tenant, [new_memory()], actor="test")
            assert list(Memory.objects.all()) == []
        assert len(everything(tenant)) == 1


class TestDuplicates:
    def test_the_same_external_id_is_the_same_memory(self, tenant):
        first = remember(tenant, [new_memory("One.", user_id="ann", external_id="e")], actor="test")[0]
        again = remember(tenant, [new_memory("Two.", user_id="ann", external_id="e")], actor="test")[0]
        assert (again.id, again.status) == (first.id, "duplicate")
        assert get_memory(tenant.id, first.id).content == "One."

    def test_for_another_user_it_is_another(self, tenant, other_tenant):
        memories = [new_memory("One.", user_id=user, external_id="e") for user in ("ann", "ben", "")]
        assert [each.created for each in remember(tenant, memories, actor="test")] == [True] * 3
        assert remember(other_tenant, memories[:1], actor="test")[0].created

    def test_two_external_ids_are_two_memories_whatever_they_say(self, tenant):
        answers = remember(tenant, [new_memory("One.", external_id=each) for each in "ab"], actor="test")
        assert len({each.id for each in answers}) == 2

    @pytest.mark.parametrize("variant", ["One.", " One.\n", "\u2003One."])
    def test_the_same_content_is_the_same_memory(self, tenant, store, variant):
        first = store("One.")
        assert remember(tenant, [new_memory(variant)], actor="test")[0].id == first.pk

    def test_unicode_forms_do_not_count(self, tenant, store):
        assert remember(tenant, [new_memory("Cafe\u0301")], actor="test")[0].id == store("Café").pk

    @pytest.mark.parametrize(
        "fields",
        [{"user_id": "ben"}, {"conversation_id": "other"}, {"kind": "fact"}, {"speaker": "Ben"}, {"role": "tool"}, {"title": "T"},
         {"occurred_at": MOMENT}],
        ids=lambda fields: next(iter(fields)),
    )  # fmt: skip
    def test_what_makes_a_memory_another(self, tenant, store, fields):
        store("One.", user_id="ann", conversation_id="c")
        other = new_memory("One.", **{"user_id": "ann", "conversation_id": "c", **fields})
        assert remember(tenant, [other], actor="test")[0].created

    @pytest.mark.parametrize(
        "fields",
        [{"tags": ["x"]}, {"metadata": {"a": 1}}, {"importance": 0.9}, {"agent_id": "scout"}],
        ids=str,
    )
    def test_and_what_does_not(self, tenant, store, fields):
        store("One.")
        assert not remember(tenant, [new_memory("One.", **fields)], actor="test")[0].created

    def test_within_a_batch_the_first_counts(self, tenant):
        answers = remember(tenant, [new_memory(text) for text in ("A.", "B.", "A.", "A.")], actor="test")
        assert [each.status for each in answers] == ["created", "created", "duplicate", "duplicate"]
        assert answers[0].id == answers[2].id == answers[3].id

    @pytest.mark.parametrize("contents", [("One.", "Two."), ("Two.", "One.")])
    def test_of_one_external_id_too(self, tenant, contents):
        items = [new_memory(content, external_id="e") for content in contents]
        [first, second] = remember(tenant, items, actor="test")
        assert (first.status, second.status, second.id) == ("created", "duplicate", first.id)
        assert get_memory(tenant.id, first.id).content == contents[0]

    def test_old_and_new_may_be_mixed(self, tenant, store):
        old = store("Old.", external_id="old")
        items = [
            new_memory("New."),
            new_memory("x", external_id="old"),
            new_memory("New."),
            new_memory("y", external_id="new"),
        ]
        answers = remember(tenant, items, actor="test")
        assert [each.status for each in answers] == ["created", "duplicate", "duplicate", "created"]
        assert answers[1].id == old.pk

    @pytest.mark.django_db(transaction=True)
    def test_two_hundred_requests_sent_five_times_in_parallel_make_two_hundred(self, tenant):
        def send(number):
            fields = {"external_id": f"e{number}"} if number % 2 else {}
            item = new_memory(
                f"Said {number}.", user_id=f"u{number % 3}", conversation_id=f"c{number % 5}", **fields
            )
            try:
                return number, remember(tenant, [item], actor="test")[0]
            finally:
                connection.close()

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(send, [*range(200)] * 5))
        assert len({answer.id for _, answer in answers}) == 200
        assert sum(answer.created for _, answer in answers) == 200
        assert len({(number, answer.id) for number, answer in answers}) == 200
        rows = everything(tenant)
        assert len(rows) == 200
        turns = {}
        for row in rows:
            turns.setdefault(row.conversation_id, []).append(row.turn)
        assert all(len(numbers) == len({*numbers}) for numbers in turns.values())

    @pytest.mark.django_db(transaction=True)
    def test_batches_in_opposite_orders_end_well(self, tenant):
        items = [new_memory(f"Said {number}.") for number in range(300)]

        def send(batch):
            try:
                return remember(tenant, batch, actor="test")
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            answers = [*pool.map(send, [items, items[::-1]] * 4)]
        assert len(everything(tenant)) == 300
        assert sum(answer.created for batch in answers for answer in batch) == 300


class TestRole:
    @pytest.mark.parametrize(
        ("role", "speaker", "expected"),
        [
            ("", "", "user"),
            ("", "Ann", "user"),
            ("", "Assistant", "assistant"),
            ("", "tool", "tool"),
            ("system", "user", "system"),
        ],
    )
    def test_it_is_given_or_named_by_the_speaker_or_the_users(self, role, speaker, expected):
        assert role_of(NewMemory(content="x", role=role, speaker=speaker)) == expected


class TestImportance:
    def test_an_explicit_one_wins(self, store):
        for given_, expected in ((0.0, 0.0), (1.0, 1.0), (0.3, 0.3)):
            memory = store("Remember my birthday!", importance=given_, external_id=str(given_))
            assert memory.importance == expected
            assert memory.importance_computed > 0.5

    def test_without_one_it_is_computed(self, store):
        assert store("Remember my birthday!").importance > store("ok").importance


class TestConversations:
    def test_turns_are_numbered_as_they_come(self, tenant, store):
        assert [store(conversation_id="c").turn for _ in range(3)] == [1, 2, 3]
        remember(tenant, [new_memory(conversation_id=key) for key in ("c", "d", "c", "d", "e")], actor="test")
        turns = {}
        for row in everything(tenant):
            turns.setdefault(row.conversation_id, []).append(row.turn)
        assert sorted(turns.values()) == [[1], [1, 2], [1, 2, 3, 4, 5]]

    def test_one_key_is_one_conversation_for_a_user(self, tenant, store):
        for user in ("ann", "ann", "ben"):
            store(user_id=user, conversation_id="c")
        assert sorted(each.user_id for each in everything(tenant, Conversation)) == ["ann", "ben"]

    def test_a_duplicate_takes_no_turn(self, store):
        store("One.", conversation_id="c")
        store("One.", conversation_id="c")
        assert store("Two.", conversation_id="c").turn == 2

    def test_a_duplicate_in_a_batch_leaves_the_others_in_order(self, tenant, store):
        store("One.", conversation_id="c")
        texts = ["Two.", "One.", "Three."]
        remember(tenant, [new_memory(each, conversation_id="c") for each in texts], actor="test")
        rows = sorted(everything(tenant), key=lambda row: row.turn)
        assert [(row.turn, row.content) for row in rows] == [(1, "One."), (2, "Two."), (3, "Three.")]

    @pytest.mark.parametrize("external", [True, False])
    def test_a_history_that_is_sent_whole_each_time_leaves_no_gaps(self, tenant, external):
        said = [
            new_memory(f"Turn {n}.", conversation_id="c", external_id=f"e{n}" if external else None)
            for n in range(5)
        ]
        for length in (2, 3, 4, 5):
            remember(tenant, [*said[:length], said[0]], actor="test")
        assert sorted((row.turn, row.content) for row in everything(tenant)) == [
            (n + 1, f"Turn {n}.") for n in range(5)
        ]

    def test_integers_of_any_size_are_kept(self, store):
        assert store("One.", metadata={"n": 10**30}).metadata == {"n": 10**30}

    @pytest.mark.django_db(transaction=True)
    def test_writers_at_once_number_turns_without_gaps_or_repeats(self, tenant):
        def write(writer):
            try:
                for n in range(10):
                    remember(
                        tenant,
                        [new_memory(f"{writer}-{n}-{m}", conversation_id=f"c{m}") for m in (1, 0)],
                        actor="test",
                    )
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(write, range(4)))
        turns = {}
        for row in everything(tenant):
            turns.setdefault(row.conversation_id, []).append(row.turn)
        assert [sorted(each) for each in turns.values()] == [[*range(1, 41)]] * 2


class TestRevise:
    def test_a_change_keeps_what_was(self, tenant, store):
        memory = store("Old.", tags=["a"], occurred_at=MOMENT)
        after = revise(tenant, memory.pk, {"content": "New.", "tags": ["b"], "pinned": False}, actor="ann")
        assert (after.content, after.tags, after.version) == ("New.", ["b"], 2)
        assert after.updated_at > memory.updated_at
        [version] = everything(tenant, MemoryVersion)
        assert (version.version, version.state, version.actor) == (
            1,
            {"content": "Old.", "tags": ["a"]},
            "ann",
        )
        assert everything(tenant, AuditEntry)[-1].detail == {"fields": ["content", "tags"]}

    def test_moments_are_kept_readably(self, tenant, store):
        memory = store(occurred_at=MOMENT)
        revise(tenant, memory.pk, {"occurred_at": MOMENT + timedelta(days=1)}, actor="ann")
        assert everything(tenant, MemoryVersion)[0].state == {"occurred_at": "2026-05-03T12:00:00+00:00"}

    def test_no_change_is_no_version(self, tenant, store):
        memory = store("Same.", tags=["a"])
        after = revise(tenant, memory.pk, {"content": "Same.", "tags": ["a"]}, actor="ann")
        assert (after.version, after.updated_at) == (1, memory.updated_at)
        assert everything(tenant, MemoryVersion) == []

    def test_what_says_where_it_came_from_is_not_revised(self, tenant, store):
        memory = store(user_id="ann")
        after = revise(tenant, memory.pk, {"user_id": "ben", "kind": "fact", "version": 9}, actor="ann")
        assert (after.user_id, after.kind, after.version) == ("ann", "observation", 1)

    def test_the_version_asked_for_must_be_the_present_one(self, tenant, store):
        memory = store()
        revise(tenant, memory.pk, {"content": "Second."}, actor="ann", if_version=1)
        with pytest.raises(PreconditionFailed):
            revise(tenant, memory.pk, {"content": "Third."}, actor="ann", if_version=1)
        assert get_memory(tenant.id, memory.pk).content == "Second."

    def test_another_memorys_content_is_a_conflict(self, tenant, store):
        store("One.")
        memory = store("Two.")
        with pytest.raises(Conflict) as caught:
            revise(tenant, memory.pk, {"content": "One."}, actor="ann")
        assert caught.value.field == "content"
        assert get_memory(tenant.id, memory.pk).version == 1
        assert everything(tenant, MemoryVersion) == []

    def test_a_change_and_back_is_the_same_memory_as_before(self, tenant, store):
        memory = store("One.", speaker="Ann", occurred_at=MOMENT)
        for text in ("Two.", "One."):
            after = revise(tenant, memory.pk, {"content": text}, actor="ann")
        assert after.content_hash == memory.content_hash

    def test_explicit_importance_may_be_taken_back(self, tenant, store):
        memory = store("Remember this.", importance=0.1)
        assert (
            revise(tenant, memory.pk, {"importance_explicit": None}, actor="ann").importance
            == memory.importance_computed
        )

    def test_words_and_vectors_must_be_made_again(self, tenant, store, indexed):
        memory = store("A grey cat.")
        indexed()
        revise(tenant, memory.pk, {"pinned": True}, actor="ann")
        assert everything(tenant, IndexJob) == []
        revise(tenant, memory.pk, {"content": "A brown dog."}, actor="ann")
        assert [job.memory_id for job in everything(tenant, IndexJob)] == [memory.pk]

    def test_another_tenant_cannot(self, other_tenant, store):
        with pytest.raises(NotFound):
            revise(other_tenant, store().pk, {"content": "x"}, actor="ann")

    @pytest.mark.django_db(transaction=True)
    def test_of_changes_at_once_none_is_lost(self, tenant, store):
        memory = store("Start.")

        def change(n):
            try:
                return revise(tenant, memory.pk, {"content": f"Change {n}."}, actor=f"a{n}").version
            finally:
                connection.close()

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(change, range(16)))
        assert get_memory(tenant.id, memory.pk).version == 17
        assert sorted(each.version for each in everything(tenant, MemoryVersion)) == [*range(1, 17)]


TABLES_OF_A_MEMORY = (
    "memories_posting",
    "memories_memoryvector",
    "memories_memorytokens",
    "memories_memoryversion",
)


def held(tenant, memory_id):
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        counts = {}
        for table in TABLES_OF_A_MEMORY:
            cursor.execute(f"SELECT count(*) FROM {table} WHERE memory_id = %s", [memory_id])
            [(counts[table],)] = cursor.fetchall()
        return counts


class TestForget:
    def test_everything_goes_but_the_audit_entry(self, tenant, store, indexed):
        memory, spared = store("A grey cat called Misty."), store("A brown dog.")
        revise(tenant, memory.pk, {"content": "A grey cat called Mist."}, actor="ann")
        indexed()
        assert all(held(tenant, memory.pk).values())
        forget(tenant, memory.pk, actor="ann")
        assert set(held(tenant, memory.pk).values()) == {0}
        assert [each.pk for each in everything(tenant)] == [spared.pk]
        entry = everything(tenant, AuditEntry)[-1]
        assert (entry.action, entry.actor, entry.memory_id) == ("forget", "ann", memory.pk)
        assert "Mist" not in str(entry.detail)

    def test_the_indexes_are_told(self, tenant, store, indexed):
        memory = store()
        indexed()
        forget(tenant, memory.pk, actor="ann")
        assert [job.memory_id for job in everything(tenant, IndexJob)] == [memory.pk]
        assert indexed() == 1

    def test_twice_is_not_found(self, tenant, store):
        memory = store()
        forget(tenant, memory.pk, actor="ann")
        with pytest.raises(NotFound):
            forget(tenant, memory.pk, actor="ann")

    def test_a_stale_version_is_refused(self, tenant, store):
        memory = store()
        revise(tenant, memory.pk, {"content": "x"}, actor="ann")
        with pytest.raises(PreconditionFailed):
            forget(tenant, memory.pk, actor="ann", if_version=1)

    def test_another_tenant_cannot(self, other_tenant, store):
        with pytest.raises(NotFound):
            forget(other_tenant, store().pk, actor="ann")

    def test_it_may_be_remembered_again(self, tenant, store):
        memory = store("One.", external_id="e")
        forget(tenant, memory.pk, actor="ann")
        assert remember(tenant, [new_memory("One.", external_id="e")], actor="test")[0].created


class TestLearn:
    def test_what_has_the_same_id_is_brought_up_to_date(self, tenant):
        def piece(content, **fields):
            return new_memory(content, kind="knowledge", external_id="doc", **fields)

        first, status = learn(tenant, piece("Old.", category="a"), actor="test")
        assert status == "created"
        second, status = learn(tenant, piece("New.", category="b", importance=0.9), actor="test")
        assert (second.pk, second.content, second.category, second.importance, status) == (
            first.pk,
            "New.",
            "b",
            0.9,
            "updated",
        )
        assert learn(tenant, piece("New.", category="b"), actor="test")[1] == "duplicate"
        assert get_memory(tenant.id, first.pk).version == 2

    def test_without_an_id_equal_content_is_a_duplicate(self, tenant):
        first, _ = learn(tenant, new_memory("Same.", kind="knowledge"), actor="test")
        again, status = learn(tenant, new_memory("Same.", kind="knowledge"), actor="test")
        assert (again.pk, status) == (first.pk, "duplicate")


class TestRetry:
    def test_a_job_that_was_given_up_is_due_again(self, tenant, store):
        memory = store()
        with tenant_scope(tenant.id):
            IndexJob.objects.update(due_at=None, attempts=9, error="no")
        assert retry_indexing(tenant.id, [memory.pk], actor="ann") == 1
        [job] = everything(tenant, IndexJob)
        assert (job.attempts, job.error) == (0, "")
        assert job.due_at

    def test_another_tenants_is_left_alone(self, other_tenant, store):
        assert retry_indexing(other_tenant.id, [store().pk], actor="ann") == 0


text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=60)
names = st.sampled_from(["", "ann", "Ben", "ünï", "'; --"])
moments = st.datetimes(datetime(1, 2, 1), datetime(9998, 1, 1), timezones=st.just(UTC))
items = st.builds(
    NewMemory,
    content=text.filter(str.strip),
    kind=st.sampled_from(Memory.Kind.values),
    user_id=names,
    conversation_id=names,
    speaker=names,
    title=text,
    external_id=st.none() | st.sampled_from(["e1", "e2"]),
    tags=st.lists(text, max_size=3),
    metadata=st.dictionaries(
        text, st.none() | st.integers(-(2**53), 2**53) | text | st.lists(text, max_size=2), max_size=3
    ),
    importance=st.none() | st.floats(0, 1),
    occurred_at=st.none() | moments,
)


class TestAnyInput:
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(batch=st.lists(items, min_size=1, max_size=6))
    def test_what_was_stored_is_read_back_and_stored_once(self, tenant, batch):
        first = remember(tenant, batch, actor="test")
        again = remember(tenant, batch, actor="test")
        assert [each.id for each in first] == [each.id for each in again]
        assert not any(each.created for each in again)
        for item, answer in zip(batch, first, strict=True):
            if answer.created:
                row = get_memory(tenant.id, answer.id)
                assert (row.content, row.title, list(row.tags), row.metadata) == (
                    item.content, item.title, list(item.tags), dict(item.metadata),
                )  # fmt: skip
                assert item.importance is None or row.importance == item.importance
                assert item.occurred_at is None or row.occurred_at == item.occurred_at
        with tenant_scope(tenant.id):
            Memory.objects.all()._raw_delete("default")

    @given(item=items)
    def test_a_hash_depends_on_nothing_but_the_item(self, item):
        assert content_hash(item) == content_hash(item)
        assert len(content_hash(item)) == 64
