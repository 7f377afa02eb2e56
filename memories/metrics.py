"""What Prometheus is told beside the requests that django-prometheus counts."""

from prometheus_client import Counter, Histogram

FAST = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)

STORED = Counter("memos_memories_stored_total", "Memories offered for storing", ["outcome"])
PROMOTED = Counter(
    "memos_scratchpad_entries_total", "Scratchpad entries looked at for promotion", ["outcome"]
)
FORGOTTEN = Counter("memos_memories_forgotten_total", "Memories deleted")
RECALLS = Counter("memos_recalls_total", "Searches answered", ["mode", "degraded"])
RECALL_SECONDS = Histogram("memos_recall_seconds", "Time of a search by part", ["part"], buckets=FAST)
SESSION_TOKENS = Counter(
    "memos_session_tokens_total",
    "Tokens of the sessions whose entities were asked for, as turns and as rendered",
    ["form"],
)
LLM_CACHE = Counter("memos_llm_cache_lookups_total", "Look-ups in the LLM cache", ["outcome"])
LLM_CACHE_SAVED = Counter(
    "memos_llm_cache_saved_tokens_total", "Tokens of answers that were found in the LLM cache"
)
INDEXED = Counter("memos_memories_indexed_total", "Memories whose indexes were brought level")
PROVIDER_ERRORS = Counter(
    "memos_embedding_provider_errors_total", "Failed calls of embedding providers", ["model", "error"]
)
CONSOLIDATED = Counter("memos_consolidation_steps_total", "Notes made, grown or given up", ["outcome"])
