from django.urls import path

from supportagent.start import views

app_name = "start"
urlpatterns = [
    path("console/start/", views.page, name="page"),
    path("console/start/provider/", views.check, name="check"),
    path("console/start/agent/", views.make_agent, name="make_agent"),
    path("console/start/tools/", views.grant_tools, name="grant_tools"),
    path("console/start/budget/", views.set_budget, name="set_budget"),
]
