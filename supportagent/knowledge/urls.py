from django.urls import path

from supportagent.knowledge import views

app_name = "knowledge"
urlpatterns = [
    path("console/knowledge/gaps/", views.show, name="gaps"),
    path("console/knowledge/gaps/<int:pk>/settle/", views.settle, name="settle_gap"),
]
