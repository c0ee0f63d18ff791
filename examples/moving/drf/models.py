# models.py
import django
from django.conf import settings

if not settings.configured:
    settings.configure(
        SECRET_KEY="a key of sixteen bytes or more",
        ALLOWED_HOSTS=["*"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.sqlite3"}},
        INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "rest_framework"],
        ROOT_URLCONF="before",
        REST_FRAMEWORK={"DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"]},
        USE_TZ=True,
    )
    django.setup()

from django.db import models


class Product(models.Model):
    name = models.CharField(max_length=50)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    is_listed = models.BooleanField(default=True)

    class Meta:
        app_label = "shop"
        ordering = ["id"]
