from django.urls import path

from agents import views

app_name = "agents"
urlpatterns = [
    path("console/runs/", views.runs, name="runs"),
    path("console/runs/<uuid:run_id>/", views.run, name="run"),
    path("console/runs/<uuid:run_id>/calls/<uuid:call_id>/", views.call_in_full, name="call"),
]
