from django.urls import path

from approvals import views

app_name = "approvals"
urlpatterns = [
    path("console/approvals/", views.queue, name="queue"),
    path("console/approvals/<int:pk>/", views.queue, name="request"),
    path("console/approvals/<int:pk>/approve/", views.approve, name="approve"),
    path("console/approvals/<int:pk>/reject/", views.reject, name="reject"),
]
