import pytest

from memories.models import Memory
from memos_project.db import tenant_scope

PATH = "/v1/messages"


def test_a_message_is_a_turn_of_its_conversation(api):
    for text in ("Hello.", "What is new?"):
        assert api.post(PATH, {"content": text, "conversation_id": "c1", "user_id": "ann"}).status == 201
    turns = api.get("/v1/conversations/c1/messages").body["results"]
    assert [(each["turn"], each["content"], each["kind"]) for each in turns] == [
        (1, "Hello.", "message"),
        (2, "What is new?", "message"),
    ]


@pytest.mark.parametrize(
    ("fields", "role"),
    [({}, "user"), ({"speaker": "Ann"}, "user"), ({"speaker": "ASSISTANT"}, "assistant"), ({"speaker": "tool"}, "tool"),
     ({"role": "system", "speaker": "assistant"}, "system")],
    ids=str,
)  # fmt: skip
def test_the_role_is_given_or_named_by_the_speaker_or_the_users(api, fields, role):
    api.post(PATH, {"content": "x", **fields})
    assert api.get(PATH).body["results"][0]["role"] == role


def test_importance_is_scored_unless_it_is_said(api):
    messages = [
        {"content": "Remember: I am allergic to nuts."},
        {"content": "ok"},
        {"content": "ok then", "importance": 0.99},
    ]
    api.post(PATH, {"messages": messages})
    importance = {each["content"]: each["importance"] for each in api.get(PATH).body["results"]}
    assert importance["ok then"] == 0.99
    assert importance["Remember: I am allergic to nuts."] > 0.6 > importance["ok"]


def test_a_batch_keeps_the_order_of_the_turns(api):
    messages = [{"content": f"Turn {n}.", "conversation_id": "c"} for n in range(100)]
    results = api.post(PATH, {"messages": messages}).body["results"]
    assert {each["status"] for each in results} == {"created"}
    turns = api.get("/v1/conversations/c/messages", limit=1000).body["results"]
    assert [each["id"] for each in turns] == [each["id"] for each in results]
    assert [each["turn"] for each in turns] == [*range(1, 101)]


def test_a_kind_is_not_asked_for(api, tenant):
    api.post(PATH, {"content": "x", "kind": "fact", "tier": 3})
    with tenant_scope(tenant.id):
        assert Memory.objects.get().kind == "message"


def test_other_kinds_are_not_listed(api, remember):
    remember("a fact", kind="fact")
    api.post(PATH, {"content": "a message"})
    assert [each["content"] for each in api.get(PATH).body["results"]] == ["a message"]
    assert [each["content"] for each in api.get(PATH, kind="fact").body["results"]] == ["a message"]


def test_the_plural_of_another_path_is_no_message(api):
    answer = api.post(PATH, {"memories": [{"content": "x"}]})
    assert (answer.status, answer.fields) == (400, ["content"])
