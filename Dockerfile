# Web, worker and scheduler from one image; the command chooses (compose.yaml).
FROM python:3.12-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
RUN python -m venv /venv
COPY requirements.lock .
RUN /venv/bin/pip install --require-hashes -r requirements.lock

FROM python:3.12-slim-bookworm
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    SUPPORTAGENT_ENV=production SUPPORTAGENT_DATA_DIR=/data SUPPORTAGENT_STATIC_ROOT=/app/static
RUN useradd --system --uid 10001 --home-dir /nonexistent supportagent \
    && install -d -o supportagent -g supportagent -m 0700 /data
COPY --from=build /venv /venv
WORKDIR /app
COPY manage.py pyproject.toml ./
COPY supportagent supportagent
COPY agents agents
COPY approvals approvals
COPY audit audit
COPY templates templates
# The secret of this one command signs nothing and is not kept in the image.
RUN SUPPORTAGENT_SECRET_KEY=used-for-collecting-static-files-only SUPPORTAGENT_ALLOWED_HOSTS=build.invalid \
    SUPPORTAGENT_PUBLIC_URL=https://build.invalid python manage.py collectstatic --noinput \
    && chown supportagent: /data
USER supportagent
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["python", "-c", \
    "from http.client import HTTPConnection as C; c = C('127.0.0.1', 8000, timeout=2); c.request('GET', '/healthz'); c.getresponse().status == 200 or exit(1)"]
CMD ["uvicorn", "supportagent.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--lifespan", "on", \
     "--no-access-log", "--timeout-graceful-shutdown", "5", "--ws-max-size", "131072"]
