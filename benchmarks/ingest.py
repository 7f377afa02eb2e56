"""Ingest through HTTP against the embedding model alone, and one message against an empty request.

    python benchmarks/ingest.py --messages 10000

Runs beside a started memOS, in its environment, with MEMOS_API_KEY an operator's. The model's own rate is
taken before and after, on the same texts, with as many threads as there are processors.
"""

import argparse
import os
import statistics
import time
from collections.abc import Sequence
from itertools import batched
from uuid import uuid4

import corpus
from stack import Client, timed  # sets Django up

from memories.embeddings import Runtime, get_embedder
from memories.models import EmbeddingModel, ReadJob
from memos_project.db import tenant_scope
from memos_project.settings import MEMOS_HOME
from memos_project.tenancy.models import Tenant
from memos_project.tenancy.services import create_tenant


def model_rate(texts: Sequence[str]) -> float:
    """Texts a second that the model embeds in this process."""
    model = EmbeddingModel.objects.get(state=EmbeddingModel.State.ACTIVE)
    threads = len(os.sched_getaffinity(0))
    embedder = get_embedder(model.spec(), Runtime(threads=threads, prepared=MEMOS_HOME / "models"))
    embedder.embed_passages(texts[:64])
    started = time.perf_counter()
    for some in batched(texts, 64):
        embedder.embed_passages(some)
    return len(texts) / (time.perf_counter() - started)


def ingest_rate(client: Client, texts: Sequence[str], *, batch: int) -> float:
    """Messages a second from the first request until all are indexed, into a tenant that is new."""
    user, tenant = uuid4().hex, str(create_tenant(slug=f"ingest-{uuid4().hex[:12]}").id)
    started = time.perf_counter()
    for number, some in enumerate(batched(texts, batch)):
        messages = [{"content": text, "user_id": user, "conversation_id": f"c{number}"} for text in some]
        answer = client.call("POST", "/v1/messages", {"messages": messages, "tenant_id": tenant})
    while client.call("GET", "/v1/admin/health")["backlog"]:
        time.sleep(0.1)
    last = answer["results"][-1]["id"]
    if client.call("GET", f"/v1/memories/{last}/receipt?tenant_id={tenant}")["state"] != "projected":
        raise SystemExit("the backlog is empty, yet a receipt says that a message is not indexed")
    return len(texts) / (time.perf_counter() - started)


def settle() -> None:
    """Wait until the graph has read what was written: the worker then rests."""
    for tenant_id in Tenant.objects.values_list("id", flat=True):
        while True:
            with tenant_scope(tenant_id):
                if not ReadJob.objects.filter(tenant_id=tenant_id).exists():
                    break
            time.sleep(0.5)


def single(client: Client, texts: Sequence[str]) -> None:
    """One message at a time, beside an empty authenticated request."""
    user = uuid4().hex
    empty, one = [], []
    for text in texts:
        empty.append(timed(lambda: client.call("GET", "/v1/me")))
        message = {"content": text, "user_id": user, "conversation_id": "single"}
        one.append(timed(lambda: client.call("POST", "/v1/messages", message)))
    ratio = statistics.median(one) / statistics.median(empty)
    print(
        f"one message acknowledged: p50 {statistics.median(one):.2f} ms, {ratio:.2f} of an empty request ({statistics.median(empty):.2f} ms)"
    )


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--base-url", default="http://127.0.0.1:8000")
    arguments.add_argument("--messages", type=int, default=10_000)
    arguments.add_argument("--batch", type=int, default=500)
    given = arguments.parse_args()
    client = Client(given.base_url)
    texts = list(corpus.sentences(given.messages, seed=time.time_ns()))
    before = model_rate(texts[:3000])
    rate = ingest_rate(client, texts, batch=given.batch)
    settle()
    after = model_rate(texts[:3000])
    alone = (before + after) / 2
    print(
        f"the model alone: {before:.0f} and {after:.0f} texts/s; ingested and indexed: {rate:.0f}/s, {rate / alone:.2f} of it"
    )
    single(client, list(corpus.sentences(300, seed=time.time_ns() + 1)))


if __name__ == "__main__":
    main()
