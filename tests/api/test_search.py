import pytest

from memories import scopes

PATH = "/v1/memories/search"


@pytest.fixture(autouse=True)
def _cats(api, indexed):
    items = [
        {
            "content": "I adopted a grey cat called Misty.",
            "tags": ["pets"],
            "conversation_id": "c1",
            "kind": "message",
        },
        {"content": "Misty eats salmon.", "conversation_id": "c1", "kind": "message", "external_id": "e1"},
        {"content": "We meet at the harbour.", "user_id": "ann", "metadata": {"k": "v"}},
    ]
    api.post("/v1/memories", {"memories": items})
    indexed()
    scopes.forget_all()


def contents(answer):
    assert answer.status == 200, answer.body
    return [each["content"] for each in answer.body["results"]]


def test_the_best_comes_first_with_its_score(api):
    answer = api.post(PATH, {"query": "What does Misty eat?"})
    assert answer.body["degraded"] == []
    best = answer.body["results"][0]
    assert (best["external_id"], best["content"]) == ("e1", "Misty eats salmon.")
    assert 0 < best["score"] <= 1
    assert {"explanation", "context"}.isdisjoint(best)


def test_by_url_it_is_the_same(api):
    posted = api.post(
        PATH, {"query": "Misty", "top_k": 2, "mode": "text", "kind": ["message"], "explain": True}
    )
    got = api.get(PATH, query="Misty", top_k=2, mode="text", kind="message", explain="true")
    assert contents(got) == contents(posted)
    assert got.body["results"][0].keys() == posted.body["results"][0].keys()


@pytest.mark.parametrize(
    ("filters", "expected"),
    [({"user_id": "ann"}, 1), ({"tags": ["pets"]}, 1), ({"kind": ["message"]}, 2), ({"conversation_id": "c1"}, 2), ({"tier": [3]}, 0),
     ({"metadata": {"k": "v"}}, 1), ({"since": "2099-01-01T00:00:00Z"}, 0), ({"until": "2099-01-01T00:00:00Z"}, 3)],
    ids=str,
)  # fmt: skip
def test_filters(api, filters, expected):
    assert len(contents(api.post(PATH, {"query": "Misty", "mode": "vector", **filters}))) == expected


def test_an_explanation_names_what_made_the_score(api):
    [best, *_] = api.post(PATH, {"query": "Misty", "explain": True}).body["results"]
    assert best["explanation"].keys() == {"similarity", "importance", "recency", "weights", "signals"}
    assert best["explanation"]["signals"]


def test_context(api):
    [best, *_] = api.post(PATH, {"query": "salmon", "context": 1}).body["results"]
    assert [turn["content"] for turn in best["context"]] == ["I adopted a grey cat called Misty."]


def test_weights_threshold_and_budget(api):
    assert contents(api.post(PATH, {"query": "Misty", "threshold": 1})) == []
    assert contents(api.post(PATH, {"query": "Misty", "token_budget": 5})) == ["Misty eats salmon."]
    answer = api.post(PATH, {"query": "Misty", "weights": {"recency": 1, "strength": 1}, "explain": True})
    assert answer.body["results"][0]["explanation"]["weights"]["similarity"] == 0
    refused = api.post(PATH, {"query": "Misty", "weights": {"recency": 0}})
    assert (refused.status, refused.fields) == (400, ["weights"])


def test_another_tenant_finds_nothing(other_api):
    assert contents(other_api.post(PATH, {"query": "Misty"})) == []


def test_messages_only_at_the_promised_path(api, tenant):
    answer = api.get("/v1/memory/search", query="harbour Misty", tenant_id=tenant.slug, top_k=9)
    assert {each["kind"] for each in answer.body["results"]} == {"message"}
    assert len(contents(api.get("/v1/memory/search", query="Misty", conversation_id="c1"))) == 2
    assert contents(api.get("/v1/memory/search", query="Misty", conversation_id="c2")) == []


def test_a_strength_alone_leaves_the_other_weights_as_they_are(api):
    answer = api.post(PATH, {"query": "Misty", "weights": {"strength": 0.5}, "explain": True})
    weights = answer.body["results"][0]["explanation"]["weights"]
    assert weights == {"similarity": 0.6, "importance": 0.3, "recency": 0.1, "strength": 0.5}
