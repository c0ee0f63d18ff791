"""Keyword arguments of other frameworks, and what they are called here.

The neighbour of `costrel.errors.foreign_names`, for calls: ``Query(ge=1)``, ``set_cookie(max_age=60)``,
``redirect(code=301)``.
What takes any keyword asks this table before it refuses one; for all other calls Python refuses it, and the hint of
the debug page asks. Rows are sorted within each call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

__all__ = ["explain_foreign_option", "refuse_options"]

_META = "a constraint of the type: `Annotated[…, msgspec.Meta({0}=…)]`, beside the marker"

_APP = {
    "default_response_class": "the return annotation of the handler, or a `Response`",
    "dependencies": "`use=[layer]`, or `app.before_request`",
    "description": "not there: `costrel` writes no documentation from it",
    "exception_handlers": "`@app.errorhandler(...)`",
    "instance_path": "not there: a `Settings` class says where files are",
    "lifespan": "`@app.lifespan`",
    "middleware": "`use=[layer]`",
    "on_shutdown": "`@app.on_stop`",
    "on_startup": "`@app.on_start`",
    "root_path": "`app.mount(path, app)`",
    "routes": "`@app.get(path)`, `app.add_route(...)` and `app.mount(...)`",
    "static_folder": "the folder `static` beside the application, or one of a blueprint",
    "static_url_path": "the path `/static`",
    "template_folder": "the folder `templates` beside the application, or one of a blueprint",
    "title": "`name`",
}

_BLUEPRINT = {
    "dependencies": "`use=[layer]`, or `blueprint.before_request`",
    "import_name": "not needed: its folder is that of the file that makes it",
    "static_url_path": "made from the prefix",
    "subdomain": "`app.host(pattern, blueprint)`",
    "tags": "`meta={…}` of each route",
    "url_prefix": "`prefix`",
}

_BODY = {
    "embed": "not there: declare a type with a field for each value",
    "media_type": "not needed: the media type of the request decides",
}

_CLIENT = {
    "app": "the first argument",
    "backend": "not needed: the client has an event loop of its own",
    "backend_options": "not needed: the client has an event loop of its own",
    "client": "`peer`",
    "raise_server_exceptions": "`raise_app_exceptions`",
    "timeout": "`timeout_seconds`",
    "transport": "not needed: the client calls the application itself",
    "use_cookies": "a client of its own for whoever has other cookies",
}

_DEPENDS = {
    "dependency": "the first argument",
    "scope": "`app.provide(Type, factory, lifetime=…)`, and a parameter of that type",
}

_MARKER = {
    **{
        name: _META.format(name)
        for name in ("ge", "gt", "le", "lt", "max_length", "min_length", "multiple_of", "pattern")
    },
    "convert_underscores": "`alias`",
    "default_factory": "a default of the parameter",
    "example": "`description`",
    "examples": "`description`",
    "include_in_schema": "`meta={…}` of the route",
    "regex": _META.format("pattern"),
    "title": "`description`",
    "validation_alias": "`alias`",
}

_REDIRECT = {"code": "`status_code`", "status": "`status_code`", "url": "the first argument"}

_REQUEST = {
    "allow_redirects": "`follow_redirects`",
    "buffered": "not needed: the body is there when the call returns",
    "content_type": '`headers={"content-type": …}`',
    "environ_base": "`peer` of the client, for the address, and `headers`",
    "query_string": "`params`",
    "timeout": "`timeout_seconds`",
}

_RESPONSE = {
    "background": "`after_response(function, ...)`",
    "content": "the first argument",
    "content_type": "`media_type`",
    "mimetype": "`media_type`",
    "response": "the first argument",
    "status": "`status_code`",
}

_ROUTE = {
    "defaults": "a default of the parameter",
    "dependencies": "`use=[layer]`, or `before=[hook]`",
    "deprecated": "`meta={…}`",
    "description": "`meta={…}`",
    "endpoint": "`name`",
    "host": "`app.host(pattern, blueprint)`",
    "include_in_schema": "`meta={…}`",
    "middleware": "`use=[layer]`",
    "operation_id": "`meta={…}`",
    "provide_automatic_options": "not needed: a handler for OPTIONS stands in the place of the automatic answer",
    "redirect_to": "`app.add_redirect(path, to)`",
    "response_class": "the return annotation, or a `Response`",
    "response_model": "the return annotation, `-> Item`",
    "responses": "`meta={…}`",
    "strict_slashes": "`trailing_slash`",
    "subdomain": "`app.host(pattern, blueprint)`",
    "summary": "`meta={…}`",
    "tags": "`meta={…}`",
    "view_func": "the second argument of `add_route`",
}

_SEND_FILE = {
    "as_attachment": "`filename`: with it the file is an attachment",
    "attachment_filename": "`filename`",
    "content_disposition_type": "`disposition`",
    "download_name": "`filename`",
    "last_modified": "the time of the file",
    "max_age": "`response.cache(CacheControl(...))`",
    "mimetype": "`media_type`",
    "path_or_file": "the first argument",
    "stat_result": "not needed: the file is looked at when it is sent",
}

_SET_COOKIE = {
    "httponly": "`http_only`",
    "key": "the first argument",
    "max_age": "`max_age_seconds`",
    "samesite": "`same_site`",
}

_URL_FOR = {"_anchor": "`anchor`", "_external": "`external`", "_scheme": "`scheme`"}

_TABLES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "App": _APP,
        "Blueprint": _BLUEPRINT,
        "Body": {**_MARKER, **_BODY},
        "Cookie": _MARKER,
        "Depends": _DEPENDS,
        "File": {**_MARKER, **_BODY},
        "FileResponse": _SEND_FILE,
        "Form": {**_MARKER, **_BODY},
        "HTMLResponse": _RESPONSE,
        "Header": _MARKER,
        "JSONResponse": {name: text for name, text in _RESPONSE.items() if name != "content"},
        "Query": _MARKER,
        "Response": _RESPONSE,
        "StreamResponse": _RESPONSE,
        "TextResponse": _RESPONSE,
        "a request": _REQUEST,
        "a route": _ROUTE,
        "a test client": _CLIENT,
        "redirect": _REDIRECT,
        "send_file": _SEND_FILE,
        "set_cookie": _SET_COOKIE,
        "url_for": _URL_FOR,
    }
)


def explain_foreign_option(call: str, name: str) -> str | None:
    """Say what to write instead of a keyword argument that does not exist.

    Args:
        call: the class or function, or what takes the option: ``a route``, ``a request``, ``a test client``.
        name: the keyword.

    Returns:
        Half a sentence, `None` when no other framework is known to have it.

    >>> explain_foreign_option("Blueprint", "url_prefix")
    'here `url_prefix` is `prefix`'
    """
    instead = _TABLES.get(call, {}).get(name)
    return None if instead is None else f"here `{name}` is {instead}"


def refuse_options(call: str, names: Iterable[str], known: Iterable[str]) -> TypeError:
    """Make the error for keyword arguments that do not exist.

    Args:
        call: as for `explain_foreign_option`.
        names: those that do not exist.
        known: those that do.
    """
    unknown = sorted(names)
    explained = [text for text in (explain_foreign_option(call, name) for name in unknown) if text is not None]
    reason = "; ".join([*explained, f"the options are {', '.join(sorted(known))}"])
    return TypeError(f"{call} has no option {', '.join(map(repr, unknown))}; {reason}")
