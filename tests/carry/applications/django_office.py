"""Django with its administration on SQLite, a stream, and two views of the REST framework.

Django has one set of settings for each process, so this module configures it once; `make_wsgi` and `make_asgi` return
its two faces. Its links begin with the prefix that the server tells it, its static files among them.
"""

from __future__ import annotations

import atexit
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import django
from django.conf import settings

_folder = Path(mkdtemp(prefix="office-"))
atexit.register(shutil.rmtree, _folder, ignore_errors=True)

settings.configure(
    ALLOWED_HOSTS=["*"],
    SECRET_KEY="a key for the tests alone",
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(_folder / "office.sqlite")}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
        "django.contrib.staticfiles",
        "rest_framework",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    STATIC_URL="static/",
    USE_TZ=True,
    LOGGING_CONFIG=None,
)
django.setup()


def make_urlpatterns() -> list[Any]:
    """Return the routes; what they need can be imported only after the settings."""
    from django.contrib import admin
    from django.contrib.auth import get_user_model
    from django.contrib.staticfiles.views import serve
    from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
    from django.urls import path, reverse
    from rest_framework import generics, serializers
    from rest_framework.authentication import BasicAuthentication
    from rest_framework.decorators import api_view, authentication_classes
    from rest_framework.request import Request
    from rest_framework.response import Response

    def where(request: HttpRequest) -> HttpResponse:
        return JsonResponse(
            {"home": reverse("where"), "path": request.path, "absolute": request.build_absolute_uri("/x")}
        )

    def stream(request: HttpRequest) -> StreamingHttpResponse:
        def pieces() -> Iterator[str]:
            yield from (f"piece {number}\n" for number in range(5))

        async def async_pieces() -> AsyncIterator[str]:
            for piece in pieces():
                yield piece

        return StreamingHttpResponse(async_pieces() if hasattr(request, "scope") else pieces())

    async def later(request: HttpRequest) -> HttpResponse:
        names = [user.username async for user in get_user_model().objects.filter(is_superuser=True)]
        return HttpResponse(",".join(names))

    def broken(request: HttpRequest) -> HttpResponse:
        raise ValueError("broken")

    class UserSerializer(serializers.ModelSerializer):
        url = serializers.HyperlinkedIdentityField(view_name="user")

        class Meta:
            model = get_user_model()
            fields = ("username", "email", "url")

    class Users(generics.ListCreateAPIView):
        queryset = get_user_model().objects.order_by("id")
        serializer_class = UserSerializer
        authentication_classes = (BasicAuthentication,)

    class OneUser(generics.RetrieveAPIView):
        queryset = Users.queryset
        serializer_class = UserSerializer
        authentication_classes = Users.authentication_classes

    @api_view(["POST"])
    @authentication_classes([])
    def echo(request: Request) -> Response:
        return Response({"data": request.data, "type": request.content_type})

    return [
        path("admin/", admin.site.urls),
        path("where", where, name="where"),
        path("stream", stream),
        path("later", later),
        path("broken", broken),
        path("api/users", Users.as_view()),
        path("api/users/<int:pk>", OneUser.as_view(), name="user"),
        path("api/echo", echo),
        path("static/<path:path>", serve, {"insecure": True}),
    ]


def migrate() -> None:
    """Make the tables, and a user who may do everything."""
    from django.contrib.auth import get_user_model
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    get_user_model().objects.create_superuser("ann", "ann@example.com", "correct horse")


urlpatterns = make_urlpatterns()
migrate()


def make_wsgi() -> Any:
    """Return the application as WSGI."""
    from django.core.wsgi import get_wsgi_application

    return get_wsgi_application()


def make_asgi() -> Any:
    """Return the application as ASGI."""
    from django.core.asgi import get_asgi_application

    return get_asgi_application()
