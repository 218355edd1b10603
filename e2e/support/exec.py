"""Commands in containers over the exec subresource; it goes through the kubelet, so any kubeconfig will do."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from kubernetes.stream import stream
from kubernetes.stream.ws_client import ERROR_CHANNEL

from e2e.support.errors import Unreachable


@dataclass(frozen=True)
class Done:
    """How a command in a container ended; `code` is -1 when it ran out of time."""

    code: int
    out: str
    err: str


def run(
    configuration: client.Configuration,
    namespace: str,
    pod: str,
    container: str,
    argv: Sequence[str],
    timeout: float,
) -> Done:
    """Run it and return its output; an own ApiClient each, because `stream` swaps the client's methods under way."""
    api = client.CoreV1Api(client.ApiClient(configuration))
    try:
        socket = stream(
            api.connect_get_namespaced_pod_exec, pod, namespace, container=container, command=list(argv),
            stdin=False, stdout=True, stderr=True, tty=False, _preload_content=False, _request_timeout=timeout,
        )  # fmt: skip
    except (ApiException, OSError) as error:
        raise Unreachable(f"exec in {namespace}/{pod}: {error}") from error
    return _collect(socket, timeout)


def _collect(socket: Any, timeout: float) -> Done:
    out, err, limit = [], [], time.monotonic() + timeout
    try:
        while socket.is_open() and time.monotonic() < limit:
            socket.update(timeout=1)
            out.append(socket.read_stdout(timeout=0))
            err.append(socket.read_stderr(timeout=0))
        if socket.is_open():
            return Done(-1, "".join(out), f"{''.join(err)}\n(no end within {timeout:.0f} s)")
        out.append(socket.read_stdout(timeout=0))
        err.append(socket.read_stderr(timeout=0))
        return Done(_code(socket.read_channel(ERROR_CHANNEL)), "".join(out), "".join(err))
    finally:
        # Closing when the other side has done so already leaves the file descriptor open.
        socket.close()
        socket.sock.shutdown()


def _code(status: str) -> int:
    """The exit code from the Status that ends the stream; the client's own reading fails on transport errors."""
    said = json.loads(status or "{}")
    if said.get("status") == "Success":
        return 0
    if said.get("reason") == "NonZeroExitCode":
        return int(said["details"]["causes"][0]["message"])
    raise Unreachable(f"exec broke off: {said.get('message', 'no status')}")
