"""`Vite`: the scripts and stylesheets that Vite makes, in the pages of an application.

In production the files of ``vite build`` are served like static files, and Vite's manifest says which an entry needs.
In debug mode nothing is built: pages refer to Vite's dev server, which is reached through the application itself
(`dev_server` and `dev_socket`), so that a browser sees one origin.

Spec: https://vite.dev/guide/backend-integration
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from costrel.errors import Mistake, NotFound, ProgrammerError
from costrel.http import encode_path, safe_relative_path
from costrel.messages import AppSetup, Request, Response, current_request
from costrel.static.dev_address import DevAddress
from costrel.static.extension import Handler
from costrel.static.folder_file import Folder, FolderFile
from costrel.static.freshness import IMMUTABLE, cache_control_of
from costrel.static.vite_manifest import BuiltEntry, ViteManifest, has_vite_hash, is_style, read_vite_manifest
from costrel.static.vite_tags import Markup, module_preload, nonce_meta, react_preamble, script, stylesheet

__all__ = ["Vite"]

Join = Callable[[str], str]
"""Makes the URL of a path below Vite's base."""


class Vite:
    """Puts what Vite makes into pages; an `Extension`.

    In templates: ``{{ vite("src/main.ts") }}`` in the head of a page, and ``{{ vite_asset("src/logo.svg") }}``.

    Vite's `base` is `path` with a final slash, behind the prefix under which browsers see the application.

    Args:
        manifest: written by ``vite build``, with ``build.manifest: true``; below the folder of the application's
            module unless it is absolute. The files of the build are found from there.
        dev_server: where ``vite`` listens, used in debug mode; `None` uses the build in debug mode too.
        path: the URL path of Vite's files.
        name: of the extension and of the route.
        react: whether the preamble of ``@vitejs/plugin-react`` is put into pages in debug mode.
        proxy: whether browsers reach the dev server through the application, on this machine alone; without, pages
            refer to `dev_server` itself.

    Attributes:
        name: as given.
        requires: nothing.
        template_globals: ``vite`` and ``vite_asset``.

    Raises:
        ValueError: `path` does not begin with ``/`` or is only that, or `dev_server` is no origin; through the proxy it
            must be ``http`` on this machine.
    """

    requires: tuple[str, ...] = ()

    def __init__(
        self,
        manifest: str | os.PathLike[str] = "dist/.vite/manifest.json",
        dev_server: str | None = "http://localhost:5173",
        *,
        path: str = "/vite",
        name: str = "vite",
        react: bool = False,
        proxy: bool = True,
    ) -> None:
        if not path.startswith("/") or not path.strip("/"):
            raise ValueError(f"The path of Vite's files begins with a slash and has a name, not {path!r}.")
        self.name = name
        self.template_globals: Mapping[str, object] = {"vite": self.tags, "vite_asset": self.asset_url}
        self._manifest = manifest
        self._dev_address = DevAddress.parse(dev_server, is_proxied=proxy) if dev_server is not None else None
        self._prefix = path.rstrip("/")
        self._react = react
        self._proxy = proxy
        self._app: AppSetup | None = None
        self._built: ViteManifest | None = None

    def __repr__(self) -> str:
        return f"Vite({os.fspath(self._manifest)!r}, path={self._prefix!r})"

    def install(self, app: AppSetup) -> None:
        """Read the manifest and serve its files; in debug mode, let the dev server do that.

        Raises:
            ConfigurationError: COS-STATIC-005, the manifest cannot be used.
        """
        self._app = app
        if app.debug and self._dev_address is not None:
            if self._proxy:
                from costrel.static.dev_server import add_dev_server

                add_dev_server(app, self._dev_address, self._prefix, self.name)
            return
        manifest = Path(app.root_folder, self._manifest).absolute()
        folder = manifest.parent.parent if manifest.parent.name == ".vite" else manifest.parent
        self._built = read_vite_manifest(manifest, folder)
        serve = _serve_built(Folder(str(folder), has_sidecars=True), self._built.hashed)
        app.add_route(f"{self._prefix}/{{path:path}}", serve, name=self.name, trailing_slash="strict")

    def tags(self, *entries: str) -> Markup:
        """Return the tags that bring entries into a page, for its head.

        Scripts and styles carry the nonce of the page if `SecurityHeaders` has made one.

        Args:
            entries: paths of sources below Vite's root, as in its configuration: ``src/main.ts``.

        Raises:
            ProgrammerError: COS-STATIC-006, no such entry was built; COS-STATIC-007, the extension is not installed.
        """
        request = current_request.get(None)
        nonce = str(request.state.csp_nonce) if request is not None and "csp_nonce" in request.state else ""
        join = self._joiner()
        lines = [nonce_meta(nonce)] if nonce else []
        lines += (
            self._built_tags(entries, join, nonce) if self._built is not None else self._dev_tags(entries, join, nonce)
        )
        return Markup("\n".join(dict.fromkeys(lines)))

    def asset_url(self, name: str, /) -> str:
        """Return the URL of one built file.

        Args:
            name: the path of its source below Vite's root: ``src/logo.svg``.

        Raises:
            ProgrammerError: as `tags`.
        """
        join = self._joiner()
        return join(self._find(self._built, name).file if self._built is not None else name)

    def _dev_tags(self, entries: tuple[str, ...], join: Join, nonce: str) -> Iterator[str]:
        if self._react:
            yield react_preamble(join("@react-refresh"), nonce)
        yield script(join("@vite/client"), nonce)
        for name in entries:
            yield stylesheet(join(name), nonce) if is_style(name) else script(join(name), nonce)

    def _built_tags(self, entries: tuple[str, ...], join: Join, nonce: str) -> Iterator[str]:
        found = [self._find(self._built, name) for name in entries]
        for entry in found:
            for style in (*entry.styles, entry.file):
                if is_style(style):
                    yield stylesheet(join(style), nonce)
        for entry in found:
            if not is_style(entry.file):
                yield script(join(entry.file), nonce)
        for entry in found:
            for module in entry.modules:
                yield module_preload(join(module), nonce)

    def _find(self, built: ViteManifest | None, name: str) -> BuiltEntry:
        entries = built.entries if built is not None else {}
        if name not in entries:
            raise ProgrammerError(_no_entry(name, list(entries)))
        return entries[name]

    def _joiner(self) -> Join:
        """Return what makes URLs in the context of the current request."""
        if self._app is None:
            raise ProgrammerError(
                Mistake(
                    "COS-STATIC-007",
                    f"{self!r} was asked for tags before it had been installed.",
                    why="Where its files are served is known from the application.",
                    fix="App(extensions=[*DEFAULT_EXTENSIONS, vite])     or  app.install(vite)",
                )
            )
        if self._built is None and not self._proxy and self._dev_address is not None:
            base = f"{self._dev_address.origin}{self._prefix}/"
        else:
            base = self._app.url_for(self.name, path="_")[:-1]
        return lambda path: base + encode_path(path)


def _serve_built(folder: Folder, hashed: frozenset[str]) -> Handler:
    """Make the handler of the files of a build."""

    async def vite(request: Request, path: str) -> Response:
        relative = safe_relative_path(path)
        if relative is None:
            raise NotFound
        control = IMMUTABLE if relative in hashed else cache_control_of(relative)
        return FolderFile((folder,), relative, headers={"Cache-Control": control}, has_hash=has_vite_hash)

    return vite


def _no_entry(name: str, known: list[str]) -> Mistake:
    from difflib import get_close_matches  # here, because it is slow to import

    near = get_close_matches(name, known, 3)
    return Mistake(
        "COS-STATIC-006",
        f"Vite has built nothing of `{name}`.",
        why="An entry is named by the path of its source below Vite's root, and listed in `build.rollupOptions.input`.",
        fix=f"Did you mean {' or '.join(f'`{each}`' for each in near)}?" if near else "Build again:  npx vite build",
    )
