# form.py
from typing import Annotated

from costrel import App, Form, redirect, render, url_for

app = App()
books: list[str] = []


@app.get("/")
def shelf():
    return render("shelf.html", books=books)


@app.post("/")
def add(title: Annotated[str, Form()]):
    books.append(title)
    return redirect(url_for("shelf"))
