# hello.py
from costrel import App

app = App()


@app.get("/")
def index():
    return "<h1>Hello</h1>"
