from django.urls import path

from supportagent.widget.consumers import WidgetConsumer

websocket_urlpatterns = [path("ws/widget/", WidgetConsumer.as_asgi())]
