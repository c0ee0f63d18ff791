"""A read-only dictionary in which a key may have several values, in the order sent.

The query, a form, its files and cookies are of this shape. ``mapping[key]`` is the *first* value, everywhere and for
everybody: a validator and a handler never see two different ones. What parses text into it lives in `query`.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping, Sequence
from typing import Generic, Literal, TypeAlias, TypeVar, overload

__all__ = ["MissingKey", "MultiDict", "Source"]

V = TypeVar("V")
T = TypeVar("T")
D = TypeVar("D")

Source: TypeAlias = Literal["query", "form", "files", "cookies"]

# What a converter raises for a value it cannot read: `int`, `UUID`, `Decimal`, a lookup in a table.
_BAD_VALUE = (ValueError, TypeError, ArithmeticError, LookupError)


class MissingKey(KeyError):
    """A key was asked for by ``[...]`` and the client did not send it; answered with 400.

    Args:
        key: the name that is missing.
        source: where it was looked for.
    """

    def __init__(self, key: str, source: Source) -> None:
        super().__init__(key, source)
        self.key = key
        self.source = source

    def __str__(self) -> str:
        return f"`{self.key}` is missing from the {self.source}."


class MultiDict(Mapping[str, V], Generic[V]):
    """A read-only mapping with one or more values for each key, in the order sent.

    Args:
        pairs: every key with a value, in order; a key may come again.
        source: where the pairs come from, named by the error for a missing key.

    >>> query = MultiDict([("tag", "a"), ("page", "2"), ("tag", "b")])
    >>> query["tag"], query.getlist("tag"), query.get("page", 1, type=int)
    ('a', ['a', 'b'], 2)
    """

    __slots__ = ("_lists", "_pairs", "_source")

    def __init__(self, pairs: Iterable[tuple[str, V]] = (), *, source: Source = "query") -> None:
        self._pairs = list(pairs)
        self._lists: dict[str, list[V]] | None = None
        self._source = source

    @classmethod
    def from_pairs(cls, pairs: list[tuple[str, V]], source: Source) -> MultiDict[V]:
        """Wrap a list that nobody else will change, without a copy.

        Args:
            pairs: every key with a value, in order; it belongs to the result from now on.
            source: where the pairs come from, named by the error for a missing key.
        """
        made: MultiDict[V] = cls.__new__(cls)
        made._pairs = pairs
        made._lists = None
        made._source = source
        return made

    @property
    def source(self) -> Source:
        """Where the pairs come from: ``query``, ``form``, ``files`` or ``cookies``."""
        return self._source

    def _values_by_key(self) -> dict[str, list[V]]:
        """Group the pairs at the first lookup; most requests never look."""
        lists = self._lists
        if lists is None:
            lists = {}
            for key, value in self._pairs:
                known = lists.get(key)
                if known is None:
                    lists[key] = [value]
                else:
                    known.append(value)
            self._lists = lists
        return lists

    def __getitem__(self, key: str) -> V:
        values = self._values_by_key().get(key)
        if values is None:
            raise MissingKey(key, self._source)
        return values[0]

    def __contains__(self, key: object) -> bool:
        return key in self._values_by_key()

    def __iter__(self) -> Iterator[str]:
        return iter(self._values_by_key())

    def __len__(self) -> int:
        return len(self._values_by_key())

    @overload
    def get(self, key: str) -> V | None: ...
    @overload
    def get(self, key: str, default: V | D) -> V | D: ...
    @overload
    def get(self, key: str, default: None = None, *, type: Callable[[V], T]) -> T | None: ...
    @overload
    def get(self, key: str, default: D, *, type: Callable[[V], T]) -> T | D: ...
    def get(self, key: str, default: object = None, *, type: Callable[[V], object] | None = None) -> object:
        """Return the first value of a key, converted when asked.

        Args:
            key: the name.
            default: what to return when the key is missing or `type` cannot read its value.
            type: called with the value, for example ``int``; without it the value is returned as it is.

        Returns:
            The value, what `type` made of it, or `default`.
        """
        values = self._values_by_key().get(key)
        if values is None:
            return default
        if type is None:
            return values[0]
        try:
            return type(values[0])
        except _BAD_VALUE:
            return default

    @overload
    def getlist(self, key: str) -> list[V]: ...
    @overload
    def getlist(self, key: str, type: Callable[[V], T]) -> list[T]: ...
    def getlist(self, key: str, type: Callable[[V], object] | None = None) -> Sequence[object]:
        """Return all values of a key in the order sent, as a new list.

        Args:
            key: the name; an unknown one has no values.
            type: called with each value; those it cannot read are left out.
        """
        values = self._values_by_key().get(key, [])
        if type is None:
            return list(values)
        converted: list[object] = []
        for value in values:
            try:
                converted.append(type(value))
            except _BAD_VALUE:
                continue
        return converted

    def items(self, *, multi: bool = False) -> ItemsView[str, V]:
        """Return a view of the pairs.

        Args:
            multi: every pair that was sent, instead of each key once with its first value.
        """
        return _EveryPair(self, self._pairs) if multi else ItemsView(self)

    @overload
    def to_dict(self) -> dict[str, V]: ...
    @overload
    def to_dict(self, *, flat: Literal[True]) -> dict[str, V]: ...
    @overload
    def to_dict(self, *, flat: Literal[False]) -> dict[str, list[V]]: ...
    def to_dict(self, *, flat: bool = True) -> dict[str, V] | dict[str, list[V]]:
        """Copy into a plain dictionary.

        Args:
            flat: first values only; otherwise each key has the list of all its values.
        """
        if flat:
            return {key: values[0] for key, values in self._values_by_key().items()}
        return {key: list(values) for key, values in self._values_by_key().items()}

    def __eq__(self, other: object) -> bool:
        """Compare values key by key; a plain mapping counts as one value for each key."""
        if isinstance(other, MultiDict):
            return self._values_by_key() == other._values_by_key()
        if isinstance(other, Mapping):
            return self._values_by_key() == {key: [value] for key, value in other.items()}
        return NotImplemented

    def __repr__(self) -> str:
        return f"MultiDict({self._pairs!r})"


class _EveryPair(ItemsView[str, V]):
    """The items view that shows every pair."""

    __slots__ = ("_pairs",)

    def __init__(self, mapping: Mapping[str, V], pairs: list[tuple[str, V]]) -> None:
        super().__init__(mapping)
        self._pairs = pairs

    def __iter__(self) -> Iterator[tuple[str, V]]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __contains__(self, item: object) -> bool:
        return item in self._pairs
