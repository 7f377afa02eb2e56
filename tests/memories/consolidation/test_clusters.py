"""Which rows belong together."""

import numpy as np

from memories.consolidation.clusters import LEAST, MOST, centred, common, nearest, stars


def around(*angles):
    """Unit vectors in the plane, by degrees."""
    radians = np.deg2rad(angles)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def groups(vectors, threshold=0.9, fresh=None):
    return [
        sorted(each) for each in stars(vectors, threshold=threshold, fresh=fresh or [True] * len(vectors))
    ]


class TestStars:
    def test_rows_alike_come_together(self):
        assert groups(around(0, 90, 5, 95, 10, 85)) == [[0, 2, 4], [1, 3, 5]]

    def test_two_are_too_few(self):
        assert LEAST == 3
        assert groups(around(0, 5)) == []

    def test_the_leader_comes_first(self):
        assert stars(around(0, 20, 10), threshold=0.98, fresh=[True] * 3)[0][0] == 2

    def test_the_best_group_is_chosen_first(self):
        assert groups(around(0, 30, 32, 34, 36, 66))[0] == [1, 2, 3, 4]

    def test_a_row_is_in_one_group(self):
        found = groups(around(*range(0, 120, 4)))
        members = [row for each in found for row in each]
        assert len(members) == len(set(members))

    def test_no_group_is_too_large(self):
        assert max(map(len, groups(around(*[0] * 40)))) == MOST

    def test_what_is_old_alone_makes_none(self):
        fresh = [False, False, False, True, False, False]
        assert groups(around(0, 1, 2, 90, 91, 92), fresh=fresh) == [[3, 4, 5]]

    def test_nothing_of_nothing(self):
        assert groups(np.zeros((0, 2), dtype=np.float32)) == []


class TestCommon:
    def test_of_many_it_is_the_mean_nearly(self):
        vectors = around(*[30] * 5000)
        assert np.allclose(common(vectors), vectors[0], atol=0.02)

    def test_of_few_next_to_nothing(self):
        assert np.linalg.norm(common(around(30, 30))) < 0.05

    def test_without_it_rows_have_length_one(self):
        vectors = around(0, 10, 20)
        assert np.allclose(np.linalg.norm(centred(vectors, common(vectors)), axis=1), 1.0)

    def test_a_row_that_is_nothing_else_stays_finite(self):
        assert np.isfinite(centred(around(30), around(30)[0])).all()


def test_nearest_is_the_likest_above_the_threshold():
    assert nearest(around(0, 50, 90), around(88, 3), threshold=0.9) == [1, None, 0]
