"""Pictures of the graph as SVG, drawn on the server: what is around an entity, and what was said of it when."""

from graph.pictures.neighbourhood import draw_neighbourhood
from graph.pictures.svg import COLOURS, OTHER
from graph.pictures.timeline import draw_timeline

__all__ = ["COLOURS", "OTHER", "draw_neighbourhood", "draw_timeline"]
