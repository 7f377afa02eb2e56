from memories import reading, scopes

STORED = {"memory_id", "embedding_id", "concepts_extracted", "neo4j_node"}


def test_store_answers_its_promised_fields(api):
    answer = api.post(
        "/memory/store", {"content": "Django migrations change the database schema.", "metadata": {"a": 1}}
    )
    assert (answer.status, answer.body.keys()) == (200, STORED)
    assert answer.body["neo4j_node"] is None
    assert any("migration" in each.lower() for each in answer.body["concepts_extracted"])
    stored = api.get(f"/v1/memories/{answer.body['memory_id']}").body
    assert (stored["metadata"], stored["kind"]) == ({"a": 1}, "observation")


def test_metadata_says_what_memos_has_columns_for(api):
    said = {
        "user_id": "ann", "agent_id": "scout", "conversation_id": "c", "role": "assistant", "speaker": "Ann", "tags": ["x"],
        "importance": 0.9, "external_id": "e", "occurred_at": "2026-05-03T12:00:00Z",
    }  # fmt: skip
    answer = api.post("/memory/store", {"content": "x", "metadata": said})
    stored = api.get(f"/v1/memories/{answer.body['memory_id']}").body
    assert {name: stored[name] for name in said} == said


def test_and_is_held_to_the_same_rules(api):
    answer = api.post("/memory/store", {"content": "x", "metadata": {"importance": 7}})
    assert (answer.status, answer.fields) == (400, ["metadata.importance"])


def test_the_same_again_is_the_same(api):
    ids = {api.post("/memory/store", {"content": "x"}).body["memory_id"] for _ in range(2)}
    assert len(ids) == 1


def test_query_answers_memories_and_tools(api, indexed):
    api.post("/memory/store", {"content": "A grey cat."})
    indexed()
    scopes.forget_all()
    answer = api.post("/memory/query", {"query": "cat", "top_k": 3})
    assert answer.status == 200
    assert [each["content"] for each in answer.body["memories"]] == ["A grey cat."]
    assert (answer.body["tools"], answer.body["total_memories"], answer.body["total_tools"]) == ([], 1, 0)


def test_another_tenant_finds_nothing(api, other_api):
    api.post("/memory/store", {"content": "A grey cat."})
    assert other_api.post("/memory/query", {"query": "cat"}).body["total_memories"] == 0


def test_a_fact_is_a_node_of_the_graph_once_it_is_read(api, tenant, indexed):
    answer = api.post(
        "/memory/tier/3/store", {"content": "Ada lives in Berlin.", "metadata": {"user_id": "u"}}
    )
    node = answer.body.pop("memory_node")
    assert (answer.status, answer.body) == (200, {"tier": 3, "storage": "postgres"})
    memory = api.get(f"/v1/memories/{node}").body
    assert (memory["kind"], memory["tier"], memory["user_id"]) == ("fact", 3, "u")
    indexed()
    reading.drain(tenant.id)
    near = api.get(f"/graph/related/{node}", mentions=True).body
    assert near["start"]["label"] == "memory"
    assert {"Ada", "Berlin"} <= {each["node"]["name"] for each in near["found"]}
