"""One side of the guide for Django REST framework, in a process of its own: Django is configured once in each.

python moving_drf.py before|after
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import httpx
from starlette.testclient import TestClient

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "examples" / "moving" / "drf"))


def main(side: str) -> None:
    """Ask for everything once; the database is made in the current folder."""
    module = importlib.import_module(side)
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(module.Product)
    connection.close()
    base_url = "https://testserver"
    client = (
        httpx.Client(transport=httpx.WSGITransport(app=module.app), base_url=base_url)
        if side == "before"
        else TestClient(module.app, base_url=base_url)
    )
    with client:
        key = {"X-Key": "secret"}
        assert 403 == client.post("/api/products/", json={"name": "Tea", "price": "2.50"}).status_code
        assert client.post("/api/products/", json={"name": "Tea", "price": "0"}, headers=key).status_code in {400, 422}
        made = client.post("/api/products/", json={"name": "Tea", "price": "2.50"}, headers=key)
        tea = {"id": 1, "name": "Tea", "price": "2.50", "is_listed": True}
        assert (201, tea) == (made.status_code, made.json())
        client.post("/api/products/", json={"name": "Coffee", "price": "3.00"}, headers=key)
        page = client.get("/api/products/", params={"limit": 1, "offset": 1}).json()
        assert (2, ["Coffee"]) == (page["count"], [each["name"] for each in page["results"]])
        assert ["Tea"] == [each["name"] for each in client.get("/api/products/?name=te").json()["results"]]
        changed = client.patch("/api/products/1/", json={"price": "2.75"}, headers=key)
        assert {**tea, "price": "2.75"} == changed.json()
        assert False is client.post("/api/products/1/hide/", headers=key).json()["is_listed"]
        assert 204 == client.delete("/api/products/1/", headers=key).status_code
        assert 404 == client.get("/api/products/1/").status_code


if __name__ == "__main__":
    main(sys.argv[1])
