"""What Prometheus is told of the parts that every app uses."""

from prometheus_client import Counter

CACHE = Counter("memos_cache_requests_total", "Look-ups in memOS's own caches", ["cache", "outcome"])
