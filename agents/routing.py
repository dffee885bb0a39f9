from django.urls import path

from agents.consumers import AlertsConsumer, OutcomesConsumer, RunConsumer

websocket_urlpatterns = [
    path("ws/runs/<uuid:run_id>/", RunConsumer.as_asgi()),
    path("ws/costs/alerts/", AlertsConsumer.as_asgi()),
    path("ws/outcomes/", OutcomesConsumer.as_asgi()),
]
