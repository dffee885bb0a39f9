from django.urls import path

from approvals import bulk_views, views

app_name = "approvals"
urlpatterns = [
    path("console/approvals/", views.queue, name="queue"),
    path("console/approvals/together/", bulk_views.together, name="together"),
    path("console/approvals/<int:pk>/", views.queue, name="request"),
    path("console/approvals/<int:pk>/approve/", views.approve, name="approve"),
    path("console/approvals/<int:pk>/reject/", views.reject, name="reject"),
    path("console/approvals/<int:pk>/edit/", views.edit, name="edit"),
    path("console/approvals/<int:pk>/undo/", views.undo, name="undo"),
    path("console/approvals/<int:pk>/ask/", views.ask, name="ask"),
    path("console/approvals/<int:pk>/questions/<int:question>/answer/", views.answer, name="answer"),
    path("console/approvals/<int:pk>/assign/", views.assign, name="assign"),
]
