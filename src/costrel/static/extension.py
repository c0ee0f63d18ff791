"""Static files as an extension: the folder beside the application, and those of its blueprints, as routes.

A folder is a route like any other, with layers, hooks and error handlers around it. Without a folder there is no route.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

from costrel.errors import ConfigurationError, Mistake, NotFound
from costrel.http import quality_of, safe_relative_path
from costrel.messages import AppSetup, Request, Response
from costrel.static.assets import AssetOwner, Assets, LiveAssets, PlainAssets, StartedAssets
from costrel.static.folder_file import Folder, FolderFile
from costrel.static.freshness import IMMUTABLE, cache_control_of
from costrel.static.urls import static_integrity, static_url

__all__ = ["StaticFiles"]

Handler = Callable[[Request, str], Awaitable[Response]]

DEFAULT_FOLDER: Final = "static"

_KEPT: Final = {"Cache-Control": IMMUTABLE}


class StaticFiles(AssetOwner):
    """Serves the files of a folder; an `Extension`.

    Each file has validators and ranges, a compressed form beside it (``app.css.br``, ``.zst``, ``.gz``) is sent to
    clients that read it, and one with a hash in its name may be kept for a year. Hidden files, symbolic links and
    whatever leads out of the folder are 404.

    Args:
        folder: below the folder of the application's module unless it is absolute. `None` is ``static``, if it is
            there; then the static folders of blueprints are served too, each under its prefix and ``/static``.
        path: the URL path in front of the files, ``/`` for a whole site.
        name: of the extension and of the route: ``url_for("static", path="css/site.css")``.
        spa: the page of a single-page application, for example ``index.html``: it is sent for paths that are no file,
            to clients that take a page, unless their last part has a dot in it.
        max_age_seconds: how long browsers may keep files without a hash in their names; 0 is: ask each time.
        follow_symlinks: whether symbolic links are followed, wherever they lead.
        allow_dotfiles: whether names that begin with a dot are served, such as ``.well-known``.
        manifest: what a build step has written about the files it has made, below the folder of the application's
            module unless it is absolute; see `costrel.static.asset_manifest`. `None` is: the hashes of all files are
            taken at the start.
        fingerprints: whether `static_url` gives URLs with hashes in them; without, no file is read at the start.

    Attributes:
        name: as given.
        requires: nothing.
        template_globals: `static_url` and `static_integrity`.

    Raises:
        ValueError: `path` does not begin with ``/``, or `spa` or `max_age_seconds` cannot be.
    """

    requires: tuple[str, ...] = ()
    template_globals: Mapping[str, object] = {"static_url": static_url, "static_integrity": static_integrity}

    def __init__(
        self,
        folder: str | os.PathLike[str] | None = None,
        *,
        path: str = "/static",
        name: str = "static",
        spa: str | None = None,
        max_age_seconds: int = 0,
        follow_symlinks: bool = False,
        allow_dotfiles: bool = False,
        manifest: str | os.PathLike[str] | None = None,
        fingerprints: bool = True,
    ) -> None:
        super().__init__()
        if not path.startswith("/"):
            raise ValueError(f"The path of static files begins with a slash, not {path!r}.")
        if spa is not None and safe_relative_path(spa) is None:
            raise ValueError(f"`spa` is the path of a file in the folder, not {spa!r}.")
        if max_age_seconds < 0:
            raise ValueError(f"`max_age_seconds` is 0 or more, not {max_age_seconds}.")
        self.name = name
        self._folder = folder
        self._prefix = path.rstrip("/")
        self._spa = spa
        self._max_age_seconds = max_age_seconds
        self._follow_symlinks = follow_symlinks
        self._allow_dotfiles = allow_dotfiles
        self._manifest = manifest
        self._fingerprints = fingerprints

    def __repr__(self) -> str:
        return f"StaticFiles({os.fspath(self._folder or DEFAULT_FOLDER)!r}, path={self._prefix or '/'!r})"

    def install(self, app: AppSetup) -> None:
        """Register a route for each folder that is there.

        Raises:
            ConfigurationError: a folder that was named is missing, or the manifest cannot be used.
        """
        for prefix, paths in self._find_folders(app).items():
            folders = tuple(self._describe(folder) for folder in paths)
            name = f"{prefix.strip('/').replace('/', '.')}.{self.name}" if prefix else self.name
            assets = self._make_assets(app, prefix, folders)
            self.assets[name] = assets
            if isinstance(assets, StartedAssets):
                app.on_start(assets.begin)
            serve = self._make_handler(folders, assets)
            path = f"{prefix}{self._prefix}"
            # What ends with a slash is no file, so the two spellings are not the same here.
            app.add_route(f"{path}/{{path:path}}", serve, name=name, trailing_slash="strict")
            if self._spa is not None:
                app.add_route(f"{path}/", self._make_entry(serve), name=f"{name}_page", trailing_slash="redirect")

    def _make_assets(self, app: AppSetup, prefix: str, folders: tuple[Folder, ...]) -> Assets:
        """Decide how the names with hashes of one route are known."""
        if self._manifest is not None and not prefix:
            # Imported here because few applications have one.
            from costrel.static.asset_manifest import ListedAssets, read_manifest

            manifest = Path(app.root_folder, self._manifest)
            if app.debug:
                return ListedAssets(manifest, folders)
            return StartedAssets(folders, listed=read_manifest(manifest, folders))
        if not self._fingerprints:
            return PlainAssets()
        if app.debug:
            return LiveAssets(folders, allow_dotfiles=self._allow_dotfiles)
        return StartedAssets(folders, allow_dotfiles=self._allow_dotfiles)

    def _find_folders(self, app: AppSetup) -> dict[str, list[Path]]:
        """Return the folders by the prefix they are served under; of several under one, the first that has a file."""
        found: dict[str, list[Path]] = {}
        own = Path(app.root_folder, self._folder or DEFAULT_FOLDER)
        if own.is_dir():
            found[""] = [own]
        elif self._folder is not None:
            raise _no_folder(own, "StaticFiles(…)")
        if self._folder is None:
            for prefix, folder in app.blueprint_folders("static_folder"):
                if not folder.is_dir():
                    raise _no_folder(folder, "Blueprint(static_folder=…)")
                found.setdefault(prefix, []).append(folder)
        return found

    def _describe(self, folder: Path) -> Folder:
        return Folder(str(folder.absolute()), self._follow_symlinks, has_sidecars=True)

    def _make_handler(self, folders: tuple[Folder, ...], assets: Assets) -> Handler:
        """Make the handler of one route."""
        spa = self._spa
        max_age_seconds = self._max_age_seconds
        allow_dotfiles = self._allow_dotfiles

        async def static(request: Request, path: str) -> Response:
            if assets.is_ready:
                asset = assets.by_url_path.get(path)
            else:
                asset = await request.exchange.loop_state.files.submit(assets.find_served, path)
            if asset is not None:
                return FolderFile(folders, asset.path, headers=_KEPT, version=asset.version)
            page = spa if spa is not None and _wants_page(request, path) else None
            # SECURITY: nothing of the file system is asked about a path that is refused here.
            relative = safe_relative_path(path, allow_dotfiles=allow_dotfiles)
            if relative is not None:
                control = cache_control_of(relative, max_age_seconds)
                return FolderFile(folders, relative, fallback=page, headers={"Cache-Control": control})
            if page is None or safe_relative_path(path.removesuffix("/")) is None:
                raise NotFound
            return FolderFile(folders, page, headers={"Cache-Control": cache_control_of(page), "Vary": "Accept"})

        return static

    def _make_entry(self, serve: Handler) -> Callable[[Request], Awaitable[Response]]:
        """Make the handler of the folder itself, which sends the page."""
        page = self._spa or ""

        async def static_page(request: Request) -> Response:
            return await serve(request, page)

        return static_page


def _wants_page(request: Request, path: str) -> bool:
    """Whether a path that is no file may be one of a single-page application: no extension, and a page is taken."""
    last = path.rstrip("/").rpartition("/")[2]
    return "." not in last and quality_of(request.headers.get_combined("accept"), "text/html") > 0


def _no_folder(folder: Path, where: str) -> ConfigurationError:
    return ConfigurationError(
        Mistake(
            "COS-STATIC-001",
            f"There is no folder `{folder}` for static files.",
            where=where,
            why="A folder that was named is expected to be there; a relative one is looked for beside the module.",
            fix="Make the folder, or correct its name.",
        )
    )
