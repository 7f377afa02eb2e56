"""The forms in which curators write memories; what they accept is what the API accepts."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.postgres.forms import SimpleArrayField
from django.core.exceptions import ValidationError
from rest_framework import serializers
from unfold.widgets import (
    UnfoldAdminDecimalFieldWidget,
    UnfoldAdminExpandableTextareaWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from memories.models import Memory
from memories.services import NewMemory
from memos_project.api.fields import JsonObjectField
from memos_project.errors import MemosError
from memos_project.tenancy.admin_base import StorableJSONField

MAX_TAGS = 100


class TextField(forms.CharField):
    """Text as it was written: browsers send line ends as two characters, and white space may mean something."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strip=False, **kwargs)

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("\r\n", "\n")


class TagsField(SimpleArrayField):
    """One tag a line: a tag may hold a comma."""

    def __init__(self) -> None:
        super().__init__(
            forms.CharField(max_length=100),
            delimiter="\n",
            required=False,
            max_length=MAX_TAGS,
            widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
            help_text="One a line.",
        )

    def to_python(self, value: Any) -> list[str]:  # type: ignore[override]
        if isinstance(value, str):
            value = "\n".join(line.strip() for line in value.splitlines() if line.strip())
        return list(dict.fromkeys(super().to_python(value)))


class MemoryForm(forms.ModelForm):  # type: ignore[type-arg]
    """What may be revised. ``refused`` is what the services said of these values, if they were sent before."""

    refused: MemosError | None = None

    content = TextField(widget=UnfoldAdminExpandableTextareaWidget(attrs={"rows": 5}))
    tags = TagsField()
    metadata = StorableJSONField()
    importance_explicit = forms.FloatField(
        label="Importance",
        required=False,
        min_value=0,
        max_value=1,
        widget=UnfoldAdminDecimalFieldWidget(attrs={"step": "0.05", "min": "0", "max": "1"}),
        help_text="From 0 to 1. Empty: as computed.",
    )

    class Meta:
        model = Memory
        fields = "__all__"

    def clean_content(self) -> str:
        content: str = self.cleaned_data["content"]
        if not content.strip():
            raise ValidationError("A memory must say something.")
        if len(content) > settings.MEMOS_MAX_CONTENT_CHARACTERS:
            raise ValidationError(f"At most {settings.MEMOS_MAX_CONTENT_CHARACTERS} characters.")
        return content

    def clean_metadata(self) -> dict[str, Any]:
        metadata = self.cleaned_data["metadata"]
        try:
            checked: dict[str, Any] = JsonObjectField().run_validation(metadata)
        except serializers.ValidationError as error:
            raise ValidationError(
                [str(said) for said in serializers.as_serializer_error(error)["non_field_errors"]]
            ) from error
        return checked

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        starts, ends = cleaned.get("valid_from"), cleaned.get("valid_to")
        if starts and ends and ends <= starts:
            self.add_error("valid_to", "Must be after valid from.")
        if self.refused:
            self.add_error(
                self.refused.field if self.refused.field in self.fields else None, self.refused.detail
            )
        return cleaned


class NewMemoryForm(MemoryForm):
    """Everything a writer may say of a memory."""

    conversation_key = forms.CharField(
        label="Conversation",
        required=False,
        max_length=200,
        widget=UnfoldAdminTextInputWidget,
        help_text="The caller's name for it; a new one makes a new conversation. The memory becomes its last turn.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["occurred_at"].required = False
        self.fields["occurred_at"].help_text = "Empty: now."

    def new_memory(self) -> NewMemory:
        said = dict(self.cleaned_data)
        return NewMemory(
            conversation_id=said.pop("conversation_key"),
            importance=said.pop("importance_explicit"),
            external_id=said.pop("external_id") or None,
            **said,
        )
