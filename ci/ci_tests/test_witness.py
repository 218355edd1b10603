"""The pod that tests have scraped and notified tells the truth of what reached it."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from ci.images.toolbox.witness import Kept, server


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def url(kept: Kept) -> Iterator[str]:
    with server(0, kept) as serving:
        thread = threading.Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()
        thread.join()


def ask(url: str, method: str = "GET", body: str | None = None, **headers: str) -> tuple[int, str]:
    data = None if body is None else body.encode()
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def alerts(url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(ask(f"{url}/alerts")[1])
    return found


def test_metrics_are_those_last_given(url: str) -> None:
    assert ask(f"{url}/metrics") == (200, "# TYPE witness_up gauge\nwitness_up 1\n")
    ask(f"{url}/metrics", "PUT", "load 0.5\n")
    assert ask(f"{url}/metrics") == (200, "load 0.5\n")


def test_metrics_can_demand_a_header(url: str, kept: Kept) -> None:
    kept.authorization = "Bearer right"
    assert ask(f"{url}/metrics")[0] == 401
    assert ask(f"{url}/metrics", Authorization="Bearer wrong")[0] == 401
    assert ask(f"{url}/metrics", Authorization="Bearer right")[0] == 200


def test_notifications_are_kept_in_order_with_path_and_header(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    ask(f"{url}/alerts/one", "POST", '{"n": 1}', Authorization="Basic eA==")
    ask(f"{url}/alerts", "POST", '{"n": 2}')
    seen = [(alert["path"], alert["authorization"], alert["body"]) for alert in alerts(url)]
    assert seen == [("/alerts/one", "Basic eA==", {"n": 1}), ("/alerts", None, {"n": 2})]
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == alerts(url)
    ask(f"{url}/alerts", "DELETE")
    assert alerts(url) == []


def test_any_other_page_is_for_probes(url: str) -> None:
    assert ask(f"{url}/healthz") == (200, "ok\n")
