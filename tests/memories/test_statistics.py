import pytest

from memories import services, statistics
from memories.models import FrequentTerm, Posting, TextStatistics
from memories.statistics import refresh, refresh_tenant
from memos_project.db import tenant_scope


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    monkeypatch.setattr(statistics, "LARGE", 20)
    monkeypatch.setattr(statistics, "FREQUENT", 10)


def known(tenant):
    with tenant_scope(tenant.id):
        return TextStatistics.objects.filter(tenant_id=tenant.id).first()


def test_a_small_tenant_is_not_counted(tenant, remember):
    remember(*(f"cat {n}" for n in range(20)))
    assert not refresh_tenant(tenant.id)
    assert known(tenant) is None


def test_a_large_one_is(tenant, remember):
    remember(*(f"cat {n}" for n in range(25)))
    assert refresh_tenant(tenant.id)
    with tenant_scope(tenant.id):
        lengths = sum(each.length for each in services.Memory.objects.all())
        counts = dict(FrequentTerm.objects.values_list("term", "documents"))
        expected = {}
        for posting in Posting.objects.all():
            expected[posting.term] = expected.get(posting.term, 0) + 1
    assert (known(tenant).documents, known(tenant).total_length) == (25, lengths)
    assert counts == {term: number for term, number in expected.items() if number >= 10}
    assert 25 in counts.values()


@pytest.mark.django_db(transaction=True)
def test_it_is_counted_again_when_it_has_grown(tenant, remember):
    remember(*(f"cat {n}" for n in range(100)))
    assert refresh_tenant(tenant.id)
    remember(*(f"dog {n}" for n in range(5)))
    assert not refresh_tenant(tenant.id)
    remember(*(f"bird {n}" for n in range(10)))
    assert refresh_tenant(tenant.id)
    assert known(tenant).documents == 115


def test_every_tenant_has_its_own(tenant, other_tenant, remember):
    remember(*(f"cat {n}" for n in range(25)))
    remember(*(f"cat {n}" for n in range(30)), of=other_tenant)
    assert refresh() == 2
    assert (known(tenant).documents, known(other_tenant).documents) == (25, 30)
