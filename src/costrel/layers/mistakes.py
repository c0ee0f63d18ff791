"""The text for an option of a layer that cannot be meant, found when the layer is made."""

from __future__ import annotations

from costrel.errors import ConfigurationError, Mistake

__all__ = ["wrong_option"]


def wrong_option(layer: str, option: str, value: object, why: str, fix: str = "") -> ConfigurationError:
    """Return the error for an option with a wrong value, COS-LAYERS-001.

    Args:
        layer: the name of the layer's class.
        option: the name of the option.
        value: what was given; shown with at most 200 characters.
        why: the rule, a sentence.
        fix: what to write instead.
    """
    what = f"`{layer}` was given `{option}={repr(value)[:200]}`."
    return ConfigurationError(Mistake("COS-LAYERS-001", what, why=why, fix=fix))
