"""Templates: Jinja pages from the folders of the application and of its blueprints.

`render` is what handlers use. `Templates` is the extension behind it; an application has one unless told otherwise, and
Jinja is imported when there is a folder of templates or something is rendered, never before.
"""

from __future__ import annotations

from costrel.templating.extension import Templates
from costrel.templating.rendering import render, render_string, stream_render

__all__ = ["Templates", "render", "render_string", "stream_render"]
