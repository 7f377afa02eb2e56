"""``manage.py consolidate``."""

from io import StringIO
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command

from memories import notes
from memories.consolidation import runs

pytestmark = pytest.mark.django_db

POTTERY = (
    "Melanie signed up for a pottery class at the old brick studio yesterday.",
    "The pottery class glazed three clay bowls with cobalt today.",
    "Melanie brought home a clay bowl from her pottery class and showed the glaze.",
)


@pytest.fixture
def pottery(minilm, remember, indexed):
    remember(*POTTERY, kind="message", user_id="ada")
    indexed()


def consolidate(*options):
    out = StringIO()
    call_command("consolidate", *options, stdout=out)
    return out.getvalue()


def test_it_says_what_it_would_do(tenant, pottery):
    said = consolidate("--tenant", tenant.slug, "--dry-run")
    assert said == f"{tenant.slug}: 3 memories would be looked at.\n  3 of ada would become a note\n"
    assert notes.list_notes(tenant.id) == []


def test_it_says_what_it_did(tenant, other_tenant, pottery):
    said = consolidate()
    assert f"{tenant.slug}: 1 in all." in said
    assert f"{other_tenant.slug}: 0 in all." in said
    assert len(notes.list_notes(tenant.id)) == 1


def test_it_brings_back_what_was(tenant, pottery):
    run = next(word for word in consolidate("--tenant", tenant.slug).split() if word.endswith(","))
    said = consolidate("--tenant", tenant.slug, "--undo", run.rstrip(","))
    assert "all is as it was" in said
    assert notes.list_notes(tenant.id) == []


def test_it_says_that_somebody_else_is_at_it(tenant, pottery):
    runs.begin(tenant.id)
    assert "under way elsewhere" in consolidate("--tenant", tenant.slug)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--tenant", "nobody"), "no active tenant"),
        (("--undo", str(UUID(int=1))), "--tenant"),
    ],
)
def test_what_makes_no_sense(tenant, options, said):
    with pytest.raises(CommandError, match=said):
        consolidate(*options)


def test_a_run_that_is_not_there(tenant):
    with pytest.raises(CommandError, match="no such consolidation"):
        consolidate("--tenant", tenant.slug, "--undo", str(UUID(int=1)))
