"""Commands in containers over the exec subresource; it goes through the kubelet, so any kubeconfig will do."""

from __future__ import annotations

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
    while socket.is_open() and time.monotonic() < limit:
        socket.update(timeout=1)
        out.append(socket.read_stdout(timeout=0))
        err.append(socket.read_stderr(timeout=0))
    out.append(socket.read_stdout(timeout=0))
    err.append(socket.read_stderr(timeout=0))
    if socket.is_open():
        socket.close()
        return Done(-1, "".join(out), f"{''.join(err)}\n(no end within {timeout:.0f} s)")
    code = socket.returncode if socket.peek_channel(ERROR_CHANNEL) else -1
    return Done(code, "".join(out), "".join(err))
