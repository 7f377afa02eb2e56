"""Search through HTTP against what cannot be avoided, measured in the same run.

    python benchmarks/search.py --memories 100000                 # one tenant, one client, then 16
    python benchmarks/search.py --memories 100000 --tenants 1000  # skewed sizes, the largest a third of all

Runs beside a started memOS, in its environment, with MEMOS_API_KEY an operator's. The floor is an empty
authenticated request, plus embedding the question, plus the plain nearest-neighbour statement sent by hand.
"""

import argparse
import statistics
import threading
import time
from collections.abc import Sequence
from uuid import UUID

import corpus
from load import Loaded, database_size, load
from pgvector import HalfVector
from stack import Client, timed  # sets Django up

from memories.embeddings import get_embedder
from memories.models import EmbeddingModel
from memories.vectors.pgvector import HNSW_SETTINGS
from memos_project.db import fetch_prepared, tenant_scope

PLAIN = """
SELECT v.memory_id FROM memories_memoryvector v WHERE v.tenant_id = %(tenant)s AND v.model_id = {model} AND v.in_graph
ORDER BY v.embedding::halfvec({dimensions}) <=> %(vector)s::halfvec({dimensions}) LIMIT 10
"""
EXACT = """
SELECT s.memory_id FROM (
    SELECT v.memory_id, v.embedding::halfvec({dimensions}) <=> %(vector)s::halfvec({dimensions}) AS distance
    FROM memories_memoryvector v WHERE v.tenant_id = %(tenant)s AND v.model_id = {model} OFFSET 0
) s ORDER BY s.distance LIMIT 10
"""
SMALL = 10_000


class Bench:
    def __init__(self, base_url: str) -> None:
        self.base_url, self.client = base_url, Client(base_url)
        self.model = EmbeddingModel.objects.get(state=EmbeddingModel.State.ACTIVE)
        self.embedder = get_embedder(self.model.spec())

    def search(self, client: Client, loaded: Loaded, question: str, **how: object) -> list[str]:
        body = {"query": question, "top_k": 10, "tenant_id": str(loaded.tenant.id), **how}
        return [hit["id"] for hit in client.call("POST", "/v1/memories/search", body)["results"]]

    def by_hand(self, loaded: Loaded, vector: HalfVector, statement: str = PLAIN) -> list[UUID]:
        if loaded.size <= SMALL:
            statement = EXACT  # what anybody would send for a few rows
        sql = statement.format(model=self.model.pk, dimensions=self.model.dimensions)
        settings = {**HNSW_SETTINGS, "enable_sort": "off"} if statement is PLAIN else {}
        with tenant_scope(loaded.tenant.id, settings=settings):
            return [row[0] for row in fetch_prepared(sql, {"tenant": loaded.tenant.id, "vector": vector})]

    def one_client(self, tenants: Sequence[Loaded], questions: Sequence[str]) -> None:
        """Each round measures the floor's parts and the search side by side, so that noise hits them alike."""
        parts: dict[str, list[float]] = {}
        for number, question in enumerate(questions):
            for name, ms in self.one_round(tenants[number % len(tenants)], question).items():
                parts.setdefault(name, []).append(ms)
        parts = {name: values[len(values) // 10 :] for name, values in parts.items()}  # the first warm up
        floor = sum(statistics.median(parts[name]) for name in ("empty request", "embed", "by hand"))
        print(f"{'':16s} {'p50 ms':>8s} {'p95 ms':>8s}  of the floor (p50, p95)")
        for name, values in parts.items():
            p50, p95 = statistics.median(values), statistics.quantiles(values, n=20)[-1]
            ratio = f"  {p50 / floor:5.2f} {p95 / floor:5.2f}" if "stage" in name else ""
            print(f"{name:16s} {p50:8.2f} {p95:8.2f}{ratio}")
        print(f"{'floor':16s} {floor:8.2f}")

    def one_round(self, loaded: Loaded, question: str) -> dict[str, float]:
        """Milliseconds of each part."""
        vector = HalfVector(self.embedder.embed_query(question).vector)
        return {
            "empty request": timed(lambda: self.client.call("GET", "/v1/me")),
            "embed": timed(lambda: self.embedder.embed_query(question)),
            "by hand": timed(lambda: self.by_hand(loaded, vector)),
            # A question is asked once, as its vector would come from the cache the second time.
            "first stage": timed(lambda: self.search(self.client, loaded, question, rerank=False)),
            "both stages": timed(lambda: self.search(self.client, loaded, question + " ", rerank=True)),
        }

    def recall(self, tenants: Sequence[Loaded], questions: Sequence[str]) -> None:
        """Of the ten nearest by exact search, how many the service finds in vector mode; by size of tenant."""
        for loaded in tenants:
            found = wanted = 0
            for question in questions:
                vector = HalfVector(self.embedder.embed_query(question).vector)
                exact = {str(each) for each in self.by_hand(loaded, vector, EXACT)}
                hits = self.search(
                    self.client,
                    loaded,
                    question,
                    mode="vector",
                    rerank=False,
                    weights={"similarity": 1},
                    top_k=50,
                )
                found += len(exact & set(hits))
                wanted += len(exact)
            print(
                f"{loaded.size:8d} memories: {found / wanted:.3f} of the exact ten are among the candidates returned"
            )

    def many_clients(
        self, tenants: Sequence[Loaded], questions: Sequence[str], *, clients: int, seconds: float
    ) -> None:
        """Throughput of several clients, and what one client alone reaches in the same run."""
        for number in (1, clients):
            done, errors = self.together(tenants, questions, clients=number, seconds=seconds)
            print(f"{number:3d} clients: {done / seconds:7.1f} searches/s, {errors} errors")

    def together(
        self, tenants: Sequence[Loaded], questions: Sequence[str], *, clients: int, seconds: float
    ) -> tuple[int, int]:
        """How many searches so many clients were answered in that time, and how many failed."""
        done, errors, end = [0] * clients, [0] * clients, time.monotonic() + seconds

        def work(me: int) -> None:
            client, at = Client(self.base_url), me
            while time.monotonic() < end:
                try:
                    self.search(client, tenants[at % len(tenants)], f"{questions[at % len(questions)]} {at}")
                    done[me] += 1
                except (RuntimeError, OSError):
                    errors[me] += 1
                at += clients

        threads = [threading.Thread(target=work, args=(me,)) for me in range(clients)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        return sum(done), sum(errors)


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--base-url", default="http://127.0.0.1:8000")
    arguments.add_argument("--memories", type=int, default=100_000)
    arguments.add_argument("--tenants", type=int, default=1)
    arguments.add_argument("--rounds", type=int, default=200)
    arguments.add_argument("--clients", type=int, default=16)
    arguments.add_argument("--seconds", type=float, default=10)
    given = arguments.parse_args()
    tenants = load(given.memories, given.tenants)
    bench, questions = Bench(given.base_url), list(corpus.questions(given.rounds))
    print(f"{given.memories} memories, {given.tenants} tenants")
    bench.one_client(tenants, questions)
    some = tenants[:: max(1, len(tenants) // 8)]
    bench.recall(
        [*tenants[:4], *some[1:]] if len(tenants) > 1 else tenants, list(corpus.questions(50, seed=5))
    )
    bench.many_clients(
        tenants, list(corpus.questions(5000, seed=9)), clients=given.clients, seconds=given.seconds
    )
    for name, size in database_size().items():
        print(f"{name:28s} {size / 2**20:9.1f} MiB")


if __name__ == "__main__":
    main()
