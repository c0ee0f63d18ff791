# after.py
from decimal import Decimal
from typing import Annotated

from django.db import close_old_connections
from models import Product
from msgspec import UNSET, Meta, Struct, UnsetType, structs

from costrel import App, Blueprint, Forbidden, NotFound, Request, Resource

Name = Annotated[str, Meta(min_length=1, max_length=50)]


class Priced(Struct):
    price: Decimal | UnsetType = UNSET

    def __post_init__(self):
        if self.price is not UNSET and self.price <= 0:
            raise ValueError("A price is more than nothing.")


class NewProduct(Priced, kw_only=True):
    name: Name
    price: Decimal
    is_listed: bool = True


class ProductChange(Priced):
    name: Name | UnsetType = UNSET
    is_listed: bool | UnsetType = UNSET


class ProductView(Struct):
    id: int
    name: str
    price: Decimal
    is_listed: bool


class Page(Struct):
    count: int
    results: list[ProductView]


def view_of(product: Product) -> ProductView:
    return ProductView(product.id, product.name, product.price, product.is_listed)


def find(id: int) -> Product:
    product = Product.objects.filter(pk=id).first()
    if product is None:
        raise NotFound("There is no such product.")
    return product


app = App()
api = Blueprint("api", prefix="/api")


@api.before_request
def has_key(request: Request):
    if request.method not in {"GET", "HEAD", "OPTIONS"} and request.headers.get("x-key") != "secret":
        raise Forbidden("Send the key.")


@app.teardown_request
def give_connections_back():
    close_old_connections()


class Products(Resource):
    def get(self, name: str = "", limit: Annotated[int, Meta(ge=1, le=100)] = 10, offset: int = 0) -> Page:
        found = Product.objects.filter(name__icontains=name) if name else Product.objects.all()
        return Page(found.count(), [view_of(product) for product in found[offset : offset + limit]])

    def post(self, new: NewProduct):
        return view_of(Product.objects.create(**structs.asdict(new))), 201


class OneProduct(Resource):
    def get(self, id: int) -> ProductView:
        return view_of(find(id))

    def patch(self, id: int, change: ProductChange) -> ProductView:
        product = find(id)
        for name, value in structs.asdict(change).items():
            if value is not UNSET:
                setattr(product, name, value)
        product.save()
        return view_of(product)

    def delete(self, id: int) -> None:
        find(id).delete()


@api.post("/products/{id}/hide")
def hide(id: int) -> ProductView:
    product = find(id)
    product.is_listed = False
    product.save()
    return view_of(product)


api.add_resource("/products", Products)
api.add_resource("/products/{id}", OneProduct)
app.register(api)
