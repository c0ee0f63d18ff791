"""A type as msgspec understands it, taken apart and put together again.

`msgspec.inspect` describes a type as a tree of nodes. `rebuild_type` is the way back from one node to a type that
accepts the same JSON, constraints included; the error collector checks parts of a document with it.
`constraints_of` gives the constraints of one node as plain values, for documentation.
"""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Callable, Mapping, Sequence
from operator import getitem
from typing import Annotated, Any, Literal, Union

import msgspec
from msgspec import inspect as shape

__all__ = [
    "Node",
    "child_nodes",
    "constraints_of",
    "dict_type",
    "list_type",
    "rebuild_type",
    "union_type",
    "unwrap_node",
]

Node = shape.Type
"""One node of the tree that `msgspec.inspect.type_info` makes of a type."""

_CONSTRAINTS = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern", "tz")

_PLAIN: Mapping[type[Node], object] = {
    shape.NoneType: None,
    shape.BoolType: bool,
    shape.IntType: int,
    shape.FloatType: float,
    shape.StrType: str,
    shape.BytesType: bytes,
    shape.ByteArrayType: bytearray,
    shape.MemoryViewType: memoryview,
    shape.DateTimeType: datetime.datetime,
    shape.DateType: datetime.date,
    shape.TimeType: datetime.time,
    shape.TimeDeltaType: datetime.timedelta,
    shape.UUIDType: uuid.UUID,
    shape.DecimalType: decimal.Decimal,
}

# `getitem` stands for the square brackets of a type expression whose parameters are known only at run time.
_COMPOUND: Mapping[type[Node], Callable[[Any], object]] = {
    shape.ListType: lambda node: _subscribe(list, rebuild_type(node.item_type)),
    shape.SetType: lambda node: _subscribe(set, rebuild_type(node.item_type)),
    shape.FrozenSetType: lambda node: _subscribe(frozenset, rebuild_type(node.item_type)),
    shape.VarTupleType: lambda node: _subscribe(tuple, (rebuild_type(node.item_type), ...)),
    shape.TupleType: lambda node: _subscribe(tuple, tuple(map(rebuild_type, node.item_types))),
    shape.DictType: lambda node: _subscribe(dict, (rebuild_type(node.key_type), rebuild_type(node.value_type))),
    shape.LiteralType: lambda node: _subscribe(Literal, tuple(node.values)),
    shape.UnionType: lambda node: union_type(list(map(rebuild_type, node.types))),
}


def _subscribe(generic: Any, parameters: object) -> object:
    return getitem(generic, parameters)


def list_type(item: object) -> object:
    """Return ``list[item]`` for an item type known only at run time."""
    return _subscribe(list, item)


def dict_type(key: object, value: object) -> object:
    """Return ``dict[key, value]`` for types known only at run time."""
    return _subscribe(dict, (key, value))


def union_type(members: Sequence[object]) -> object:
    """Return the union of types known only at run time; of one type that type itself."""
    return _subscribe(Union, tuple(members)) if len(members) > 1 else members[0]


def unwrap_node(node: Node) -> Node:
    """Return a node without the metadata around it."""
    while isinstance(node, shape.Metadata):
        node = node.type
    return node


def constraints_of(node: Node) -> dict[str, object]:
    """Return the constraints of one node by the names of `msgspec.Meta`, empty without any.

    >>> constraints_of(shape.type_info(Annotated[int, msgspec.Meta(ge=1)]))
    {'ge': 1}
    """
    node = unwrap_node(node)
    values = ((name, getattr(node, name, None)) for name in _CONSTRAINTS)
    return {name: value for name, value in values if value is not None}


def rebuild_type(node: Node) -> object:
    """Return a type that accepts exactly the JSON that the type of `node` accepts."""
    node = unwrap_node(node)
    kind = type(node)
    if kind in _PLAIN:
        type_ = _PLAIN[kind]
    elif kind in _COMPOUND:
        type_ = _COMPOUND[kind](node)
    else:
        type_ = getattr(node, "cls", Any)  # what has fields, an enum, a custom type; `Any` and `Raw` have no class
    constraints: dict[str, Any] = constraints_of(node)
    return _subscribe(Annotated, (type_, msgspec.Meta(**constraints))) if constraints else type_


def child_nodes(node: Node) -> tuple[Node, ...]:
    """Return the nodes directly inside a node, metadata taken away."""
    found: list[Node] = []
    for name in ("item_type", "key_type", "value_type"):
        child = getattr(node, name, None)
        if child is not None:
            found.append(child)
    found.extend(getattr(node, "item_types", ()))
    found.extend(getattr(node, "types", ()))
    found.extend(field.type for field in getattr(node, "fields", ()))
    return tuple(map(unwrap_node, found))
