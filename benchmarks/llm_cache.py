"""Look-ups in the LLM cache: exact against an empty request, semantic among many prompts against embedding the prompt.

    python benchmarks/llm_cache.py --prompts 100000

Runs beside a started memOS, in its environment, with MEMOS_API_KEY an operator's. The prompts are of one model and one
conversation so far, so that all of them are compared; they are put into the index past the API.
"""

import argparse
import statistics
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import batched
from uuid import uuid4

import corpus
import numpy as np
from django.db import connections
from django.utils import timezone
from pgvector import HalfVector
from stack import Client, timed  # sets Django up

from memories.embeddings import get_embedder
from memories.models import CachedPrompt, EmbeddingModel
from memories.working import llm_cache
from memories.working.llm_cache import Request
from memories.working.store import key_of
from memos_project.db import tenant_scope
from memos_project.redis import client
from memos_project.tenancy.callers import TenantInfo, find_tenant
from memos_project.tenancy.models import Tenant
from memos_project.tenancy.services import create_tenant

BASE_TEXTS, NOISE = 4000, 0.02
MODEL = "a-model"
# Questions before the one that is asked in a long prompt.
LONG = 4


def asked(text: str) -> Request:
    return Request(MODEL, [{"role": "user", "content": text}], {})


def fill(tenant: TenantInfo, count: int, model: EmbeddingModel) -> None:
    """Prompts in the index, as many as are missing."""
    with tenant_scope(tenant.id):
        missing = count - CachedPrompt.objects.filter(tenant_id=tenant.id).count()
    if missing <= 0:
        return
    embedder, rnd = get_embedder(model.spec()), np.random.default_rng(1)
    texts = list(corpus.questions(BASE_TEXTS, seed=7))
    base = np.array(
        [each.chunks[0].vector for some in batched(texts, 200) for each in embedder.embed_passages(some)]
    )
    scope, end = asked("x").scope(model.name), timezone.now() + timedelta(days=1)
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT pg_get_indexdef('cachedprompt_hnsw'::regclass)")
        [definition] = cursor.fetchone()
        cursor.execute("DROP INDEX cachedprompt_hnsw")
    for some in batched(rnd.integers(0, len(base), missing), 1000):
        vectors = base[list(some)] + NOISE * rnd.normal(size=(len(some), base.shape[1]))
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        keys = [uuid4() for _ in some]
        with tenant_scope(tenant.id):
            CachedPrompt.objects.bulk_create(
                CachedPrompt(
                    tenant_id=tenant.id,
                    key=key,
                    scope=scope,
                    prompt=texts[place],
                    embedding=HalfVector(each),
                    expires_at=end,
                )
                for key, place, each in zip(keys, some, vectors, strict=True)
            )
        pipeline = client().pipeline(transaction=False)
        for key in keys:
            entry = {"response": b"{}", "memories": b"{}", "tokens": 1}
            pipeline.hset(key_of(tenant.id, "llm", f"e:{key.hex}"), mapping=entry)
        pipeline.execute()
    with connections["owner"].cursor() as cursor:
        cursor.execute("SET maintenance_work_mem = '1GB'")
        cursor.execute(definition)
        cursor.execute("VACUUM ANALYZE memories_cachedprompt")


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--base-url", default="http://127.0.0.1:8000")
    arguments.add_argument("--prompts", type=int, default=100_000)
    arguments.add_argument("--rounds", type=int, default=300)
    given = arguments.parse_args()
    model = EmbeddingModel.objects.get(state=EmbeddingModel.State.ACTIVE)
    slug = f"bench-cache-{given.prompts}"
    if not Tenant.objects.filter(slug=slug).exists():
        create_tenant(slug=slug)
    tenant = find_tenant(slug)
    fill(tenant, given.prompts, model)
    api, embedder = Client(given.base_url), get_embedder(model.spec())

    def body(text: str, **more: object) -> dict[str, object]:
        request = asked(text)
        return {"model": request.model, "messages": list(request.messages), "tenant_id": slug, **more}

    api.call("PUT", "/v1/cache", body("Who baked the bread?", response={"choices": []}))
    times: dict[str, list[float]] = {}
    # Every question is new: neither its vector nor its answer is known. A long prompt has one that asks the same.
    seed = int(timezone.now().timestamp())
    around = " ".join(corpus.questions(LONG, seed=seed + 1))
    for text in corpus.questions(given.rounds, seed=seed):
        long = f"{around} {text}"
        llm_cache.put(tenant, asked(f"Please: {long}"), {})
        acts: dict[str, Callable[[], object]] = {
            "empty request": partial(api.call, "GET", "/v1/me"),
            "exact, found": partial(api.call, "POST", "/v1/cache/lookup", body("Who baked the bread?")),
            "exact, not found": partial(api.call, "POST", "/v1/cache/lookup", body(text)),
            "embed": partial(embedder.embed_query, text + " "),
            "semantic": partial(llm_cache.lookup, tenant, asked(text + "  "), semantic=True),
            "semantic, HTTP": partial(
                api.call, "POST", "/v1/cache/lookup", body(text + "   ", semantic=True)
            ),
            "embed, long": partial(embedder.embed_query, long + " "),
            "semantic, long, found": partial(llm_cache.lookup, tenant, asked(long), semantic=True),
        }
        for name, act in acts.items():
            times.setdefault(name, []).append(timed(act))
    p50 = {name: statistics.median(all_of_them[given.rounds // 10 :]) for name, all_of_them in times.items()}
    print(f"{given.prompts} prompts; a long one has {len(around.split())} words more")
    for name, ms in p50.items():
        floor = "embed, long" if "long" in name else "embed"
        print(
            f"{name:22s} p50 {ms:6.2f} ms  {ms / p50['empty request']:5.2f} of an empty request"
            f"  {ms / p50[floor]:5.2f} of embedding"
        )


if __name__ == "__main__":
    main()
