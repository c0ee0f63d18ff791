"""``{% trans %}``: a text of the template that is translated as it stands, markup and all.

Jinja's block calls the same functions as a template does. They are told apart here, because what a call returns is a
value, with its variables in it, and is escaped, while the text of a block is markup and gets its variables, escaped,
afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jinja2 import nodes
from jinja2.ext import InternationalizationExtension
from jinja2.parser import Parser

from costrel.templating.translating import current_catalog

__all__ = ["BLOCK_FUNCTIONS", "TransBlocks"]

_SUFFIX = "_of_block"

# SECURITY: they fill nothing in. What they return is taken for markup, and a variable may be a client's.
BLOCK_FUNCTIONS: Mapping[str, Callable[..., str]] = {
    f"gettext{_SUFFIX}": lambda message: current_catalog().gettext(message),
    f"ngettext{_SUFFIX}": lambda singular, plural, n: current_catalog().ngettext(singular, plural, n),
    f"pgettext{_SUFFIX}": lambda context, message: current_catalog().pgettext(context, message),
    f"npgettext{_SUFFIX}": lambda context, singular, plural, n: current_catalog().npgettext(
        context, singular, plural, n
    ),
}
"""What blocks call, by the names that they have in the environment."""


class TransBlocks(InternationalizationExtension):
    """Jinja's extension for ``{% trans %}``, whose blocks call functions of their own."""

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        """Parse a block, and give its call another name."""
        parsed = super().parse(parser)
        for node in parsed if isinstance(parsed, list) else [parsed]:
            for marked in node.find_all(nodes.MarkSafeIfAutoescape):
                if isinstance(marked.expr, nodes.Call) and isinstance(marked.expr.node, nodes.Name):
                    marked.expr.node.name += _SUFFIX
        return parsed
