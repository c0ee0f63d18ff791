# before.py
from django.core.wsgi import get_wsgi_application
from django.urls import include, path
from models import Product
from rest_framework import permissions, routers, serializers, viewsets
from rest_framework.decorators import action
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.response import Response


class HasKey(permissions.BasePermission):
    message = "Send the key."

    def has_permission(self, request, view):
        return request.method in permissions.SAFE_METHODS or request.headers.get("X-Key") == "secret"


class ProductSerializer(serializers.ModelSerializer):
    class Meta:
        model = Product
        fields = ["id", "name", "price", "is_listed"]

    def validate_price(self, value):
        if value <= 0:
            raise serializers.ValidationError("A price is more than nothing.")
        return value


class Page(LimitOffsetPagination):
    default_limit = 10
    max_limit = 100


class Products(viewsets.ModelViewSet):
    queryset = Product.objects.all()
    serializer_class = ProductSerializer
    permission_classes = [HasKey]
    pagination_class = Page

    def get_queryset(self):
        name = self.request.query_params.get("name")
        return Product.objects.filter(name__icontains=name) if name else Product.objects.all()

    @action(detail=True, methods=["post"])
    def hide(self, request, pk=None):
        product = self.get_object()
        product.is_listed = False
        product.save()
        return Response(ProductSerializer(product).data)


router = routers.DefaultRouter()
router.register("products", Products)
urlpatterns = [path("api/", include(router.urls))]
app = get_wsgi_application()
