from django.urls import path

from agents import outcome_views, views
from agents.costs import alert_views
from agents.costs import views as cost_views

app_name = "agents"
urlpatterns = [
    path("console/agents/", views.agents, name="agents"),
    path("console/runs/", views.runs, name="runs"),
    path("console/runs/<uuid:run_id>/", views.run, name="run"),
    path("console/runs/<uuid:run_id>/calls/<uuid:call_id>/", views.call_in_full, name="call"),
    path("console/costs/", cost_views.show, name="costs"),
    path("console/costs/costs.csv", cost_views.download, name="costs_csv"),
    path("console/costs/alerts/", alert_views.show, name="alerts"),
    path("console/costs/alerts/<int:pk>/acknowledge/", alert_views.acknowledge, name="acknowledge_alert"),
    path("console/costs/alerts/<int:pk>/mute/", alert_views.mute, name="mute_alert"),
    path("console/outcomes/", outcome_views.queue, name="outcomes"),
    path("console/outcomes/<uuid:call_id>/", outcome_views.queue, name="outcome"),
    path("console/outcomes/<uuid:call_id>/settle/", outcome_views.settle, name="settle_outcome"),
]
