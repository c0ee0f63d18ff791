"""The order as `msgspec` knows it, for those that take it or leave the choice to the user."""

from __future__ import annotations

import msgspec


class Item(msgspec.Struct):
    """One line of an order."""

    sku: str
    quantity: int
    price: float


class Order(msgspec.Struct):
    """A body of one kibibyte."""

    id: int
    customer: str
    email: str
    paid: bool
    total: float
    note: str
    items: list[Item]
