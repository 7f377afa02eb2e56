"""The entities of a session, asked for as it goes on."""

import pytest

from memories.working.store import key_of
from memos_project.redis import client

pytestmark = pytest.mark.django_db
PATH = "/v1/sessions/chat/entities"


def say(api, *texts, speaker="Nina", **more):
    messages = [
        {"content": text, "conversation_id": "chat", "speaker": speaker, "user_id": "u", **more}
        for text in texts
    ]
    return [each["id"] for each in api.post("/v1/messages", {"messages": messages}).body["results"]]


def names(api, **params):
    return [each["name"] for each in api.get(PATH, **params).body["entities"]]


def kept(tenant):
    return [*client().scan_iter(f"{key_of(tenant.id, 'entities')}:*")]


def test_who_is_spoken_of(api):
    say(api, "My manager Elizabeth Smith moved to Lisbon.", "Ms Smith is on holiday now.")
    answer = api.get(PATH).body
    found = {each["name"]: each for each in answer["entities"]}
    assert found["Elizabeth Smith"]["mentions"] == 2
    assert "holiday" in found["Elizabeth Smith"]["state"]
    assert "Elizabeth Smith" in answer["rendering"]
    assert answer["turns"] == 2
    assert answer["tokens"]["turns"] > 0


def test_it_goes_on_where_it_stopped(api, tenant):
    say(api, "Elizabeth Smith moved to Lisbon.")
    assert "Elizabeth Smith" in names(api)
    assert len(kept(tenant)) == 1
    say(api, "I met Robert Miller.")
    later = api.get(PATH).body
    client().delete(*kept(tenant))
    assert api.get(PATH).body == later
    assert {"Elizabeth Smith", "Robert Miller"} <= {each["name"] for each in later["entities"]}


def test_what_was_forgotten_or_changed_is_not_spoken_of(api, tenant):
    first, second = say(api, "Elizabeth Smith moved to Lisbon.", "I met Robert Miller.")
    names(api)
    api.delete(f"/v1/memories/{first}")
    api.patch(f"/v1/memories/{second}", {"content": "I met Paul Miller."})
    assert "Elizabeth Smith" not in names(api)
    assert "Robert Miller" not in names(api)
    assert "Paul Miller" in names(api)


def test_a_turn_in_the_place_of_a_forgotten_one_is_read(api):
    say(api, "I met Paul Miller.")
    [secret] = say(api, "Robert Fleming has a secret illness.")
    assert "Robert Fleming" in names(api)
    api.delete(f"/v1/memories/{secret}")
    say(api, "I met Martha Jones.")
    assert "Robert Fleming" not in names(api)
    assert "Martha Jones" in names(api)


def test_the_rendering_keeps_to_its_budget(api):
    say(api, *(f"I met {name} Miller." for name in ("Robert", "Susan", "Paul", "Maria")))
    assert len(api.get(PATH, budget=40).body["rendering"]) <= 40
    assert api.get(PATH, budget=0).body["rendering"] == ""


@pytest.mark.usefixtures("redis_down")
def test_without_redis_it_is_read_anew(api):
    say(api, "Elizabeth Smith moved to Lisbon.")
    assert "Elizabeth Smith" in names(api)


def test_bad_requests(api, other_api):
    assert api.get("/v1/sessions/nothing/entities").status == 404
    say(other_api, "Elizabeth Smith moved to Lisbon.")
    assert api.get(PATH).status == 404
    say(api, "Hello.")
    assert api.get(PATH, budget="x").fields == ["budget"]
    say(api, "Hello.", user_id="v")
    assert api.get(PATH).fields == ["user_id"]
    assert api.get(PATH, user_id="v").status == 200
