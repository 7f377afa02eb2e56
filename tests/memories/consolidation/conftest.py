"""Memories that belong together, and a note of some."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from memories.consolidation import runs
from memories.models import Memory
from memos_project.db import tenant_scope
from tests.memories.consolidation.stories import POTTERY, the_note


@pytest.fixture
def told(tenant, minilm, remember, indexed):
    """Remember and index texts, a day apart, old enough for the mark to pass them; answers their ids."""

    def told(*texts, settled=True, **fields):
        start = datetime(2026, 5, 1, tzinfo=UTC)
        ids = []
        for day, text in enumerate(texts):
            ids += remember(text, occurred_at=start + timedelta(days=day), kind="message", **fields)
        indexed()
        if settled:
            with tenant_scope(tenant.id):
                Memory.objects.filter(pk__in=ids).update(created_at=timezone.now() - timedelta(hours=1))
        return ids

    return told


@pytest.fixture
def consolidated(tenant, told, indexed):
    """The pottery's memories, the run that made a note of them, and the note."""
    ids = told(*POTTERY)
    run = runs.consolidate(tenant.id).run_id
    indexed()
    return ids, run, the_note(tenant)
