"""Logs that carry request, tenant and task ids, one line each, for people or as JSON."""

from typing import Any

import structlog

# The line that ends a request or a task says all that the one at its beginning does, and how it went.
BEGINNINGS = {"request_started", "task_enqueued", "task_started"}


def drop_beginnings(
    logger: Any, method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """One line per request and task."""
    if event.get("event") in BEGINNINGS:
        raise structlog.DropEvent
    return event


SHARED_PROCESSORS: list[structlog.typing.Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.UnicodeDecoder(),
]


def logging_config(*, level: str, json: bool) -> dict[str, Any]:
    """Django's LOGGING: everything goes through structlog to standard error."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            drop_beginnings,
            *SHARED_PROCESSORS,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(
            # The richer one prints local variables, and with them what people said.
            colors=False,
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    finish: list[Any] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if json:
        finish.append(structlog.processors.format_exc_info)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "processors": [*finish, renderer],
                "foreign_pre_chain": SHARED_PROCESSORS,
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # django_structlog already says how each request ended.
            "django.request": {"level": "CRITICAL" if not json else level},
            "httpx": {"level": "WARNING"},
            # Beat tells of each task it sends, several a minute for ever.
            "celery.beat": {"level": "WARNING"},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING"},
        },
    }
