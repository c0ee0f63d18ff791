"""All errors of a document, each with its path, where the decoder stops at the first.

The good path never comes here: one pass of msgspec decodes and validates. Only when that fails the document is decoded
without a type and walked member by member along the declared type. A part whose type has no parts is checked by
msgspec itself, so that both say the same; a long list is checked in pieces first, so that what is right costs little:
and none more than a few times, however deep it stands. The words of the errors are in `error_text`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec
from msgspec import inspect as shape

from costrel.handling.constraints import (
    Node,
    child_nodes,
    dict_type,
    list_type,
    rebuild_type,
    unwrap_node,
)
from costrel.handling.error_text import (
    clean_message,
    hide_values,
    list_choices,
    member_path,
    shorten_name,
    with_choices,
)
from costrel.handling.pydantic_types import decode_member, explain_member

__all__ = ["MAX_ERRORS", "CollectedError", "ErrorCollector"]

CollectedError = tuple[str, str]
"""The path of a value, ``$.items[2].quantity``, and what is wrong with it."""

MAX_ERRORS = 100

_PIECE_LENGTH = 64
_MAX_NESTED_CHECKS = 3


class ErrorCollector:
    """Finds what is wrong with a document of one type.

    Args:
        type_: any type that msgspec can decode; pydantic models may be members.

    Raises:
        TypeError: msgspec knows no such type.
        NameError: an annotation of a class names something that does not exist.
    """

    __slots__ = ("_types", "root")

    def __init__(self, type_: object) -> None:
        self.root: Node = unwrap_node(shape.type_info(type_))
        self._types: dict[int, object] = {}

    @property
    def foreign_classes(self) -> tuple[type, ...]:
        """The classes in the type that msgspec does not know, as deep as its fields go."""
        found: list[type] = []
        seen: set[int] = set()
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            if id(node) not in seen:
                seen.add(id(node))
                waiting.extend(child_nodes(node))
                if isinstance(node, shape.CustomType):
                    found.append(node.cls)
        return tuple(found)

    def collect(self, value: object, max_errors: int = MAX_ERRORS) -> list[CollectedError]:
        """Return what is wrong with a decoded document, in its order.

        Args:
            value: the document as dicts, lists, strings, numbers, booleans and `None`.
            max_errors: where to stop, 1 or more.
        """
        return list(islice(_Walk(self._types).walk(self.root, value, "$"), max_errors))


class _Walk:
    """One walk along one document.

    Args:
        types: the types of nodes, by the node's id, kept from walk to walk.
    """

    __slots__ = ("_failed_checks", "_types")

    def __init__(self, types: dict[int, object]) -> None:
        self._types = types
        self._failed_checks = 0

    def walk(self, node: Node, value: Any, at: str) -> Iterator[CollectedError]:
        """Find what is wrong with a value of the type of `node`."""
        node = unwrap_node(node)
        walker: _Walker = _WALKERS.get(type(node), _Walk._walk_whole)
        return walker(self, node, value, at)

    def _walk_whole(self, node: Node, value: Any, at: str) -> Iterator[CollectedError]:
        """Let msgspec judge a value that has no parts, or is of the wrong kind altogether."""
        try:
            self._check(self._type_of(node), value)
        except msgspec.ValidationError as error:
            yield at, with_choices(node, clean_message(str(error)))

    def _check(self, type_: object, value: Any) -> None:
        msgspec.convert(value, type_, str_keys=True, dec_hook=decode_member)

    def _is_right(self, type_: object, value: Any) -> bool:
        """Whether a piece is right as a whole; `False` too where that has been asked often enough.

        A member deep inside a recursive type would be looked at once for each level above it.
        """
        if self._failed_checks >= _MAX_NESTED_CHECKS:
            return False
        try:
            self._check(type_, value)
        except msgspec.ValidationError:
            return False
        return True

    def _type_of(self, node: Node) -> object:
        """Return the type of a node, rebuilt once; the tree lives as long as this object, so its ids are stable."""
        found = self._types.get(id(node))
        if found is None:
            found = self._types[id(node)] = rebuild_type(node)
        return found

    def _walk_nothing(self, node: Node, value: Any, at: str) -> Iterator[CollectedError]:
        """Accept anything."""
        return iter(())

    def _walk_foreign(self, node: shape.CustomType, value: Any, at: str) -> Iterator[CollectedError]:
        """Let pydantic judge a model of its own."""
        for below, message in explain_member(node.cls, value):
            yield at + below, message

    def _walk_list(self, node: shape.CollectionType, value: Any, at: str) -> Iterator[CollectedError]:
        if type(value) is not list:
            yield from self._walk_whole(node, value, at)
            return
        yield from _check_length(node, value, at, "array")
        item = unwrap_node(node.item_type)
        for start in range(0, len(value), _PIECE_LENGTH):
            piece = value[start : start + _PIECE_LENGTH]
            if self._is_right(list_type(self._type_of(item)), piece):
                continue
            self._failed_checks += 1
            for index, member in enumerate(piece, start):
                yield from self.walk(item, member, f"{at}[{index}]")
            self._failed_checks -= 1

    def _walk_tuple(self, node: shape.TupleType, value: Any, at: str) -> Iterator[CollectedError]:
        if type(value) is not list or len(value) != len(node.item_types):
            yield from self._walk_whole(node, value, at)
            return
        for index, member in enumerate(value):
            yield from self.walk(node.item_types[index], member, f"{at}[{index}]")

    def _walk_named_tuple(self, node: shape.NamedTupleType, value: Any, at: str) -> Iterator[CollectedError]:
        required_count = sum(field.required for field in node.fields)
        if type(value) is not list or not required_count <= len(value) <= len(node.fields):
            yield from self._walk_whole(node, value, at)
            return
        for index, member in enumerate(value):
            yield from self.walk(node.fields[index].type, member, f"{at}[{index}]")

    def _walk_dict(self, node: shape.DictType, value: Any, at: str) -> Iterator[CollectedError]:
        if type(value) is not dict:
            yield from self._walk_whole(node, value, at)
            return
        yield from _check_length(node, value, at, "object")
        key_node, item = unwrap_node(node.key_type), unwrap_node(node.value_type)
        key_type = self._type_of(key_node)
        members = iter(value.items())
        while piece := dict(islice(members, _PIECE_LENGTH)):
            if self._is_right(dict_type(key_type, self._type_of(item)), piece):
                continue
            self._failed_checks += 1
            for key, member in piece.items():
                try:
                    self._check(dict_type(key_type, Any), {key: None})
                except msgspec.ValidationError as error:
                    yield member_path(at, key), f"The key: {with_choices(key_node, clean_message(str(error)))}"
                yield from self.walk(item, member, member_path(at, key))
            self._failed_checks -= 1

    def _walk_object(
        self, node: shape.TypedDictType | shape.DataclassType | shape.StructType, value: Any, at: str
    ) -> Iterator[CollectedError]:
        if type(value) is not dict:
            yield from self._walk_whole(node, value, at)
            return
        is_right = True
        for error in self._walk_fields(node, value, at):
            is_right = False
            yield error
        if is_right and _has_own_checks(node.cls):
            yield from self._walk_own_checks(node, value, value.values(), at)

    def _walk_own_checks(self, node: Node, value: Any, members: Iterable[object], at: str) -> Iterator[CollectedError]:
        """Make the object, whose members are right, and take what its class says about them together."""
        for place, message in self._walk_whole(node, value, at):
            yield place, hide_values(message, members)

    def _walk_fields(
        self, node: shape.TypedDictType | shape.DataclassType | shape.StructType, value: dict[str, Any], at: str
    ) -> Iterator[CollectedError]:
        for field in node.fields:
            name = field.encode_name
            if name in value:
                yield from self.walk(field.type, value[name], member_path(at, name))
            elif field.required:
                yield member_path(at, name), f"Object missing required field `{name}`"

    def _walk_struct(self, node: shape.StructType, value: Any, at: str) -> Iterator[CollectedError]:
        if node.array_like:
            yield from self._walk_array_struct(node, value, at)
            return
        if type(value) is dict:
            if node.tag_field is not None and node.tag_field in value:
                yield from _check_tag([node.tag], value[node.tag_field], member_path(at, node.tag_field))
            if node.forbid_unknown_fields:
                known = {field.encode_name for field in node.fields} | {node.tag_field}
                for name in value.keys() - known:
                    yield member_path(at, name), f"Object contains unknown field `{shorten_name(name)}`"
        yield from self._walk_object(node, value, at)

    def _walk_array_struct(self, node: shape.StructType, value: Any, at: str) -> Iterator[CollectedError]:
        """Walk a Struct that is written as an array: its tag first, then its fields, those with defaults may miss."""
        first = 0 if node.tag is None else 1
        required_count = max((index for index, field in enumerate(node.fields, 1) if field.required), default=0)
        is_long = node.forbid_unknown_fields and type(value) is list and len(value) > first + len(node.fields)
        if type(value) is not list or len(value) < first + required_count or is_long:
            yield from self._walk_whole(node, value, at)
            return
        is_right = True
        if first:
            for error in _check_tag([node.tag], value[0], f"{at}[0]"):
                is_right = False
                yield error
        for index, (field, member) in enumerate(zip(node.fields, value[first:], strict=False), first):
            for error in self.walk(field.type, member, f"{at}[{index}]"):
                is_right = False
                yield error
        if is_right and _has_own_checks(node.cls):
            yield from self._walk_own_checks(node, value, value, at)

    def _walk_union(self, node: shape.UnionType, value: Any, at: str) -> Iterator[CollectedError]:
        """Walk the one member that the kind of the value, or its tag, points to."""
        members = [unwrap_node(member) for member in node.types]
        foreign = [member for member in members if isinstance(member, shape.CustomType)]
        if foreign:  # such a union has no other member than None
            if value is not None:
                yield from self._walk_foreign(foreign[0], value, at)
            return
        if type(value) is dict:
            candidates = [member for member in members if _is_object(member)]
        elif type(value) is list:
            candidates = [member for member in members if _is_array(member)]
        else:
            candidates = []
        if len(candidates) == 1:
            yield from self.walk(candidates[0], value, at)
        elif candidates:
            yield from self._walk_tagged(node, candidates, value, at)
        else:
            yield from self._walk_whole(node, value, at)

    def _walk_tagged(
        self, node: shape.UnionType, candidates: list[Node], value: Any, at: str
    ) -> Iterator[CollectedError]:
        structs = [member for member in candidates if isinstance(member, shape.StructType)]
        key: Any = 0 if type(value) is list else structs[0].tag_field
        if key not in value if type(value) is dict else not value:
            yield from self._walk_whole(node, value, at)
            return
        tag = value[key]
        path = f"{at}[0]" if key == 0 else member_path(at, key)
        chosen = [member for member in structs if member.tag == tag and type(member.tag) is type(tag)]
        if chosen:
            yield from self.walk(chosen[0], value, at)
        else:
            yield from _check_tag([member.tag for member in structs], tag, path)


def _is_object(node: Node) -> bool:
    return isinstance(node, shape.DictType | shape.TypedDictType | shape.DataclassType) or (
        isinstance(node, shape.StructType) and not node.array_like
    )


def _is_array(node: Node) -> bool:
    return isinstance(node, shape.CollectionType | shape.TupleType | shape.NamedTupleType) or (
        isinstance(node, shape.StructType) and node.array_like
    )


def _has_own_checks(type_: object) -> bool:
    """Whether making an object runs code of its class, which may refuse what its fields allow."""
    class_ = getattr(type_, "__origin__", type_)
    return any(hasattr(class_, name) for name in ("__post_init__", "__attrs_attrs__", "__attrs_post_init__"))


def _check_length(
    node: shape.CollectionType | shape.DictType, value: list[Any] | dict[str, Any], at: str, kind: str
) -> Iterator[CollectedError]:
    if node.min_length is not None and len(value) < node.min_length:
        yield at, f"Expected `{kind}` of length >= {node.min_length}"
    if node.max_length is not None and len(value) > node.max_length:
        yield at, f"Expected `{kind}` of length <= {node.max_length}"


def _check_tag(tags: list[Any], tag: object, at: str) -> Iterator[CollectedError]:
    if not any(tag == known and type(tag) is type(known) for known in tags):
        yield at, f"Expected {list_choices(tags)}"


_Walker = Callable[[_Walk, Any, Any, str], Iterator[CollectedError]]  # each takes the nodes of its own kind

_WALKERS: Mapping[type[Node], _Walker] = {
    shape.AnyType: _Walk._walk_nothing,
    shape.RawType: _Walk._walk_nothing,
    shape.CustomType: _Walk._walk_foreign,
    shape.ListType: _Walk._walk_list,
    shape.SetType: _Walk._walk_list,
    shape.FrozenSetType: _Walk._walk_list,
    shape.VarTupleType: _Walk._walk_list,
    shape.TupleType: _Walk._walk_tuple,
    shape.NamedTupleType: _Walk._walk_named_tuple,
    shape.DictType: _Walk._walk_dict,
    shape.TypedDictType: _Walk._walk_object,
    shape.DataclassType: _Walk._walk_object,
    shape.StructType: _Walk._walk_struct,
    shape.UnionType: _Walk._walk_union,
}
