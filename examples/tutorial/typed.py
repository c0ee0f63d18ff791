# typed.py
from typing import Annotated

import msgspec

from costrel import App, NotFound

app = App()
books: list["Book"] = []


class Book(msgspec.Struct):
    title: Annotated[str, msgspec.Meta(min_length=1)]
    pages: Annotated[int, msgspec.Meta(ge=1)]


@app.get("/books")
async def all_books(limit: int = 10) -> list[Book]:
    return books[:limit]


@app.get("/books/{number}")
async def one_book(number: int) -> Book:
    if number >= len(books):
        raise NotFound("There is no such book.")
    return books[number]


@app.post("/books", status_code=201)
async def add_book(book: Book) -> Book:
    books.append(book)
    return book
