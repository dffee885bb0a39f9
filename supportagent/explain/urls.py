from django.urls import path

from supportagent.explain import views

app_name = "explain"
urlpatterns = [path("console/explain/", views.explain, name="page")]
