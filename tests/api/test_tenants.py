"""Every address, asked by one tenant for what belongs to another: nothing is told, nothing is changed."""

import re

import orjson
import pytest
from django.db import connection
from django.urls import URLPattern, get_resolver
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from graph import merging
from graph import services as graph
from graph.models import Doubt, Entity, Relation
from graph.services import Source
from memories import services
from memories.consolidation import runs
from memories.models import Conversation, Memory
from memories.working import blackboards, keyvalue, leases, llm_cache, scratchpads
from memories.working.scratchpads import NewEntry
from memories.working.store import key_of as working_key
from memos_project.api.views import encode_cursor
from memos_project.db import tenant_scope
from memos_project.redis import client
from tests.factories import Api, make_key, saying, statement

MARK = "zebrafinch"  # in every text of the other tenant, and in no answer

# Addresses that tell nothing of any tenant, or are checked elsewhere (the admin has a login of its own).
PUBLIC = {"", "health", "metrics", "v1/schema", "docs"}
METHODS = {
    "v1/memories": "GET POST",
    "v1/memories/search": "GET POST",
    "v1/memories/<uuid:memory_id>": "GET PATCH DELETE",
    "v1/memories/<uuid:memory_id>/versions": "GET",
    "v1/memories/<uuid:memory_id>/receipt": "GET",
    "v1/messages": "GET POST",
    "v1/memory/search": "GET",
    "v1/knowledge": "GET POST",
    "v1/conversations": "GET",
    "v1/conversations/<str:conversation>": "GET",
    "v1/conversations/<str:conversation>/messages": "GET",
    "v1/me": "GET",
    "v1/admin/health": "GET",
    "memory/store": "POST",
    "memory/query": "POST",
    "memory/tier/1/store": "POST",
    "memory/tier/1/<str:key>": "GET",
    "memory/tier/3/store": "POST",
    "v1/cache": "PUT DELETE",
    "v1/cache/lookup": "POST",
    "v1/cache/usage": "GET",
    "v1/openai/chat/completions": "POST",
    "v1/blackboards": "GET",
    "v1/blackboards/<str:board>": "DELETE",
    "v1/blackboards/<str:board>/agents": "POST",
    "v1/blackboards/<str:board>/posts": "GET POST",
    "v1/blackboards/<str:board>/claims": "GET",
    "v1/blackboards/<str:board>/claims/<str:name>": "PUT DELETE",
    "v1/blackboards/<str:board>/handles": "GET",
    "v1/blackboards/<str:board>/handles/<str:name>": "PUT DELETE",
    "v1/entities": "GET",
    "v1/entities/<uuid:entity_id>": "GET",
    "v1/entities/<uuid:entity_id>/timeline": "GET",
    "v1/entities/<uuid:entity_id>/facts": "GET",
    "v1/entities/<uuid:entity_id>/memories": "GET",
    "v1/entities/<uuid:entity_id>/neighbourhood": "GET",
    "v1/entities/<uuid:entity_id>/merges": "POST",
    "graph/query": "POST",
    "graph/related/<uuid:node_id>": "GET",
    "graph/path/<uuid:start>/<uuid:end>": "GET",
    "v1/merges": "GET",
    "v1/merges/<uuid:merge_id>/undo": "POST",
    "v1/entities/<uuid:entity_id>/split": "POST",
    "v1/splits/<uuid:split_id>/undo": "POST",
    "v1/relations/<uuid:relation_id>": "GET DELETE",
    "v1/relations/<uuid:relation_id>/end": "POST",
    "v1/relations/<uuid:relation_id>/restore": "POST",
    "v1/doubts": "GET",
    "v1/doubts/<uuid:doubt_id>": "POST",
    "v1/notes": "GET POST",
    "v1/notes/<uuid:note_id>": "GET",
    "v1/consolidations": "GET POST",
    "v1/consolidations/<uuid:run_id>": "GET",
    "v1/consolidations/<uuid:run_id>/undo": "POST",
    "v1/scratchpads": "GET",
    "v1/scratchpads/<str:session>": "GET DELETE",
    "v1/scratchpads/<str:session>/entries": "POST",
    "v1/scratchpads/<str:session>/promote": "POST",
    "v1/sessions/<str:session>/end": "POST",
    "v1/sessions/<str:session>/entities": "GET",
    "v1/working/read": "POST",
    "v1/working/<str:scope>": "GET",
    "v1/working/<str:scope>/<str:key>": "GET PUT DELETE",
    "v1/working/<str:scope>/<str:key>/increment": "POST",
    "v1/working/<str:scope>/<str:key>/append": "POST",
}

# Which of the other's ids stands where in an address.
PLACES = {
    "entity_id": "entity",
    "node_id": "entity",
    "start": "entity",
    "end": "memory",
    "merge_id": "merge",
    "split_id": "split",
    "relation_id": "relation",
    "doubt_id": "doubt",
    "note_id": "note",
    "run_id": "run",
}


def addresses(patterns=None, prefix=""):
    """Every address of the URL conf but the admin's."""
    for each in patterns or get_resolver().url_patterns:
        route = prefix + str(each.pattern)
        if isinstance(each, URLPattern):
            yield route
        elif route != "admin/":
            yield from addresses(each.url_patterns, route)


def test_every_address_is_walked():
    assert {*addresses()} == PUBLIC | METHODS.keys()


def test_every_method_is_walked(tenant):
    api = Api(make_key(tenant, "operator"))
    for address, methods in METHODS.items():
        path = "/" + address.replace("<uuid:memory_id>", str(tenant.id)).replace("<str:conversation>", "c")
        path = path.replace("<str:scope>", "tenant").replace("<str:key>", "k").replace("<str:session>", "c")
        path = re.sub("<uuid:[^>]*>", str(tenant.id), path)
        path = path.replace("<str:board>", "b").replace("<str:name>", "n")
        allowed = {*api.send("OPTIONS", path).headers["Allow"].split(", ")} - {"OPTIONS", "HEAD"}
        assert allowed == {*methods.split()}, address


@pytest.fixture
def theirs(other_tenant, remember, indexed):
    """What the other tenant has, by the places where a caller might name it."""
    fields = {"title": MARK, "speaker": MARK, "tags": [MARK], "metadata": {"k": MARK}, "category": MARK}
    ids = remember(
        *(f"The {MARK} sings {n}." for n in range(3)),
        of=other_tenant,
        user_id="ann",
        conversation_id="chat",
        kind="message",
        **fields,
    )
    ids += remember(f"A {MARK} flies.", of=other_tenant, external_id="e1", user_id="ann", **fields)
    ids += remember(f"A {MARK} is a bird.", of=other_tenant, external_id="doc", kind="knowledge", **fields)
    services.revise(other_tenant, ids[0], {"content": f"The {MARK} sang."}, actor="test")
    indexed()
    llm_cache.put(other_tenant, llm_cache.Request("m", [{"role": "user", "content": "Hi"}], {}), MARK)
    keyvalue.put(other_tenant, "tenant", "k", {"content": MARK, "metadata": {}}, ttl=60)
    now = timezone.now()
    said = [statement(f"{MARK} {name}", "lives_in", MARK, now) for name in ("Ada", "Adah", "Ben")]
    with tenant_scope(other_tenant.id):
        thread = Conversation.objects.get()
        graph.learn(other_tenant.id, [(Source(ids[0], "hash", now), saying(*said, **{MARK: "place"}))])
        entities = list(Entity.objects.order_by("pk").values_list("pk", flat=True))
        relation = Relation.objects.values_list("pk", flat=True)[0]
        merge = merging.merge(other_tenant.id, entities[0], entities[-1], actor="test")
        split = merging.split(
            other_tenant.id, entities[0], [Entity.objects.get(pk=entities[0]).name], actor="test"
        )
        doubt = Doubt.objects.create(
            tenant_id=other_tenant.id, one_id=entities[0], other_id=entities[1], likeness=0.9
        )
    note = services.NewNote(
        content=f"{MARK} {MARK}",
        context=MARK,
        title=MARK,
        user_id="ann",
        keywords=[MARK],
        tags=[MARK],
        sources=ids[:4],
    )
    note_id = services.note_down(other_tenant, note, actor=MARK).id
    run = runs.begin(other_tenant.id, user_id="ann")
    runs.carry_on(other_tenant, run.pk)
    written = NewEntry(part="observations", content=f"A {MARK} nests.", author=MARK, user_id="ann")
    entries = [scratchpads.append(other_tenant, session, written).id for session in (str(thread.pk), "chat")]
    token = blackboards.join(other_tenant, "task", MARK).token
    for area in blackboards.AREAS:
        blackboards.post(other_tenant, "task", token, area=area, content={"k": MARK}, kind=MARK)
    leases.take(other_tenant, "task", "claims", "n", token, seconds=600)
    leases.take(other_tenant, "task", "handles", "n", token, seconds=60, value=MARK)
    return {
        "memory": [str(each) for each in ids],
        "conversation": [str(thread.pk), "chat"],
        "cursor": [encode_cursor(ids[-1]), encode_cursor(thread.pk), encode_cursor(3), *entries],
        "tenant": [other_tenant.slug, str(other_tenant.id)],
        "external": ["e1", "doc"],
        "entry": entries,
        "token": [token],
        "entity": [str(each) for each in entities],
        "merge": [str(merge.pk)],
        "split": [str(split.pk)],
        "relation": [str(relation)],
        "doubt": [str(doubt.pk)],
        "note": [str(note_id)],
        "run": [str(run.pk)],
    }


def dump(tenant):
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        rows = {}
        for table in ("memories_memory", "memories_conversation", "memories_memoryversion", "memories_memoryvector", "memories_posting",
                      "memories_indexjob", "memories_auditentry", "graph_entity", "graph_entityname", "graph_mention",
                      "graph_relation", "graph_merge", "graph_split", "graph_doubt", "memories_note", "memories_notesource",
                      "memories_consolidationrun", "memories_consolidationstep"):  # fmt: skip
            cursor.execute(f"SELECT to_jsonb(t)::text FROM {table} t ORDER BY 1")
            rows[table] = cursor.fetchall()
    rows["redis"] = sorted(
        (key, client().dump(key)) for key in client().scan_iter(f"{working_key(tenant.id)}:*")
    )
    return rows


def assert_nothing_told(answer, theirs):
    said = answer.body if isinstance(answer.body, bytes) else orjson.dumps(answer.body)
    assert MARK.encode() not in said
    if answer.status < 300:
        # One's own conversation or scratchpad may have any name, this one too.
        for field in ("conversation_id", "session", "scratchpad"):
            said = said.replace(f'"{field}":"{theirs["conversation"][0]}"'.encode(), b"")
        said = said.replace(f"scratchpad:{theirs['conversation'][0]}:".encode(), b"")
        named = [*theirs["memory"], theirs["conversation"][0], theirs["tenant"][1]]
        assert [each for each in named if each.encode() in said] == []


@st.composite
def requests(draw):
    """A request for an address, with places for what is the other's left open as names."""
    address = draw(st.sampled_from(sorted(METHODS)))
    method = draw(st.sampled_from(METHODS[address].split()))
    some = draw(st.fixed_dictionaries({}, optional={
        "tenant_id": st.just("tenant"), "conversation_id": st.just("conversation"), "user_id": st.just("=ann"),
        "external_id": st.just("external"), "doc_id": st.just("external"), "entries": st.just("[entry"), "uses": st.just("[entry"),
        "sources": st.just("[memory"), "source": st.just("memory"),
    }))  # fmt: skip
    params = draw(st.fixed_dictionaries({}, optional={
        "tenant_id": st.just("tenant"), "cursor": st.just("cursor"), "conversation_id": st.just("conversation"),
        "user_id": st.just("=ann"), "limit": st.just("=5"), "area": st.just("=private"), "source": st.just("memory"),
        "format": st.just("=svg"),
    }))  # fmt: skip
    return address, method, some, params, draw(st.integers(0, 9)), draw(st.booleans())


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(request=requests())
def test_nothing_of_another_tenant_is_told_or_changed(api, other_tenant, theirs, request):
    address, method, some, params, number, batch = request

    def value(said):
        if said.startswith("="):
            return said[1:]
        if said.startswith("["):
            return theirs[said[1:]]
        return theirs[said][number % len(theirs[said])]

    def filled(fields):
        return {name: value(each) for name, each in fields.items()}

    path = "/" + address.replace("<uuid:memory_id>", theirs["memory"][number % 5]).replace(
        "<str:conversation>", theirs["conversation"][number % 2]
    ).replace("<str:scope>", "tenant").replace("<str:key>", "k").replace(
        "<str:session>", theirs["conversation"][number % 2]
    ).replace("<str:board>", "task").replace("<str:name>", "n")
    for place, name in PLACES.items():
        path = path.replace(f"<uuid:{place}>", theirs[name][number % len(theirs[name])])
    query = filled(params) | ({"query": "Which bird sings?"} if "search" in address else {})
    body = None
    if method in ("POST", "PATCH", "PUT"):
        body = {"content": f"Ours {number}.", "query": "Which bird sings?", "value": 1, "model": "m",
                "messages": [{"role": "user", "content": "Hi"}], "response": 1, "semantic": batch, "scope": "tenant",
                "keys": ["k"], "part": "observations", "area": "private", "agent": "ours", "lease": 5, "location": 1, "same": batch,
                "other": theirs["entity"][number % 2], "dry_run": batch, "names": [f"{MARK} Ada"],
                **filled(some)}  # fmt: skip
        body = (
            {address.split("/")[-1]: [body]} if batch and address in ("v1/memories", "v1/messages") else body
        )
    before = dump(other_tenant)
    answer = api.send(method, path, body, params=query, headers={"x-agent-token": theirs["token"][0]})
    assert answer.status < 500 or "No upstream" in answer.body["detail"]
    assert_nothing_told(answer, theirs)
    named = "tenant_id" in params and address not in ("v1/admin/health", "v1/me")
    # A body in OpenAI's form is the upstream's: no field of it names a tenant.
    if named or (body and "tenant_id" in body and address != "v1/openai/chat/completions"):
        assert answer.status in (400, 403, 404)
    assert dump(other_tenant) == before


def test_the_same_names_are_each_tenants_own(api, tenant, other_tenant, theirs):
    answer = api.post(
        "/v1/messages", {"content": "Mine.", "conversation_id": "chat", "user_id": "ann", "external_id": "e1"}
    )
    assert answer.status == 201
    turns = api.get("/v1/conversations/chat/messages").body["results"]
    assert [(each["content"], each["turn"]) for each in turns] == [("Mine.", 1)]
    assert api.post("/v1/knowledge", {"content": "Mine too.", "doc_id": "doc"}).status == 201
    assert len(api.get("/v1/memories").body["results"]) == 2


def test_another_tenants_cursor_begins_nowhere_else(api, theirs, remember):
    remember("mine")
    for cursor in theirs["cursor"]:
        answer = api.get("/v1/memories", cursor=cursor)
        assert answer.status in (200, 400)
        assert_nothing_told(answer, theirs)


def test_the_one_who_owns_it_does_see_it(other_api, theirs):
    # Else the tests above would prove nothing.
    assert MARK in str(other_api.get(f"/v1/memories/{theirs['memory'][0]}").body)
    assert MARK in str(other_api.post("/v1/memories/search", {"query": "Which bird sings?"}).body)
    assert MARK in str(other_api.get("/v1/conversations/chat/messages").body)
    assert MARK in str(other_api.get(f"/v1/memories/{theirs['memory'][0]}/versions").body)
    assert MARK in str(other_api.get("/v1/scratchpads/chat").body)
    token = {"x-agent-token": theirs["token"][0]}
    for query in ("posts", "posts?area=private", "claims", "handles"):
        assert MARK in str(other_api.get(f"/v1/blackboards/task/{query}", headers=token).body)


def test_nor_do_logs_of_use(api, tenant, other_tenant, theirs):
    with tenant_scope(tenant.id):
        assert Memory.objects.count() == 0
        for table in ("memories_auditentry", "memories_speaker", "memories_indexjob"):
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT count(*) FROM {table}")
                assert cursor.fetchone() == (0,)
