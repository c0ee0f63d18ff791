"""The order in which providers are made: what one needs comes first, and threads are changed as rarely as can be.

Async providers that need no synchronous one come first, so that a ``def`` handler and its ``def`` providers are one
stretch in one thread.
"""

from __future__ import annotations

from collections.abc import Sequence

from costrel.handling.plan import Make, Place

__all__ = ["order_makes"]


def order_makes(makes: Sequence[Make]) -> tuple[Make, ...]:
    """Sort providers topologically, stable within each place.

    Args:
        makes: each after what it needs.
    """
    pending = list(makes)
    open_variables = {make.variable for make in pending}
    ordered: list[Make] = []
    place = Place.LOOP
    while pending:
        ready = [make for make in pending if not make.needs & open_variables]
        chosen = next((make for make in ready if make.place in (place, Place.ANYWHERE)), None)
        if chosen is None:
            chosen = ready[0]
            place = chosen.place
        pending.remove(chosen)
        open_variables.discard(chosen.variable)
        ordered.append(chosen)
    return tuple(ordered)
