"""The servers every test may use, two tenants that always exist, and doors to what is tested.

A test process has a PostgreSQL and a Valkey of its own, started by the first test that needs them. Tests
connect as the application does, by the role that row-level security holds.
"""
# ruff: noqa: E402  Django reads the environment when it is set up, and only then can its models be imported.

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import django
import pytest
from django.conf import settings
from pytest_django import DjangoDbBlocker

HOME = TemporaryDirectory(prefix="memos-tests-")
(Path(HOME.name) / "static").mkdir()
# Nothing of whoever runs the tests may reach them: neither their servers nor their settings.
for name in [*os.environ]:
    if name.startswith("MEMOS_") or name.removesuffix("_FILE").endswith(("_URL", "SECRET_KEY", "_API_KEY")):
        del os.environ[name]
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "memos_project.settings",
    "MEMOS_HOME": HOME.name,
    "LOG_LEVEL": "WARNING",
}
django.setup()
pytest.register_assert_rewrite("tests.backends", "tests.factories", "tests.memories.embeddings.contract")

from memories import indexing, retrieval, scopes, services
from memories.models import EmbeddingModel
from memos_project import near_cache
from memos_project.later import done as finish_later
from memos_project.redis import client
from memos_project.tenancy.callers import TenantInfo
from tests import servers
from tests.factories import Api, make_key, make_tenant, new_memory
from tests.waiting import until


def pytest_unconfigure() -> None:
    HOME.cleanup()


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """A migrated database on a PostgreSQL of our own, and a Valkey beside it."""
    with servers.running(Path(HOME.name) / "servers", django_db_blocker):
        # Until it has heard from Redis a process keeps no copies, and tests count statements.
        assert until(lambda: near_cache.listener().in_touch)
        yield


@pytest.fixture(autouse=True)
def _nothing_known() -> Iterator[None]:
    """Forget what a process remembers of the database between requests."""
    retrieval._active = None
    scopes.forget_all()
    near_cache.drop_all()
    yield
    finish_later()


@pytest.fixture
def _tenants(db: None) -> tuple[TenantInfo, TenantInfo]:
    """Two, always: what is asked of one must not be answered with what is the other's."""
    client().flushdb()
    return make_tenant("ours"), make_tenant("theirs")


@pytest.fixture
def tenant(_tenants: tuple[TenantInfo, TenantInfo]) -> TenantInfo:
    """The tenant whose rows a test works on."""
    return _tenants[0]


@pytest.fixture
def other_tenant(_tenants: tuple[TenantInfo, TenantInfo]) -> TenantInfo:
    """Somebody else, whose rows must not be seen."""
    return _tenants[1]


@pytest.fixture
def key(tenant: TenantInfo) -> str:
    """A secret that reads and writes."""
    return make_key(tenant)


@pytest.fixture
def other_key(other_tenant: TenantInfo) -> str:
    return make_key(other_tenant)


@pytest.fixture
def operator_key(tenant: TenantInfo) -> str:
    return make_key(tenant, "operator")


@pytest.fixture
def redis_down(tenant: TenantInfo) -> Iterator[None]:
    """Nothing answers where Redis was."""
    finish_later()
    url, settings.REDIS_URL = settings.REDIS_URL, "redis://127.0.0.1:1/0"
    client.cache_clear()
    yield
    finish_later()
    settings.REDIS_URL = url
    client.cache_clear()


@pytest.fixture
def api(key: str) -> Api:
    """The REST API as the tenant's writer sees it."""
    return Api(key)


@pytest.fixture
def other_api(other_key: str) -> Api:
    return Api(other_key)


@pytest.fixture
def operator_api(operator_key: str) -> Api:
    return Api(operator_key)


@pytest.fixture
def remember(tenant: TenantInfo) -> Callable[..., list[UUID]]:
    """Store texts, or else one made-up memory, with the fields given: their ids in order."""

    def remember(*contents: str, of: TenantInfo = tenant, **fields: object) -> list[UUID]:
        items = [new_memory(each, **fields) for each in contents or (None,)]
        return [answer.id for answer in services.remember(of, items, actor="test")]

    return remember


@pytest.fixture
def indexed(tenant: TenantInfo, other_tenant: TenantInfo) -> Callable[[], int]:
    """Work off the index backlog of both tenants, as a worker would: how many memories were brought level."""

    def indexed() -> int:
        done = indexing.drain(tenant.id) + indexing.drain(other_tenant.id)
        scopes.forget_all()
        return done

    return indexed


@pytest.fixture
def minilm(tenant: TenantInfo) -> None:
    """The model that comes with memOS instead of the hashed words that tests use for speed."""
    EmbeddingModel.objects.filter(pk=1).update(name="all-minilm-l6-v2", provider="onnx")
    retrieval._active = None
