"""What the stores share; what it finds is the contract's, in tests/backends/graph.py."""

import random
from uuid import UUID

import pytest

from graph.stores import walking
from graph.stores.walking import Deadline, Step
from memos_project.errors import Unavailable

PEOPLE, EACH = 1500, 20


class Watched(Deadline):
    """Over at a certain look at the clock."""

    def __init__(self, most: int) -> None:
        super().__init__(3600.0, field="max_depth")
        self.looks, self._most = 0, most

    def check(self) -> None:
        self.looks += 1
        if self.looks > self._most:
            raise self.missed()


@pytest.fixture(scope="module")
def search():
    """Look for the surest way to somebody whom one of many people knows, hardly."""
    rnd = random.Random(1)
    near = {UUID(int=n): [] for n in range(PEOPLE + 1)}
    ids = [*near]

    def knows(one, other, sure):
        step = Step(one, other, True, UUID(int=rnd.getrandbits(128)), sure)
        near[one].append(step)
        near[other].append(step._replace(outwards=False))

    for one in ids[:-1]:
        for other in rnd.sample(ids[:-1], EACH):
            if one != other:
                knows(one, other, rnd.uniform(0.3, 1))
    knows(ids[0], ids[-1], 0.02)

    def search(deadline):
        return walking.way(
            ids[1],
            ids[-1],
            lambda nodes: [step for node in nodes for step in near[node]],
            max_depth=6,
            weighted=True,
            deadline=deadline,
        )

    return search


def test_a_surest_way_is_looked_for_with_an_eye_on_the_clock(search):
    watched = Watched(10**9)
    steps, _ = search(watched)
    assert steps
    met = 2 * PEOPLE * EACH / walking.CHECKED
    assert watched.looks > met + 10  # while edges come in, and while the way is looked for among them
    for most in random.Random(2).sample(range(watched.looks), 10):
        with pytest.raises(Unavailable, match="max_depth"):
            search(Watched(most))


def test_the_surest_of_what_is_said_more_than_once_counts():
    one, other = UUID(int=1), UUID(int=2)
    said = [Step(one, other, True, UUID(int=n), sure) for n, sure in enumerate([0.5, 1.0, 0.1])]
    [step], _ = walking.way(one, other, lambda _: said, max_depth=2, weighted=True, deadline=Deadline(60))
    assert step.confidence == 1.0


@pytest.mark.parametrize(("which", "read_last"), [(0, walking.PORTION), (-1, 2 * walking.PORTION)])
def test_of_a_wide_level_no_more_is_read_than_it_takes_to_meet(which, read_last):
    """Two people who know many, of whom one knows one of the other's."""
    ann, ben, *people = (UUID(int=n) for n in range(2 + 4 * walking.PORTION))
    near = {each: [] for each in (ann, ben, *people)}

    def knows(one, other):
        step = Step(one, other, True, UUID(int=len(near[one])), 1.0)
        near[one].append(step)
        near[other].append(step._replace(outwards=False))

    anns, bens = people[: 2 * walking.PORTION], people[2 * walking.PORTION :]
    for each in anns:
        knows(ann, each)
    for each in bens:
        knows(each, ben)
    knows(anns[which], bens[3])
    asked = []

    def edges(nodes):
        asked.append(len(nodes))
        return [step for node in nodes for step in near[node]]

    steps, is_cut = walking.way(ann, ben, edges, max_depth=6, weighted=False, deadline=Deadline(60))
    assert [step.subject_id for step in steps] == [ann, anns[which], bens[3]]
    assert not is_cut
    assert sum(asked) == 2 + read_last
