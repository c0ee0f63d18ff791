"""A user's settings: typed, from four places in order, every mistake by the name of its variable."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from costrel.app import App, Secret, Settings, read_env_file
from costrel.errors import BuildError
from costrel.testing import TestClient


class Mail(Settings):
    """Settings inside others."""

    host: str
    port: int = 25
    password: Secret | None = None


class Shop(Settings, prefix="TEST_SHOP_", env_file="shop.env", toml_file="shop.toml"):
    """Settings of an application."""

    database_url: Secret
    page_size: int = 20
    debug: bool = False
    tags: tuple[str, ...] = ()
    mail: Mail = Mail(host="localhost")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, with one variable set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TEST_SHOP_DATABASE_URL", "db://user:tea@host")
    return tmp_path


@pytest.mark.capability("C156")
def test_values_come_from_the_first_place_that_has_one(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keyword, environment, env file, TOML file, default."""
    (folder / "shop.toml").write_text('page_size = 1\ndebug = true\ntags = ["toml"]\n')
    seen = [Shop().page_size]
    (folder / "shop.env").write_text("TEST_SHOP_PAGE_SIZE=2\n")
    seen.append(Shop().page_size)
    monkeypatch.setenv("TEST_SHOP_PAGE_SIZE", "3")
    seen.append(Shop().page_size)
    seen.append(Shop(page_size=4).page_size)

    assert ([1, 2, 3, 4], True, ("toml",)) == (seen, Shop().debug, Shop().tags)


@pytest.mark.capability("C156")
def test_what_is_wrong_stops_the_start_and_names_the_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it together, never with the value."""
    monkeypatch.delenv("TEST_SHOP_DATABASE_URL")
    monkeypatch.setenv("TEST_SHOP_PAGE_SIZE", "many-s3cret")
    monkeypatch.setenv("TEST_SHOP_DEBUG", "perhaps")

    with pytest.raises(BuildError) as caught:
        Shop()

    whats = [mistake.what for mistake in caught.value.mistakes]

    assert ["`TEST_SHOP_DATABASE_URL` is not set."] == whats[:1]
    assert ["COS-APP-040", "COS-APP-041", "COS-APP-041"] == [mistake.code for mistake in caught.value.mistakes]
    assert "`TEST_SHOP_PAGE_SIZE` cannot be read: Expected `int`, got `str`." == whats[1]
    assert "s3cret" not in str(caught.value)


@pytest.mark.capability("C156")
def test_settings_inside_settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their variables have the field's name before theirs; a TOML table of the name is theirs."""
    assert Mail(host="localhost") == Shop().mail
    monkeypatch.setenv("TEST_SHOP_MAIL_PORT", "587")
    with pytest.raises(BuildError, match="`TEST_SHOP_MAIL_HOST` is not set"):
        Shop()
    (folder / "shop.toml").write_text('[mail]\nhost = "mx"\npassword = "tea"\n')

    mail = Shop().mail

    assert ("mx", 587, "tea") == (mail.host, mail.port, mail.password.reveal() if mail.password else None)


@pytest.mark.capability("C157")
def test_a_secret_is_never_shown() -> None:
    """`repr`, `str`, formats and error texts are stars; `reveal` is the text."""
    shop = Shop()
    shown = f"{shop!r} {shop} {shop.database_url} {shop.database_url!r} {[shop.database_url]}"

    assert "tea" not in shown
    assert "Shop(database_url=Secret('***')" in repr(shop)
    assert "db://user:tea@host" == shop.database_url.reveal()
    with pytest.raises(TypeError, match="a Secret is not pickled"):
        pickle.dumps(shop.database_url)


def test_a_secret_is_a_value() -> None:
    """Two of one text are equal, an empty one is false."""
    assert Secret("a") == Secret("a") != Secret("b")
    assert {Secret("a")} == {Secret("a"), Secret("a")}
    assert Secret("a")
    assert not Secret("")


def test_settings_do_not_change() -> None:
    """They are read once; `replace` makes others for tests."""
    shop = Shop()

    with pytest.raises(AttributeError, match=r"make another with .replace\(page_size=…\)"):
        shop.page_size = 3
    with pytest.raises(AttributeError, match="`page_size` stays"):
        del shop.page_size

    assert (20, 3) == (shop.page_size, shop.replace(page_size=3).page_size)
    assert shop == Shop() != shop.replace(page_size=3)
    assert hash(shop) == hash(Shop())


def test_a_field_that_does_not_exist_is_refused() -> None:
    """A misspelt keyword would be ignored."""
    with pytest.raises(TypeError, match="Shop has no field page_sise"):
        Shop(page_sise=3)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("A=1\nB = 2 \n", {"A": "1", "B": "2"}, id="plain"),
        pytest.param("# A=1\n\n  # B=2\nC\n", {}, id="comments-and-other-lines"),
        pytest.param("export A=1 # one\n", {"A": "1"}, id="export-and-comment"),
        pytest.param("A='a b # c'\nB=\"x=y\"\n", {"A": "a b # c", "B": "x=y"}, id="quotes"),
        pytest.param("A=$HOME\nB=\n", {"A": "$HOME", "B": ""}, id="nothing-is-expanded"),
    ],
)
@pytest.mark.capability("C156")
def test_an_env_file(text: str, expected: dict[str, str], folder: Path) -> None:
    """``NAME=value`` lines; the environment of the process is not touched."""
    path = folder / "some.env"
    path.write_text(text)

    assert expected == read_env_file(path)
    assert "A" not in os.environ


def test_a_missing_env_file_is_empty(folder: Path) -> None:
    """It need not exist."""
    assert {} == read_env_file(folder / "nothing")


@pytest.mark.capability("C061")
@pytest.mark.capability("C156")
def test_settings_are_a_provider_like_any_type() -> None:
    """Read once at start, handed to whoever asks for the type."""
    app = App("test", extensions=())
    app.provide(Shop, Shop, lifetime="app")

    @app.get("/")
    async def index(shop: Shop) -> int:
        return shop.page_size

    with TestClient(app) as client:
        assert 20 == client.get("/").json()
