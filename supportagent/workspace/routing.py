from django.urls import path, re_path

from supportagent.workspace.consumers import TicketConsumer, TicketsConsumer

websocket_urlpatterns = [
    path("ws/tickets/", TicketsConsumer.as_asgi()),
    re_path(r"^ws/tickets/(?P<number>T-[0-9]{1,18})/$", TicketConsumer.as_asgi()),
]
