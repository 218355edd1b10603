"""etcd's JSON gateway over one kept-alive connection; runs in a pod."""

from __future__ import annotations

import http.client
import json
import os
import urllib.parse
from base64 import b64decode, b64encode
from typing import Any


class Refused(Exception):
    """An answer other than 200: whether the request took effect is not known."""


class Gateway:
    """One endpoint; the connection is made anew after any failure. `timeout` in seconds."""

    def __init__(self, url: str, timeout: float) -> None:
        parts = urllib.parse.urlsplit(url)
        self.host, self.port, self.timeout = parts.hostname or "", parts.port, timeout
        self.connection: http.client.HTTPConnection | None = None

    def call(self, path: str, body: object) -> dict[str, Any]:
        """POST JSON, return JSON; any exception means unknown."""
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
            self.connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            answer = self.connection.getresponse()
            data = answer.read()
        except Exception:
            self.close()
            raise
        if answer.status != 200:
            self.close()
            raise Refused(f"{answer.status} {data[:200].decode(errors='replace')}")
        found: dict[str, Any] = json.loads(data)
        return found

    def close(self) -> None:
        """Drop the connection, so that the next call may reach another member."""
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def put(self, key: str, value: str) -> tuple[str, int]:
        """The cluster's ID and the revision of the write."""
        header = self.call("/v3/kv/put", {"key": pack(key), "value": pack(value)})["header"]
        return header["cluster_id"], int(header["revision"])

    def get(self, key: str) -> tuple[str, int, str | None, int]:
        """A linearizable read: cluster ID, store revision, value (None: no such key) and its mod revision."""
        answer = self.call("/v3/kv/range", {"key": pack(key)})
        header, found = answer["header"], answer.get("kvs", [])
        value = unpack(found[0].get("value", "")) if found else None
        return header["cluster_id"], int(header["revision"]), value, int(found[0]["mod_revision"]) if found else 0

    def dump(self, prefix: str, page: int = 2000) -> dict[str, Any]:
        """Every key with the prefix, linearizably: [key, value, mod revision]; all pages are of one revision."""
        found: list[list[object]] = []
        start, revision = prefix, 0
        while True:
            body = {"key": pack(start), "range_end": pack(after(prefix)), "limit": str(page), "revision": str(revision)}
            answer = self.call("/v3/kv/range", body)
            revision = revision or int(answer["header"]["revision"])
            kvs = answer.get("kvs", [])
            found += [[unpack(kv["key"]), unpack(kv.get("value", "")), int(kv["mod_revision"])] for kv in kvs]
            if not answer.get("more"):
                return {"revision": revision, "keys": found}
            start = unpack(kvs[-1]["key"]) + "\0"

    def fill(self, prefix: str, count: int, size: int) -> int:
        """Write so many keys of so many random bytes; the revision of the last."""
        last = 0
        for number in range(count):
            value = b64encode(os.urandom(size)).decode()
            header = self.call("/v3/kv/put", {"key": pack(f"{prefix}/{number:07d}"), "value": value})["header"]
            last = int(header["revision"])
        return last

    def watch(self, key: str, revision: int) -> dict[str, Any]:
        """What a watch from a revision is told first: {"canceled": True, "compact_revision": ...}, or {"events": [...]}."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)
        try:
            body = json.dumps({"create_request": {"key": pack(key), "start_revision": str(revision)}})
            connection.request("POST", "/v3/watch", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            while line := answer.readline():
                said: dict[str, Any] = json.loads(line)
                if "error" in said:
                    raise Refused(str(said["error"])[:200])
                result: dict[str, Any] = said["result"]
                if result.get("canceled") or result.get("events"):
                    return result
            raise Refused("the watch ended without a word")
        finally:
            connection.close()


def pack(text: str) -> str:
    """Keys and values travel as base64."""
    return b64encode(text.encode()).decode()


def unpack(text: str) -> str:
    """The reverse."""
    return b64decode(text).decode(errors="replace")


def after(prefix: str) -> str:
    """The end of the range of all keys with this prefix."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)
