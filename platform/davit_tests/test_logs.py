from __future__ import annotations

import asyncio
import io
import json
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from davit import logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Logs set up as in a process, and everything put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs._LEVELS}
    written = io.StringIO()
    logs.setup("INFO", written)
    yield written
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_one_json_object_per_line(stream: io.StringIO) -> None:
    log = logging.getLogger("davit.some")
    log.info("two\nlines and a %s", "ü", extra={"action": "AddMember", "count": 3})
    log.debug("not shown")
    (line,) = lines(stream)
    assert line.pop("ts")
    assert line == {"level": "info", "logger": "davit.some", "msg": "two\nlines and a ü", "action": "AddMember", "count": 3}


@pytest.mark.parametrize(
    ("unix", "shown"),
    [(0.0, "1970-01-01T00:00:00.000Z"), (1_795_000_000.0625, "2026-11-18T11:06:40.062Z")],
)
def test_times_are_utc_with_milliseconds(unix: float, shown: str) -> None:
    record = logging.makeLogRecord({"created": unix})
    assert json.loads(logs.JsonLines().format(record))["ts"] == shown


def test_a_traceback_is_one_string(stream: io.StringIO) -> None:
    try:
        raise ValueError("no\nway")
    except ValueError:
        logging.getLogger("x").exception("failed")
    (line,) = lines(stream)
    assert line["level"] == "error"
    assert line["error"].startswith("Traceback (most recent call last):\n")
    assert line["error"].endswith("ValueError: no\nway")


def test_the_resource_at_work_is_on_each_line_across_awaits(stream: io.StringIO) -> None:
    log = logging.getLogger("x")

    async def work(key: str) -> None:
        with logs.working_on({"key": key, "kind": "EtcdCluster"}):
            await asyncio.sleep(0)
            log.info("inside %s", key)
        log.info("outside")

    async def both() -> None:
        await asyncio.gather(work("a/one"), work("b/two"))

    asyncio.run(both())
    shown = {line["msg"]: line.get("key") for line in lines(stream)}
    assert shown == {"inside a/one": "a/one", "inside b/two": "b/two", "outside": None}


def test_kopfs_object_reference_becomes_the_key(stream: io.StringIO) -> None:
    extra = {"k8s_ref": {"namespace": "a", "name": "one"}, "settings": object(), "k8s_skip": True}
    logging.getLogger("kopf.other").error("oops", extra=extra)
    (line,) = lines(stream)
    assert line["key"] == "a/one"
    assert set(line) == {"ts", "level", "logger", "msg", "key"}


def test_what_json_does_not_know_does_not_lose_the_line(stream: io.StringIO) -> None:
    logging.getLogger("x").info("odd", extra={"value": {1, }, "path": object})  # fmt: skip
    (line,) = lines(stream)
    assert line["value"] == "{1}"


@pytest.mark.parametrize("name", ["kopf.objects", "kopf.activities.authentication", "aiohttp.access"])
def test_libraries_are_quiet_below_warnings(stream: io.StringIO, name: str) -> None:
    logging.getLogger(name).info("chatter")
    logging.getLogger(name).warning("trouble")
    assert [line["msg"] for line in lines(stream)] == ["trouble"]


def test_python_warnings_are_lines_too(stream: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn("old way", UserWarning, stacklevel=1)
        logging.captureWarnings(False)
    (line,) = lines(stream)
    assert "old way" in line["msg"]
    assert line["level"] == "warning"


def test_an_attempt_of_kopf_that_is_repeated_is_no_error(stream: io.StringIO) -> None:
    log = logging.getLogger("kopf._cogs.clients.watching")
    log.error("Request attempt #1 failed; will retry: 429")
    log.error("Request attempt #9 failed; giving up")
    assert [line["level"] for line in lines(stream)] == ["warning", "error"]
