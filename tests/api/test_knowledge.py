PATH = "/v1/knowledge"


def test_it_is_stored_and_listed(api):
    answer = api.post(
        PATH,
        {"content": "The sea is salt.", "category": "nature", "title": "Sea", "doc_id": "d1", "tags": ["a"]},
    )
    assert (answer.status, answer.body["status"], answer.body["external_id"]) == (201, "created", "d1")
    [found] = api.get(PATH).body["results"]
    assert (found["kind"], found["category"], found["title"], found["tags"]) == (
        "knowledge",
        "nature",
        "Sea",
        ["a"],
    )


def test_it_is_listed_and_found_by_category(api):
    for category in ("sea", "land"):
        api.post(PATH, {"content": f"What lives in the {category}.", "category": category})
    for answer in (
        api.get(PATH, category="sea"),
        api.get("/v1/memories/search", query="What lives where?", category="sea"),
        api.post("/v1/memories/search", {"query": "What lives where?", "category": "sea"}),
    ):
        assert [each["category"] for each in answer.body["results"]] == ["sea"]


def test_the_same_doc_id_is_brought_up_to_date(api):
    first = api.post(PATH, {"content": "Old.", "doc_id": "d1"})
    second = api.post(PATH, {"content": "New.", "doc_id": "d1", "title": "T"})
    assert (second.status, second.body["status"], second.body["id"]) == (200, "updated", first.body["id"])
    [found] = api.get(PATH).body["results"]
    assert (found["content"], found["title"], found["version"]) == ("New.", "T", 2)
    assert api.post(PATH, {"content": "New.", "doc_id": "d1", "title": "T"}).body["status"] == "duplicate"


def test_its_words_are_found_after_a_change(api):
    api.post(PATH, {"content": "A walrus.", "doc_id": "d1"})
    api.post(PATH, {"content": "A penguin.", "doc_id": "d1"})
    found = {
        word: len(api.get("/v1/memories/search", query=word, mode="text").body["results"])
        for word in ("walrus", "penguin")
    }
    assert found == {"walrus": 0, "penguin": 1}


def test_without_a_doc_id_the_content_decides(api):
    statuses = [api.post(PATH, {"content": "The sea is salt."}).body["status"] for _ in range(2)]
    assert statuses == ["created", "duplicate"]


def test_a_doc_id_is_the_tenants_own(api, other_api):
    api.post(PATH, {"content": "Ours.", "doc_id": "d1"})
    assert other_api.post(PATH, {"content": "Theirs.", "doc_id": "d1"}).status == 201
    assert [each["content"] for each in api.get(PATH).body["results"]] == ["Ours."]


def test_other_kinds_are_not_listed(api, remember):
    remember("a fact", kind="fact")
    assert api.get(PATH).body["results"] == []


def test_a_memory_of_that_external_id_is_not_overwritten(api, remember):
    remember("a note of mine", kind="note", external_id="d1")
    answer = api.post(PATH, {"content": "Knowledge.", "doc_id": "d1"})
    assert answer.status == 409
    assert [each["content"] for each in api.get("/v1/memories").body["results"]] == ["a note of mine"]
