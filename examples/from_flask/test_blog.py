"""What the blog does. Every test passes for the Flask application alone and at each of the three steps."""

import pytest


def test_an_empty_blog_says_so(blog):
    page = blog.browser().get("/")

    assert page.status_code == 200
    assert "Nothing here yet" in page.text
    assert 'href="/auth/login"' in page.text
    assert 'href="/static/blog.css"' in page.text


def test_the_style_sheet_is_served(blog):
    page = blog.browser().get("/static/blog.css")

    assert page.status_code == 200
    assert ".flash" in page.text


def test_someone_registers_and_logs_in(blog):
    browser = blog.browser()
    registered = browser.post("/auth/register", name="Ada", password="correct horse")
    logged_in = browser.post("/auth/login", name="Ada", password="correct horse")

    assert registered.path == "/auth/login"
    assert registered.messages == ["Welcome, Ada. You can log in now."]
    assert logged_in.path == "/"
    assert logged_in.messages == ["Good to see you, Ada."]
    assert '<span class="who">Ada</span>' in logged_in.text


def test_a_message_is_shown_once(blog):
    browser = blog.browser()
    browser.join("Ada")

    assert browser.get("/").messages == []


@pytest.mark.parametrize(
    ("name", "password", "message"),
    [
        ("", "correct horse", "Please choose a name."),
        ("Ada", "short", "A password has eight characters or more."),
        ("Grace", "correct horse", "The name “Grace” is taken."),
    ],
)
def test_an_account_needs_a_free_name_and_a_password(blog, name, password, message):
    blog.browser().post("/auth/register", name="Grace", password="correct horse")
    page = blog.browser().post("/auth/register", name=name, password=password)

    assert page.path == "/auth/register"
    assert page.messages == [message]


@pytest.mark.parametrize(("name", "password"), [("Ada", "wrong horse"), ("Nobody", "correct horse")])
def test_a_wrong_login_tells_nothing(blog, name, password):
    blog.browser().post("/auth/register", name="Ada", password="correct horse")
    page = blog.browser().post("/auth/login", name=name, password=password)

    assert page.messages == ["The name or the password is wrong."]
    assert 'class="who"' not in page.text


def test_logging_out_forgets_the_user(blog):
    browser = blog.browser()
    browser.join("Ada")
    page = browser.post("/auth/logout")

    assert page.path == "/"
    assert page.messages == ["Until next time."]
    assert 'class="who"' not in browser.get("/").text


def test_a_post_is_written_and_read(blog):
    browser = blog.browser()
    browser.join("Ada")
    written = browser.post("/posts/new", title="Notes <1>", body="On the engine.\nPart two.")

    assert written.path == "/posts/1"
    assert written.messages == ["“Notes &lt;1&gt;” is published."]
    for reader in (browser, blog.browser()):
        assert "Notes &lt;1&gt;" in reader.get("/").text
        assert "On the engine.\nPart two." in reader.get("/posts/1").text


def test_a_post_needs_a_title(blog):
    browser = blog.browser()
    browser.join("Ada")
    page = browser.post("/posts/new", title=" ", body="Kept in the form.")

    assert page.path == "/posts/new"
    assert page.messages == ["A post needs a title."]
    assert "Kept in the form." in page.text
    assert "Nothing here yet" in browser.get("/").text


def test_an_author_changes_a_post(blog):
    browser = blog.browser()
    browser.join("Ada")
    browser.post("/posts/new", title="First", body="One.")

    assert 'href="/posts/1/edit"' in browser.get("/posts/1").text
    assert 'value="First"' in browser.get("/posts/1/edit").text
    assert browser.post("/posts/1/edit", title="", body="Two.").messages == ["A post needs a title."]
    changed = browser.post("/posts/1/edit", title="Second", body="Two.")
    assert changed.path == "/posts/1"
    assert changed.messages == ["“Second” is saved."]
    assert "Two." in changed.text


def test_an_author_deletes_a_post(blog):
    browser = blog.browser()
    browser.join("Ada")
    browser.post("/posts/new", title="First", body="One.")
    page = browser.post("/posts/1/delete")

    assert page.path == "/"
    assert page.messages == ["“First” is gone."]
    assert browser.get("/posts/1").status_code == 404


def test_nobody_else_changes_a_post(blog):
    author, other = blog.browser(), blog.browser()
    author.join("Ada")
    author.post("/posts/new", title="First", body="One.")
    other.join("Grace")

    assert 'href="/posts/1/edit"' not in other.get("/posts/1").text
    assert other.get("/posts/1/edit").status_code == 403
    assert other.post("/posts/1/edit", title="Mine", body="Now.").status_code == 403
    assert other.post("/posts/1/delete").status_code == 403
    assert "First" in other.get("/").text


@pytest.mark.parametrize("path", ["/posts/new", "/posts/1/edit"])
def test_writing_needs_a_login(blog, path):
    page = blog.browser().get(path)

    assert page.path == "/auth/login"
    assert page.messages == ["Please log in first."]


@pytest.mark.parametrize("path", ["/posts/new", "/posts/1/edit", "/posts/1/delete"])
def test_nothing_is_written_without_a_login(blog, path):
    author, stranger = blog.browser(), blog.browser()
    author.join("Ada")
    author.post("/posts/new", title="First", body="One.")

    assert stranger.post(path, title="Mine", body="Now.").path == "/auth/login"
    assert "First" in stranger.get("/posts/1").text


@pytest.mark.parametrize("path", ["/posts/1", "/posts/x", "/nowhere", "/auth/nowhere"])
def test_what_is_not_there_is_404(blog, path):
    assert blog.browser().get(path).status_code == 404


@pytest.mark.parametrize("path", ["/auth/logout", "/posts/1/delete"])
def test_a_link_changes_nothing(blog, path):
    assert blog.browser().get(path).status_code == 405
