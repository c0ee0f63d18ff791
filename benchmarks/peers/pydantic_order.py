"""The order as pydantic knows it, for those that recommend it."""

from __future__ import annotations

from pydantic import BaseModel


class Item(BaseModel):
    """One line of an order."""

    sku: str
    quantity: int
    price: float


class Order(BaseModel):
    """A body of one kibibyte."""

    id: int
    customer: str
    email: str
    paid: bool
    total: float
    note: str
    items: list[Item]
