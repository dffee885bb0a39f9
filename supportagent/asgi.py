"""The web process: pages over HTTP, live views over sockets, and the start and stop of both.

uvicorn supportagent.asgi:application --lifespan on
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "supportagent.settings")
os.environ.setdefault("SUPPORTAGENT_PROCESS", "web")

from django.core.asgi import get_asgi_application

django_application = get_asgi_application()  # loads every app; what follows may import models

from supportagent.demo.checks import refuse_demo_parts  # noqa: E402
from supportagent.routing import build_application  # noqa: E402

refuse_demo_parts()
application = build_application(django_application)
