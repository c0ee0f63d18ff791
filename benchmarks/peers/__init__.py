"""The applications that are compared, one small file for each, written as its documentation recommends.

All do the same: `GET /` answers a text, `GET /user/{id}` an object with the id, `POST /order` decodes and validates an
order of one kibibyte and echoes it, `GET /sync` answers the text from a plain function, where that is run in a thread.
They are imported as ``peers.<name>`` from the folder above, so that no file hides the package it uses.

Who has a model of its own gets it: msgspec for Costrel and Litestar, pydantic for FastAPI and BlackSheep, the schema
for Fastify. The others leave the choice to the user and get the fastest there is, msgspec in Python and Ajv in Node.
"""
