"""What people told, and how to look at what became of it."""

from memories import notes
from memories.models import ConsolidationStep, Memory
from memos_project.db import tenant_scope

POTTERY = (
    "Melanie signed up for a pottery class at the old brick studio yesterday.",
    "The pottery class glazed three clay bowls with cobalt today.",
    "Melanie brought home a clay bowl from her pottery class and showed the glaze.",
    "A new kiln arrived at the pottery studio and the class fired clay cups.",
)
MORE_POTTERY = "Melanie glazed a second clay bowl at the pottery studio and fired the cups."
SHIPPING = (
    "The container ship with the machine parts left Rotterdam harbour on Monday.",
    "Customs in Rotterdam held the container with machine parts for inspection.",
    "The machine parts container reached the warehouse from Rotterdam harbour.",
)


def the_note(tenant):
    [note] = notes.list_notes(tenant.id)
    return note


def stored(tenant):
    """All that a consolidation could lose or change."""
    fields = [each.attname for each in Memory._meta.concrete_fields if each.attname != "lexemes"]
    with tenant_scope(tenant.id):
        return {row["id"]: row for row in Memory.objects.values(*fields)}


def texts(tenant):
    """What notes say and rest on, whatever their version."""
    return {
        (each.memory.pk, each.memory.title, each.memory.content, tuple(each.memory.tags), each.context,
         tuple(each.keywords), tuple(each.sources), tuple(each.links.items()), each.memory.importance)
        for each in notes.list_notes(tenant.id)
    }  # fmt: skip


def states(tenant, run):
    with tenant_scope(tenant.id):
        return list(ConsolidationStep.objects.filter(run_id=run).values_list("state", flat=True))
