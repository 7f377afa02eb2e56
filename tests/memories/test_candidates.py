from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import ClassVar

import numpy as np
import pytest
from django.utils import timezone

from memories import candidates, indexing, reading, scopes, services
from memories.candidates import (
    CONDITIONS,
    OF_ONE_KIND,
    Filters,
    Search,
    conditions,
    filter_params,
    linked_statement,
    pool_statement,
    words_statement,
)
from memories.found import Words, found_in
from memories.ranking import DEFAULT_PROFILE
from memories.scopes import SearchScope, exact_limit, scope_of
from memos_project.db import read_scope
from tests.factories import new_memory

FULL = Filters(
    user_id="ann", agent_id="", conversation_id="c", kinds=["fact", "note"], tiers=[2], category="k", tags=["x"], since=datetime(2026, 1, 1, tzinfo=UTC),
    until=datetime(2027, 1, 1, tzinfo=UTC), metadata={"a": 1},
)  # fmt: skip


def search_of(tenant, *, rows=10, large=False, **fields):
    usual = {
        "tenant_id": tenant.id, "language": "english", "text": "cat", "filters": Filters(), "scope": SearchScope(rows, is_large=large, in_graph=large, speakers=()),
        "profile": DEFAULT_PROFILE, "model_id": 1, "dimensions": 384, "vector": None,
    }  # fmt: skip
    return Search(**{**usual, **fields})


class TestFilters:
    def test_none_is_set_by_default(self):
        assert (conditions(Filters()), filter_params(Filters())) == ([], {})

    def test_each_has_its_condition_and_its_parameters(self):
        assert conditions(FULL) == [*CONDITIONS.values()]
        assert filter_params(FULL).keys() == CONDITIONS.keys()

    @pytest.mark.parametrize("kinds", [["knowledge"], ("note",)])
    def test_one_kind_is_looked_up_in_its_index(self, kinds):
        assert conditions(Filters(kinds=kinds)) == [CONDITIONS["kinds"], OF_ONE_KIND]

    @pytest.mark.parametrize("kinds", [["message"], ["knowledge", "note"], ["knowledge", "message"]])
    def test_messages_and_several_kinds_have_none(self, kinds):
        assert conditions(Filters(kinds=kinds)) == [CONDITIONS["kinds"]]

    def test_an_empty_name_is_a_filter_and_an_empty_list_is_none(self):
        assert conditions(Filters(user_id="", kinds=[], tags=[], metadata={})) == [CONDITIONS["user_id"]]


@pytest.mark.parametrize(
    ("wanted", "rerank", "candidates"), [(12, False, 24), (13, False, 48), (1, True, 64), (32, True, 64), (33, True, 128)]
)  # fmt: skip
def test_a_second_stage_sorts_more_candidates(tenant, wanted, rerank, candidates):
    assert search_of(tenant, wanted=wanted, rerank=rerank).candidates == candidates


class TestStatement:
    SHARED: ClassVar = {"scoped": True, "conditions": tuple(conditions(FULL)), "candidates": 100}
    OF_POOL: ClassVar = {"model_id": 1, "dimensions": 384, "seeds": 20}

    @pytest.mark.parametrize("way", ["exact", "named", "large"])
    def test_what_a_caller_says_is_never_part_of_it(self, way):
        for made in (
            words_statement(way=way, **self.SHARED),
            pool_statement(vectors=way, **self.SHARED, **self.OF_POOL),
            linked_statement(
                scoped=True, conditions=tuple(conditions(FULL)), model_id=1, dimensions=384, linked=8
            ),
        ):
            assert "{" not in made.replace("'{}'", "")
            assert "ann" not in made.split()

    def test_it_is_the_same_text_each_time(self):
        assert words_statement(way="exact", **self.SHARED) is words_statement(way="exact", **self.SHARED)

    @pytest.mark.parametrize(
        ("large", "mode", "vector"), [*product([False, True], ["hybrid", "text", "vector"], [False, True])]
    )
    def test_every_way_runs(self, tenant, remember, indexed, large, mode, vector):
        remember("A cat.", "A dog.", user_id="ann", conversation_id="c")
        indexed()
        for filters in (Filters(), Filters(user_id="ann"), FULL):
            search = search_of(
                tenant, large=large, filters=filters, profile=replace(DEFAULT_PROFILE, mode=mode),
                vector=np.full(384, 1 / 384**0.5, np.float32) if vector else None,
            )  # fmt: skip
            with read_scope(tenant.id):
                search, words, answer = candidates.find_by_words(search, lambda: "meanwhile")
                found = candidates.find(search, words)
            assert answer == "meanwhile"
            assert len(found.ids) == len(found.importance) == len(found.columns.lengths)
            if filters is FULL:
                assert found.ids == []


class TestLinked:
    """Memories of one thing each, asked for what else the graph links to the first."""

    VECTOR = np.full(384, 1 / 384**0.5, np.float32)

    @pytest.fixture
    def link(self, tenant, indexed):
        def link(best, most=8, **fields):
            indexed()
            reading.drain(tenant.id)
            search = search_of(tenant, **{"vector": self.VECTOR, **fields})
            with read_scope(tenant.id):
                search, words, _ = candidates.find_by_words(search, lambda: None)
                found = candidates.find(replace(search, vector=None), words)
                return candidates.linked(search, found, best, most=most).ids[len(found.ids) :]

        return link

    def test_what_shares_most_and_rarest_comes_first(self, remember, link):
        best, _, both, rare, _ = remember(
            "Oslo and Bergen.",
            "Oslo is far, Oslo!",
            "From Oslo to Bergen.",
            "Bergen is near.",
            "Is Oslo far?",
        )
        for most, expected in ((2, {best, both}), (3, {best, both, rare})):
            assert {*link([best], text="nothing at all", most=most)} == expected

    def test_what_is_known_already_is_not_added(self, remember, link):
        best, other = remember("Oslo in May.", "A cat in Oslo.")
        assert other in link([best], text="nothing")
        assert other not in link([best], text="cat")

    def test_what_much_speaks_of_links_nothing(self, remember, link, monkeypatch):
        monkeypatch.setattr(candidates, "COMMON", 4)
        linked_statement.cache_clear()
        best, *_ = remember(*(f"Oslo, {word}." for word in ("the first", "the second", "the third")))
        assert len(link([best], text="nothing")) == 3
        remember("Oslo, the fourth.")
        assert link([best], text="nothing") == []
        linked_statement.cache_clear()

    def test_what_other_users_speak_of_makes_nothing_common(self, remember, link, monkeypatch):
        monkeypatch.setattr(candidates, "COMMON", 4)
        linked_statement.cache_clear()
        best, other = remember("Oslo in May.", "Oslo in June.", user_id="ann")
        remember(*(f"Oslo, the {n}th." for n in range(9)), user_id="ben")
        assert {*link([best], text="nothing", filters=Filters(user_id="ann"))} == {best, other}
        assert link([best], text="nothing") == []
        linked_statement.cache_clear()

    def test_no_more_than_asked_for_are_added(self, remember, link):
        best, *_ = remember(*(f"Oslo, the {n}th." for n in range(9)))
        for most in (0, 3):
            assert len(link([best], most=most, text="nothing")) == most

    @pytest.mark.parametrize("large", [False, True])
    def test_filters_and_life_hold(self, remember, link, large):
        [best, hers] = remember("Oslo in May.", "Oslo in June.", user_id="ann")
        remember("Oslo in July.", user_id="ben")
        remember("Oslo in August.", user_id="ann", expires_at=timezone.now() - timedelta(days=1))
        assert {*link([best], text="nothing", large=large, filters=Filters(user_id="ann"))} == {best, hers}

    def test_another_tenants_are_not_linked(self, tenant, other_tenant, remember, link):
        [best] = remember("Oslo in May.")
        services.remember(other_tenant, [new_memory("Oslo in June.")], actor="test")
        indexing.drain(other_tenant.id)
        reading.drain(other_tenant.id)
        assert link([best], text="nothing") == [best]

    def test_what_was_not_read_yet_links_nothing(self, tenant, remember, indexed):
        [best, _] = remember("Oslo in May.", "Oslo in June.")
        indexed()
        search = search_of(tenant, vector=self.VECTOR)
        with read_scope(tenant.id):
            found = found_in([], Words())
            assert candidates.linked(search, found, [best], most=8) is found


class TestScopes:
    def test_rows_and_speakers_of_a_tenant_and_of_a_user(self, tenant, remember):
        remember("a", "b", user_id="ann", speaker="Ann")
        remember("c", user_id="ben", speaker="Ben")
        assert scope_of(tenant.id, None) == SearchScope(3, False, False, ("Ann", "Ben"))
        assert scope_of(tenant.id, "ann") == SearchScope(2, False, False, ("Ann",))
        assert scope_of(tenant.id, "nobody") == SearchScope(0, False, False, ())

    def test_another_tenant_has_its_own(self, other_tenant, remember):
        remember("a", speaker="Ann")
        assert scope_of(other_tenant.id, None) == SearchScope(0, False, False, ())

    def test_it_is_looked_at_now_and_then(self, tenant, remember):
        before = scope_of(tenant.id, None)
        remember("a")
        assert scope_of(tenant.id, None) is before
        scopes.forget_all()
        assert scope_of(tenant.id, None).rows == 1

    def test_many_speakers_are_none(self, tenant, remember):
        services.remember(
            tenant,
            [new_memory(speaker=f"Speaker {n}") for n in range(scopes.MOST_SPEAKERS + 1)],
            actor="test",
        )
        assert scope_of(tenant.id, None).speakers == ()

    def test_a_large_one_is_counted_no_further_than_needed(self, tenant, remember, monkeypatch):
        monkeypatch.setattr(scopes, "exact_limit", lambda everything: 5)
        remember(*map(str, range(20)))
        assert scope_of(tenant.id, None) == SearchScope(6, True, False, ())

    def test_what_is_forgotten_leaves_it(self, tenant, remember):
        [first, _] = remember("a", "b")
        services.forget(tenant, first, actor="test")
        assert scope_of(tenant.id, None).rows == 1

    def test_the_limit_grows_with_the_installation(self):
        limits = [exact_limit(everything) for everything in (0, 1_000, 100_000, 10_000_000)]
        assert limits == sorted(limits)
        assert limits[0] >= 5_000
