"""A neighbourhood as a picture."""

from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import BaseRenderer

from graph.neighbourhoods import Neighbourhood
from graph.pictures import draw_neighbourhood
from memos_project.encoding import to_json


class SvgRenderer(BaseRenderer):
    media_type = "image/svg+xml"
    format = "svg"
    charset = "utf-8"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        # A problem stays JSON, and says so.
        return draw_neighbourhood(data).encode() if isinstance(data, Neighbourhood) else to_json(data)
