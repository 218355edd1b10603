"""JSON lines on standard error, each with the resource that was being worked on.

Nothing is redacted, because nothing secret is handed to a logger: never log request bodies or headers.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO

_work: ContextVar[Mapping[str, str] | None] = ContextVar("davit_work", default=None)

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
"""What every record has; anything else came in through `extra`."""
_KOPF = frozenset({"settings", "k8s_skip", "k8s_ref"})
"""What kopf's object loggers attach; `k8s_ref` is read for the key."""

_LEVELS = {
    "kopf": logging.WARNING,
    # Warns once that it does not handle signals, which is as meant: we do.
    "kopf._core.reactor.running": logging.ERROR,
    "httpcore2": logging.WARNING,
    "asyncio": logging.WARNING,
    "aiohttp": logging.WARNING,
}


def setup(level: str = "INFO", stream: TextIO | None = None) -> None:
    """Send all logs, Python warnings too, to `stream` (standard error) as JSON lines; tame the libraries."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    handler.addFilter(_mild)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.captureWarnings(True)
    for name, minimum in _LEVELS.items():
        logging.getLogger(name).setLevel(minimum)


def _mild(record: logging.LogRecord) -> bool:
    """kopf calls each failed attempt an error, also the 429 of a CRD's storage that begins anew, and tries again."""
    if record.name.startswith("kopf.") and "will retry" in record.getMessage():
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    return True


@contextmanager
def working_on(fields: Mapping[str, str]) -> Iterator[None]:
    """Add the fields (`key`: namespace/name) to every line logged inside, across awaits."""
    token = _work.set(fields)
    try:
        yield
    finally:
        _work.reset(token)


class JsonLines(logging.Formatter):
    """One JSON object per record: ts (RFC 3339, UTC, ms), level, logger, msg, key, extras, error (traceback)."""

    def format(self, record: logging.LogRecord) -> str:
        """The line without its newline; what JSON does not know is written as its `str`."""
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "ts": moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
            **_extras(record),
        }
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def _extras(record: logging.LogRecord) -> dict[str, object]:
    ref = getattr(record, "k8s_ref", None) or {}
    key = "/".join(part for part in (ref.get("namespace"), ref.get("name")) if part)
    given = {name: value for name, value in vars(record).items() if name not in _STANDARD and name not in _KOPF}
    return {**(_work.get() or {}), **({"key": key} if key else {}), **given}
