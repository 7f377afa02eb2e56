"""What an entry of a scratchpad is worth: its weight, its use, and what is known already."""

import pytest

from memories import accesses, worth
from memories.embeddings import ProviderUnavailable
from memories.models import Memory
from memories.working import scratchpads
from memories.working.scratchpads import NewEntry
from memos_project.db import tenant_scope
from memos_project.later import done as finish_later

pytestmark = pytest.mark.django_db
PORT = "The staging database listens on port 5433."
SAME = "The staging database is listening on port 5433."
OTHER_PORT = "The staging database listens on port 5444."
TEA = "Ada prefers green tea in the afternoon."


@pytest.fixture
def write(tenant):
    def write(content, **fields):
        return scratchpads.append(tenant, "s", NewEntry(part="observations", content=content, **fields)).id

    return write


@pytest.fixture
def scores(tenant):
    def scores(threshold=0.35):
        pad = scratchpads.whole(tenant.id, "s")
        return worth.scores(tenant, pad, pad, threshold=threshold)[0]

    return scores


class TestFormula:
    @pytest.mark.parametrize(
        ("weight", "reuse", "expected"), [(0.5, 0, 0.5), (0, 0, 0), (1, 5, 1), (0.2, 1, 0.4), (0.2, 2, 0.5), (0, 50, 0.5)]
    )  # fmt: skip
    def test_worth(self, weight, reuse, expected):
        assert worth.worth(weight, reuse) == pytest.approx(expected)

    def test_what_is_used_gains(self, write, scores):
        used = write(PORT, weight=0.2)
        for n in range(2):
            write(f"Step {n}", weight=0, uses=[used, used])
        assert scores()[used].reuse == 2
        assert scores()[used].score == pytest.approx(0.5)

    def test_nothing_is_looked_up_for_what_cannot_reach_the_threshold(
        self, write, scores, django_assert_num_queries
    ):
        light = write(PORT, weight=0.1)
        with django_assert_num_queries(0):
            found = scores()
        assert found[light] == worth.Score(0.1, 0, None, None)


class TestNovelty:
    def test_against_memories(self, minilm, remember, indexed, write, scores):
        [known] = remember(PORT)
        remember(TEA)
        indexed()
        same, new = write(SAME), write("Deploys happen on Tuesdays before noon.")
        found = scores()
        assert found[same].score < 0.1
        assert found[same].nearest == known
        assert found[new].score > 0.4

    def test_before_the_memory_has_its_vector(self, minilm, remember, write, scores):
        remember(PORT)
        again = write(PORT)
        assert scores()[again].score < 0.1

    def test_a_changed_number_is_news(self, minilm, remember, indexed, write, scores):
        remember(PORT)
        indexed()
        changed = write(OTHER_PORT)
        assert scores()[changed].novelty == pytest.approx(0.75)

    def test_of_two_that_say_the_same_the_worthier_is_kept(self, minilm, write, scores):
        first, second, changed = write(PORT, weight=0.5), write(SAME, weight=0.9), write(OTHER_PORT)
        found = scores()
        assert found[second].score == pytest.approx(0.9)
        assert found[first].score < 0.1
        assert found[changed].score > 0.35

    def test_without_vectors_words_decide(self, write, scores, monkeypatch, tenant):
        def down(*args):
            raise ProviderUnavailable("down")

        monkeypatch.setattr(worth, "embed_query", down)
        monkeypatch.setattr("memories.retrieval.embed_query", down)
        first, second, third = write(PORT), write(PORT), write(TEA)
        pad = scratchpads.whole(tenant.id, "s")
        found, degraded = worth.scores(tenant, pad, pad, threshold=0.35)
        assert [found[each].novelty > 0.5 for each in (first, second, third)] == [True, False, True]
        assert degraded == ["vectors"]

    def test_a_user_is_told_what_another_knows(self, remember, indexed, write, scores):
        remember(PORT, user_id="ben")
        indexed()
        anns, bens, nobodys = write(PORT, user_id="ann"), write(PORT, user_id="ben"), write(PORT)
        found = scores()
        assert found[anns].score > 0.4
        assert found[bens].score < 0.1
        assert found[nobodys].score < 0.1

    def test_another_tenants_memories_do_not_count(self, other_tenant, remember, indexed, write, scores):
        remember(PORT, of=other_tenant)
        indexed()
        mine = write(PORT)
        assert scores()[mine].novelty == 1
        assert scores()[mine].nearest is None

    def test_to_be_looked_at_is_not_to_be_used(self, tenant, remember, indexed, write, scores):
        remember(PORT)
        indexed()
        write(PORT)
        scores()
        finish_later()
        accesses.flush()
        with tenant_scope(tenant.id):
            assert Memory.objects.get().access_count == 0

    @pytest.mark.parametrize("content", ["?", "\u2028 x", "🦜" * 3000, "a " * 5000, "%s {} \\", "'"])
    def test_any_text(self, remember, indexed, write, scores, content):
        remember(content)
        indexed()
        mine = write(content)
        assert 0 <= scores()[mine].score <= 1
