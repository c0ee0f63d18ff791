"""Fragments: one block of a page, compiled so that it renders without the rest of it.

A page that is partly replaced, by htmx for example, is written once: the whole page and each of its blocks come from
one file. What a block may need from the top of its file is kept: imports, macros and ``{% set %}``. The layout is never
loaded, so ``super()`` has nothing to call.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches

from jinja2 import Environment, Template, nodes

from costrel.errors import Mistake, ProgrammerError

__all__ = ["compile_fragment"]

_KEPT = (nodes.Import, nodes.FromImport, nodes.Macro, nodes.Assign, nodes.AssignBlock, nodes.ExprStmt)


def compile_fragment(
    environment: Environment, name: str, fragment: str, source: str, filename: str, uptodate: Callable[[], bool]
) -> Template:
    """Compile one block of a template.

    Args:
        environment: what compiles it.
        name: of the template.
        fragment: of the block, at any depth.
        source: the text of the template.
        filename: where it is, for tracebacks.
        uptodate: tells whether the text is still the same.

    Raises:
        ProgrammerError: COS-TEMPLATE-004, the template has no such block.
        jinja2.TemplateSyntaxError: it cannot be compiled.
    """
    tree = environment.parse(source, name, filename)
    blocks = {block.name: block for block in tree.find_all(nodes.Block)}
    if fragment not in blocks:
        raise _no_such_block(name, fragment, sorted(blocks))
    kept: list[nodes.Node] = [node for node in tree.body if isinstance(node, _KEPT)]
    body = nodes.Template([*kept, blocks[fragment]], lineno=1)
    body.set_environment(environment)
    code = environment.compile(body, name, filename)
    return environment.template_class.from_code(environment, code, environment.make_globals(None), uptodate)


def _no_such_block(name: str, fragment: str, blocks: list[str]) -> ProgrammerError:
    near = get_close_matches(fragment, blocks, 1)
    listed = ", ".join(f"`{block}`" for block in blocks)
    return ProgrammerError(
        Mistake(
            "COS-TEMPLATE-004",
            f"The template `{name}` has no block `{fragment}`.",
            why=f"It has {listed}. Blocks of its layout do not count." if blocks else "It has no blocks at all.",
            fix=f'Did you mean   fragment="{near[0]}"?' if near else f"Put it into   {{% block {fragment} %}}…",
        )
    )
