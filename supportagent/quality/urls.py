from django.urls import path

from supportagent.quality import views

app_name = "quality"
urlpatterns = [
    path("console/labels/", views.queue, name="queue"),
    path("console/labels/results/", views.results, name="results"),
    path("console/labels/<int:pk>/", views.queue, name="item"),
    path("console/labels/<int:pk>/label/", views.label, name="label"),
    path("console/labels/<int:pk>/skip/", views.skip, name="skip"),
]
