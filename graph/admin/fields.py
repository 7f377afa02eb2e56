"""Fields of the curators' forms."""

from datetime import UTC, datetime
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError


class MomentField(forms.DateTimeField):
    """A moment, as UTC; what lies so near the ends of the calendar that another zone cannot tell it is refused."""

    default_error_messages: ClassVar = {"range": "A moment must lie between the years 1 and 9999."}

    def clean(self, value: Any) -> datetime | None:
        told: datetime | None = super().clean(value)
        try:
            moment = told.astimezone(UTC) if told else None
        except OverflowError as error:
            raise ValidationError(self.error_messages["range"], code="range") from error
        if moment and not 1 < moment.year < 9999:
            raise ValidationError(self.error_messages["range"], code="range")
        return moment
