# test_shelf.py
from shelf import app


def test_a_book_is_kept_for_its_reader():
    with app.test_client() as client:
        answer = client.post("/", data={"title": "Emma"}, follow_redirects=True)

        assert answer.status_code == 200
        assert "“Emma” is on your shelf." in answer.text
        assert "<li>Emma</li>" in answer.text


def test_another_reader_has_another_shelf():
    with app.test_client() as one, app.test_client() as other:
        one.post("/", data={"title": "Emma"})

        assert "It is empty." in other.get("/").text


def test_a_title_is_required():
    with app.test_client() as client:
        assert client.post("/", data={}).status_code == 422
