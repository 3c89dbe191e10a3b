"""Filling in templates that people of the company wrote, at arm's length.

A child process does it: with limits on time, memory and output, without the installation's secrets, and
killed when a template does not end. `renderer.py` is our side, `child.py` is the program of the child.

Variables are JSON. `now` is an instant in ISO 8601, `zone` the zone that templates see it in.
"""

from collections.abc import Mapping

from connectors.domain.message import Json
from connectors.rendering.renderer import Reading, RenderError, Use, shared_renderer

__all__ = ["Reading", "RenderError", "Use", "render_value", "shared_renderer"]


def render_value(value: Json, variables: Mapping[str, Json]) -> Json:
    """Fill in a value that is a template, or holds some.

    Raises:
        RenderError: it cannot be filled in.
    """
    return shared_renderer().fields({"value": value}, variables=variables)["value"]
