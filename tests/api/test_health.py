import pytest

from memories import retrieval
from memories.models import EmbeddingModel
from memos_project.celery import app as celery
from tests.factories import Api


@pytest.fixture
def broker_down(monkeypatch):
    """Nothing answers where Celery's broker was."""
    monkeypatch.setattr(celery.conf, "broker_url", "redis://127.0.0.1:1/0")
    monkeypatch.setattr(celery, "_pool", None)
    monkeypatch.setattr(celery.amqp, "_producer_pool", None)


@pytest.mark.django_db
class TestHealth:
    def test_all_is_well_and_no_key_is_needed(self, tenant):
        answer = Api().get("/health")
        parts = {"postgres", "redis", "vectors", "graph", "embeddings"}
        assert (answer.status, answer.body) == (200, {"status": "ok", "services": dict.fromkeys(parts, "up")})

    def test_without_redis_it_is_degraded(self, redis_down):
        answer = Api().get("/health")
        assert (answer.status, answer.body["status"], answer.body["services"]["redis"]) == (
            200,
            "degraded",
            "down",
        )

    def test_with_a_model_that_cannot_be_opened_it_is_degraded(self, tenant):
        EmbeddingModel.objects.filter(pk=1).update(
            name="broken", provider="onnx", options={"no": "such option"}
        )
        retrieval._active = None
        answer = Api().get("/health")
        assert (answer.status, answer.body["services"]["embeddings"]) == (200, "down")


class TestAdminHealth:
    def test_an_operator_sees_the_backlog_of_every_tenant(self, operator_api, tenant, other_tenant, remember):
        remember("a", "b")
        remember("c", of=other_tenant)
        answer = operator_api.get("/v1/admin/health")
        waiting = {each["tenant_id"]: each["waiting"] for each in answer.body["backlog"]}
        assert waiting == {str(tenant.id): 2, str(other_tenant.id): 1}
        assert (answer.body["status"], answer.body["workers"], answer.body["embedding_model"]) == (
            "ok",
            0,
            "hashed-words",
        )

    def test_without_a_broker_there_are_no_workers(self, operator_api, redis_down, broker_down):
        answer = operator_api.get("/v1/admin/health")
        assert (answer.status, answer.body["status"], answer.body["workers"]) == (200, "degraded", 0)

    def test_nobody_else_does(self, api):
        assert api.get("/v1/admin/health").status == 403
        assert Api().get("/v1/admin/health").status == 401


def test_metrics_speak_of_the_backlog(api, tenant, remember):
    remember("a")
    text = Api().get("/metrics").body.decode()
    assert "memos_index_backlog 1.0" in text
    for name in ("memos_memories_stored_total", "memos_recall_seconds", "memos_index_oldest_seconds"):
        assert name in text


def test_docs_are_served_without_any_other_host(tenant):
    page = Api().get("/docs").body.decode()
    assert "//cdn" not in page
    assert "https://" not in page.replace("https://www.w3.org", "")


def test_the_root_leads_to_the_docs(tenant):
    answer = Api().get("/")
    assert (answer.status, answer.headers["Location"]) == (302, "/docs")
