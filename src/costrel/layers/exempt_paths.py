"""Paths around which a layer does nothing: ``/health`` is that path alone, ``/public/*`` everything below it.

They are compared with the decoded path inside the application, exactly and with its case.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from costrel.layers.mistakes import wrong_option

__all__ = ["exempt_paths"]


def exempt_paths(layer: str, paths: Collection[str]) -> Callable[[str], bool]:
    """Return what tells whether a path is exempt.

    Args:
        layer: the name of the layer's class, for the message.
        paths: each begins with ``/``; one that ends with ``/*`` is a prefix.

    Raises:
        ConfigurationError: COS-LAYERS-001, one text in the place of several, or a path that is none.
    """
    if isinstance(paths, str):
        raise wrong_option(layer, "exempt", paths, "It is a list of paths.", f"exempt=[{paths!r}]")
    for path in paths:
        if not path.startswith("/") or "*" in path.removesuffix("/*"):
            why = "A path begins with `/`, and a `*` may only be its last segment."
            raise wrong_option(layer, "exempt", path, why, 'exempt=["/health", "/.well-known/acme-challenge/*"]')
    exact = frozenset(path for path in paths if not path.endswith("/*"))
    prefixes = tuple(path[:-1] for path in paths if path.endswith("/*"))

    def is_exempt(path: str) -> bool:
        return path in exact or path.startswith(prefixes)

    return is_exempt
