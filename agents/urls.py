from django.urls import path

from agents import outcome_views, views

app_name = "agents"
urlpatterns = [
    path("console/agents/", views.agents, name="agents"),
    path("console/runs/", views.runs, name="runs"),
    path("console/runs/<uuid:run_id>/", views.run, name="run"),
    path("console/runs/<uuid:run_id>/calls/<uuid:call_id>/", views.call_in_full, name="call"),
    path("console/outcomes/", outcome_views.queue, name="outcomes"),
    path("console/outcomes/<uuid:call_id>/", outcome_views.queue, name="outcome"),
    path("console/outcomes/<uuid:call_id>/settle/", outcome_views.settle, name="settle_outcome"),
]
