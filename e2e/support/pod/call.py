"""Requests to etcd on behalf of the test process; runs in a pod, prints one JSON list of answers.

argv[1] is a list of {"url", "path", "body", "timeout"} {"url", "dump": prefix, "timeout"}
or {"url", "watch": key, "revision", "timeout"} or {"url", "fill": prefix, "count", "size", "timeout"}; all run at once.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from e2e.support.pod.gateway import Gateway


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """{"ok": JSON} or {"error": text}."""
    gateway = Gateway(request["url"], request.get("timeout", 5.0))
    try:
        if "dump" in request:
            return {"ok": gateway.dump(request["dump"])}
        if "fill" in request:
            return {"ok": gateway.fill(request["fill"], request["count"], request["size"])}
        if "watch" in request:
            return {"ok": gateway.watch(request["watch"], request["revision"])}
        return {"ok": gateway.call(request["path"], request["body"])}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    finally:
        gateway.close()


def main() -> None:
    """All requests at once, answers in their order."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        json.dump(list(pool.map(answer, json.loads(sys.argv[1]))), sys.stdout, separators=(",", ":"))


if __name__ == "__main__":
    main()
