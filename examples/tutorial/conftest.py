# conftest.py
import os

os.environ.setdefault("COSTREL_SECRET_KEY", "a key for the tests alone")
