from django.urls import path

from supportagent.metrics import agent_views, views

app_name = "metrics"
urlpatterns = [
    path("console/", views.show_dashboard, name="dashboard"),
    path("console/figures/<slug:section>/<slug:table>.csv", views.download, name="table"),
    path("console/agents/<slug:slug>/", agent_views.show, name="agent"),
    path("metrics", views.prometheus, name="prometheus"),
]
