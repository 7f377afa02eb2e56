"""JSON requests by orjson, which refuses NaN, lone surrogates and what is not UTF-8."""

from collections.abc import Mapping
from typing import Any

import orjson
from django.http import HttpRequest
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser


class StrictJSONParser(BaseParser):
    media_type = "application/json"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        # Django's body is kept and its size is limited; reading the stream would do neither.
        body = stream.body if isinstance(stream, HttpRequest) else stream.read()
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise ParseError(f"The body is not valid JSON: {error}.") from error
