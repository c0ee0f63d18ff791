"""Host patterns: which host a route answers for, and the values in it.

    api.example.com              this host only
    {tenant}.example.com         one label
    api.{domain}                 a parameter at the end takes all labels that are left: example.com

Hosts are compared in lower case and without a port, label by label. Whether the host of a request can be trusted at
all is decided elsewhere; a host pattern is no protection.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from keyword import iskeyword

from costrel.errors import ConfigurationError
from costrel.routing import mistakes
from costrel.routing.pattern import MissingValue
from costrel.routing.segments import UnusableValue

__all__ = ["HostPattern", "parse_host"]

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_MAX_HOST_LENGTH = 253


@dataclass(frozen=True, slots=True)
class HostPattern:
    """A parsed host pattern; made by `parse_host`.

    Attributes:
        text: the pattern as written.
        labels: for each label its text, or `None` where a parameter stands.
        parameters: the names of the parameters, from left to right.
        where: the place in the application's code, for messages.
    """

    text: str
    labels: tuple[str | None, ...]
    parameters: tuple[str, ...] = ()
    where: str = field(default="", compare=False)

    @property
    def is_exact(self) -> bool:
        """Whether there are no parameters."""
        return not self.parameters

    @property
    def specificity(self) -> tuple[int, bool, tuple[str, ...]]:
        """How specific the pattern is; the smaller is tried first, more literal labels before fewer."""
        literals = sum(label is not None for label in self.labels)
        return (-literals, self.labels[-1] is None, tuple(label or "" for label in self.labels))

    def match(self, host: str) -> dict[str, object] | None:
        """Match a host.

        Args:
            host: in lower case, without a port.

        Returns:
            The values of the parameters, none empty, or `None` when the host does not match.

        >>> parse_host("api.{domain}").match("api.example.com")
        {'domain': 'example.com'}
        """
        takes_rest = self.labels[-1] is None
        parts = host.split(".", len(self.labels) - 1) if takes_rest else host.split(".")
        if len(parts) != len(self.labels) or not all(parts):
            return None
        values: list[str] = []
        for label, part in zip(self.labels, parts, strict=True):
            if label is None:
                values.append(part)
            elif label != part:
                return None
        return dict(zip(self.parameters, values, strict=True))

    def format(self, values: Mapping[str, object]) -> tuple[str, dict[str, object]]:
        """Build a host.

        Args:
            values: by name; what the pattern does not use is handed back.

        Returns:
            The host and the values that are left over.

        Raises:
            MissingValue: a parameter has no value; its argument is the name.
            UnusableValue: one is not a label, or for the last parameter not labels with dots between them.
        """
        following = iter(self.parameters)
        labels: list[str] = []
        for index, label in enumerate(self.labels):
            if label is not None:
                labels.append(label)
                continue
            name = next(following)
            if name not in values:
                raise MissingValue(name)
            text = str(values[name])
            parts = text.split(".") if index == len(self.labels) - 1 else [text]
            # SECURITY: a value with "/", "@" or ":" would make the URL that of another host.
            if not all(_LABEL.fullmatch(part) for part in parts):
                raise UnusableValue({name: values[name]}, "it is not a part of a host in lower case")
            labels.append(text)
        host = ".".join(labels)
        if len(host) > _MAX_HOST_LENGTH:
            given = {name: values[name] for name in self.parameters}
            raise UnusableValue(given, f"the host would be longer than {_MAX_HOST_LENGTH} characters")
        return host, {name: value for name, value in values.items() if name not in self.parameters}


def parse_host(text: str, where: str = "") -> HostPattern:
    """Parse a host pattern.

    Args:
        text: labels with dots between them; a whole label may be ``{name}`` (or Flask's ``<name>``).
        where: the place in the application's code, for messages.

    Returns:
        The pattern, in lower case.

    Raises:
        ConfigurationError: no host can match, or a name is unusable or stands twice.
    """
    labels: list[str | None] = []
    parameters: list[str] = []
    for label in text.split("."):
        if label[:1] + label[-1:] in ("{}", "<>"):
            name = label[1:-1]
            if not name.isidentifier() or iskeyword(name):
                raise ConfigurationError(mistakes.unusable_name(text, name, where))
            parameters.append(name)
            labels.append(None)
            continue
        if _LABEL.fullmatch(label.lower()) is None:
            raise ConfigurationError(mistakes.unusable_host(text, label, where))
        labels.append(label.lower())
    for name, count in Counter(parameters).items():
        if count > 1:
            raise ConfigurationError(mistakes.duplicate_parameter(text, name, where))
    return HostPattern(text, tuple(labels), tuple(parameters), where)
