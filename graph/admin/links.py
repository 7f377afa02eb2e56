"""Links from one page of the admin to another."""

from uuid import UUID

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString


def link(page: str, row_id: UUID, text: str) -> SafeString:
    return format_html(
        '<a href="{}" class="memos-link">{}</a>', reverse(f"admin:{page}_change", args=[row_id]), text
    )
