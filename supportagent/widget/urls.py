from django.urls import path

from supportagent.widget import views

app_name = "widget"
urlpatterns = [
    path("v1.js", views.loader, name="loader"),
    path("frame/<slug:app_id>/", views.frame, name="frame"),
    path("api/session", views.session, name="session"),
    path("api/messages", views.messages, name="messages"),
    path("api/contact", views.contact, name="contact"),
    path("api/rating", views.rating, name="rating"),
    path("api/rating/skip", views.skip, name="skip_rating"),
]
