# shelf.py
from typing import Annotated

from costrel import App, Form, flash, redirect, render, session, url_for

app = App()


@app.get("/")
def shelf():
    return render("mine.html", books=session.get("books", []))


@app.post("/")
def add(title: Annotated[str, Form()]):
    session["books"] = [*session.get("books", []), title]
    flash(f"“{title}” is on your shelf.")
    return redirect(url_for("shelf"))


@app.post("/clear")
def clear():
    session.pop("books", None)
    return redirect(url_for("shelf"))
