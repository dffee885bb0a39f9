from django.urls import path

from supportagent.demo import shop

app_name = "demo"
urlpatterns = [path("demo/", shop.shop, name="shop")]
