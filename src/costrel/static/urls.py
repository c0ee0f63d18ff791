"""The URL of a static file for a page: `static_url`, and `static_integrity` for the attribute beside it.

Both look for the file in the application that handles the request, then in those around it, as `url_for` does.
"""

from __future__ import annotations

import logging
from typing import Protocol, cast

from costrel.errors import Mistake, OutsideRequest, ProgrammerError
from costrel.messages import AppView, Request, current_request
from costrel.static.asset import Asset
from costrel.static.assets import AssetOwner, Assets

__all__ = ["static_integrity", "static_url"]

logger: logging.Logger = logging.getLogger("costrel.static")


class _Mounted(Protocol):
    """The mount that a request has come through, as far as it is asked here."""

    @property
    def app(self) -> AppView | None: ...

    @property
    def outer_app(self) -> AppView: ...

    @property
    def parent(self) -> _Mounted | None: ...


def static_url(path: str, /, *, name: str = "static", external: bool = False) -> str:
    """Return the URL of a static file, with a hash of its content in it; browsers keep it for a year.

    In templates: ``{{ static_url("css/site.css") }}``. References inside a file are not changed: what a stylesheet
    names is asked for under its plain name, and revalidated.

    Args:
        path: of the file in its folder, for example ``css/site.css``.
        name: of the route, as for `url_for`: that of the extension, with the prefix of a blueprint before it:
            ``shop.static``.
        external: with scheme and host.

    Returns:
        The URL with the hash. A file that is not there has its plain URL in production, and one line in the log.

    Raises:
        ProgrammerError: COS-STATIC-002, in debug mode: there is no such file; COS-STATIC-004: no such route.
        OutsideRequest: there is neither a request nor `app.app_context()`.
    """
    app, assets = _find_assets("static_url", name)
    asset = _find(app, assets, path, name)
    return app.url_for(name, path=path if asset is None else asset.url_path, external=external)


def static_integrity(path: str, /, *, name: str = "static") -> str:
    """Return what the attribute ``integrity`` of a link or script says about a static file.

    ``<script src="{{ static_url("a.js") }}" integrity="{{ static_integrity("a.js") }}">``

    Args:
        path: as for `static_url`.
        name: as for `static_url`.

    Returns:
        ``sha256-…``; empty, which browsers ignore, for a file that is not there or over 16 MiB.

    Raises:
        ProgrammerError: as `static_url`.
        OutsideRequest: as `static_url`.

    Spec:
        Subresource Integrity §3.
    """
    app, assets = _find_assets("static_integrity", name)
    asset = _find(app, assets, path, name)
    return asset.integrity if asset is not None else ""


def _find_assets(function: str, name: str) -> tuple[AppView, Assets]:
    """Find the innermost application with a route of static files that has a name."""
    request = current_request.get(None)
    if request is None:
        raise OutsideRequest(function)
    extension_name = name.rpartition(".")[2]
    for app in _apps_around(request):
        extension = app.extensions.get(extension_name)
        if isinstance(extension, AssetOwner) and name in extension.assets:
            return app, extension.assets[name]
    raise ProgrammerError(_no_route(request.app, function, name))


def _apps_around(request: Request) -> list[AppView]:
    """Return the application that handles a request and those that it is mounted in."""
    apps = [request.app]
    mount = cast("_Mounted | None", request.mount)
    while mount is not None:
        if mount.outer_app not in apps:
            apps.append(mount.outer_app)
        mount = mount.parent
    return apps


def _find(app: AppView, assets: Assets, path: str, name: str) -> Asset | None:
    asset = assets.find(path)
    if asset is None:
        if app.debug:
            raise ProgrammerError(_no_file(assets, path))
        if assets.note_unknown(path):
            logger.warning("static_file_unknown path=%r route=%s", path, name)
    return asset


def _no_file(assets: Assets, path: str) -> Mistake:
    from difflib import get_close_matches  # here, because it is slow to import

    near = get_close_matches(path, assets.names(), 3)
    return Mistake(
        "COS-STATIC-002",
        f"There is no static file `{path}`.",
        why="A path is relative to the folder of static files, without a slash in front.",
        fix=f"Did you mean {' or '.join(f'`{each}`' for each in near)}?" if near else "Make the file.",
    )


def _no_route(app: AppView, function: str, name: str) -> Mistake:
    known = sorted(
        route
        for extension in app.extensions.values()
        if isinstance(extension, AssetOwner)
        for route in extension.assets
    )
    return Mistake(
        "COS-STATIC-004",
        f"`{function}` was asked for a file of `{name}`, and no static files are served under that name.",
        why=f"There are: {', '.join(f'`{route}`' for route in known)}." if known else "There are no static files.",
        fix="Make the folder `static` beside the application, or install `StaticFiles` with that name.",
    )
