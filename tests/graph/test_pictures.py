"""What is around an entity and its timeline, drawn: all that is told is told as text."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4
from xml.etree import ElementTree

import pytest

from graph import neighbourhoods, queries, services
from graph.models import Relation
from graph.pictures import draw_neighbourhood, draw_timeline
from graph.services import Source
from memos_project.db import tenant_scope
from memos_project.errors import NotFound
from tests.factories import saying, statement

pytestmark = pytest.mark.django_db
SVG = "{http://www.w3.org/2000/svg}"
THEN = datetime(2024, 5, 1, tzinfo=UTC)
NASTY = "</text><script>alert(1)</script>\" onload='x'&\x07"
PLACES = dict.fromkeys(("Berlin", "Paris", "Germany", NASTY), "place")


@pytest.fixture
def learn(tenant, remember):
    def learn(*statements) -> UUID:
        [memory_id] = remember(user_id=uuid4().hex)
        with tenant_scope(tenant.id):
            services.learn(tenant.id, [(Source(memory_id, "hash", THEN), saying(*statements, **PLACES))])
        return memory_id

    return learn


@pytest.fixture
def ada(tenant, learn):
    """Ada moved from Berlin to Paris, and knows Ben, who lives in Berlin."""
    learn(statement("Ada", "lives_in", "Berlin", THEN), statement("Ada", "knows", "Ben", THEN))
    learn(statement("Ada", "lives_in", "Paris", THEN + timedelta(30)))
    learn(statement("Ada", "knows", "Ben", THEN), statement("Ben", "lives_in", "Berlin", THEN))
    return queries.search(tenant.id, "Ada", kind="person")[0].id


def ties(found: neighbourhoods.Neighbourhood) -> set[tuple[str, str, str, bool]]:
    names = {each.id: each.name for each in found.nodes}
    return {
        (names[each.subject_id], each.predicate, names[each.object_id], each.is_ended) for each in found.edges
    }


class TestNeighbourhood:
    def test_what_holds_within_some_steps(self, tenant, ada):
        near = neighbourhoods.around(tenant.id, ada)
        assert ties(near) == {("Ada", "lives_in", "Paris", False), ("Ada", "knows", "Ben", False)}
        assert (near.nodes[0].name, near.nodes[0].depth) == ("Ada", 0)
        far = neighbourhoods.around(tenant.id, ada, depth=2)
        assert ties(far) == ties(near) | {("Ben", "lives_in", "Berlin", False)}
        assert {each.name: each.depth for each in far.nodes} == {"Ada": 0, "Ben": 1, "Paris": 1, "Berlin": 2}

    def test_what_several_say_is_one_line(self, tenant, ada):
        [knows] = [each for each in neighbourhoods.around(tenant.id, ada).edges if each.predicate == "knows"]
        assert len(knows.memory_ids) == 2

    def test_with_what_has_ended(self, tenant, ada):
        found = neighbourhoods.around(tenant.id, ada, ended=True)
        assert ("Ada", "lives_in", "Berlin", True) in ties(found)
        [berlin] = [each for each in found.edges if each.is_ended]
        assert berlin.valid_to == THEN + timedelta(30)

    def test_what_begins_later_is_not_there_yet(self, tenant, learn):
        learn(statement("Cleo", "lives_in", "Berlin", datetime(2999, 1, 1, tzinfo=UTC)))
        [cleo] = queries.search(tenant.id, "Cleo")
        assert neighbourhoods.around(tenant.id, cleo.id, ended=True).edges == []

    def test_no_more_than_asked_for(self, tenant, ada):
        found = neighbourhoods.around(tenant.id, ada, depth=2, limit=1, ended=True)
        assert (len(found.nodes), found.is_cut) == (2, True)

    def test_unknown_or_another_tenants(self, tenant, other_tenant, ada):
        for of, pk in ((tenant, uuid4()), (other_tenant, ada)):
            with pytest.raises(NotFound):
                neighbourhoods.around(of.id, pk)

    def test_the_picture_has_every_node_and_line_and_is_always_the_same(self, tenant, ada):
        found = neighbourhoods.around(tenant.id, ada, depth=2, ended=True)
        drawn = draw_neighbourhood(found)
        root = ElementTree.fromstring(drawn)
        assert len(root.findall(f".//{SVG}circle")) == len(found.nodes)
        assert len(root.findall(f".//{SVG}line")) == len(found.edges)
        assert drawn == draw_neighbourhood(neighbourhoods.around(tenant.id, ada, depth=2, ended=True))

    def test_names_are_but_text(self, tenant, learn):
        learn(statement("Ada", "lives_in", NASTY, THEN))
        [ada] = queries.search(tenant.id, "Ada")
        root = ElementTree.fromstring(draw_neighbourhood(neighbourhoods.around(tenant.id, ada.id)))
        assert root.findall(f".//{SVG}script") == []
        assert NASTY.replace("\x07", "\ufffd") + " (place)" in [
            each.text for each in root.iter(f"{SVG}title")
        ]

    def test_nothing_around_it(self, tenant, learn):
        memory_id = learn(statement("Ada", "knows", "Ben", THEN))
        with tenant_scope(tenant.id):
            Relation.objects.filter(memory_id=memory_id).delete()
        [ada] = queries.search(tenant.id, "Ada")
        assert "Nothing holds of it now." in draw_neighbourhood(neighbourhoods.around(tenant.id, ada.id))


class TestHttp:
    def test_as_json_and_as_a_picture(self, api, ada):
        path = f"/v1/entities/{ada}/neighbourhood"
        found = api.get(path, depth=2, ended="true").body
        assert {each["name"] for each in found["nodes"]} == {"Ada", "Ben", "Berlin", "Paris"}
        assert sum(each["is_ended"] for each in found["edges"]) == 1
        for answer in (api.get(path, format="svg"), api.get(path, headers={"accept": "image/svg+xml"})):
            assert (answer.status, answer.headers["Content-Type"]) == (200, "image/svg+xml; charset=utf-8")
            assert "sandbox" in answer.headers["Content-Security-Policy"]
            assert ElementTree.fromstring(answer.body).tag == f"{SVG}svg"

    def test_bad_input(self, api, other_api, ada):
        path = f"/v1/entities/{ada}/neighbourhood"
        for name, value in (("depth", 3), ("depth", 0), ("limit", 201), ("ended", "perhaps")):
            assert api.get(path, **{name: value}).fields == [name]
        missing = other_api.get(path, format="svg")
        assert (missing.status, missing.headers["Content-Type"]) == (404, "application/problem+json")
        assert missing.body["status"] == 404
        assert api.get(path, headers={"accept": "text/html"}).status == 406


class TestTimeline:
    def draw(self, tenant, ada, **more):
        facts = queries.timeline(tenant.id, ada)
        return draw_timeline(
            ada,
            facts,
            queries.denials(tenant.id, ada),
            now=datetime(2025, 1, 1, tzinfo=UTC),
            link=str,
            **more,
        )

    def test_a_bar_for_each_fact(self, tenant, ada):
        drawn, left_out = self.draw(tenant, ada)
        root = ElementTree.fromstring(drawn)
        bars = root.findall(f".//{SVG}rect")
        assert (len(bars), left_out) == (4, 0)
        assert sum("ended" in each.get("class") for each in bars) == 1
        titles = [each.text for each in root.iter(f"{SVG}title")]
        assert any("Ada lives in Berlin: 1 May 2024 – 31 May 2024, learned on" in each for each in titles)

    def test_what_did_not_hold_at_a_moment_is_paler(self, tenant, ada):
        drawn, _ = self.draw(tenant, ada, at=THEN + timedelta(5))
        pale = [
            each for each in ElementTree.fromstring(drawn).iter(f"{SVG}rect") if "pale" in each.get("class")
        ]
        assert len(pale) == 1

    def test_what_was_denied(self, tenant, ada):
        [paris] = [each for each in queries.as_of(tenant.id, ada) if each.object == "Paris"]
        services.end_relation(tenant.id, paris.id, at=THEN + timedelta(90), actor="ann")
        drawn, _ = self.draw(tenant, ada)
        assert "Denied from 30 Jul 2024 on, said by a curator" in drawn

    @pytest.mark.parametrize("begin", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC),
                                       datetime(2024, 12, 31, 23, 59, tzinfo=UTC), datetime(2024, 3, 5, tzinfo=UTC)])  # fmt: skip
    def test_of_any_time(self, tenant, learn, begin):
        learn(statement("Ada", "lives_in", NASTY, begin))
        [ada] = queries.search(tenant.id, "Ada")
        root = ElementTree.fromstring(self.draw(tenant, ada.id)[0])
        assert root.findall(f".//{SVG}script") == []
        assert len(root.findall(f".//{SVG}rect")) == 1

    def test_the_latest_lanes(self, tenant, learn):
        said = [
            statement("Ada", "visited", f"Town {number} {uuid4().hex}", THEN + timedelta(number))
            for number in range(70)
        ]
        learn(*said)
        [ada] = queries.search(tenant.id, "Ada", limit=1)
        drawn, left_out = self.draw(tenant, ada.id)
        assert left_out == 10
        assert "Town 69" in drawn
        assert "Town 9 " not in drawn
