"""Step 1: the Flask application runs unchanged, carried by Costrel.

    costrel run step1:app

Everything falls through to Flask, for there is no route here yet. What is new: the server with its limits and its
shutdown, one access log, and layers that may stand around the old pages.
"""

from flaskr import create_app

from costrel import App

app = App()
app.mount("/", create_app(), name="flaskr", fallback=True)
