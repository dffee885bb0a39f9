from django.urls import path

from supportagent.staff import views

app_name = "staff"
urlpatterns = [path("console/presence/", views.presence, name="presence")]
