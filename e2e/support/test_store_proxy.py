"""The proxy in front of the store: what passes is unchanged, and each fault is what it says. No cluster, no TLS."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from e2e.support.pod.store_proxy import Entry, Fault, Front, State, control

BODY = bytes(range(256)) * 1024


class Echo(BaseHTTPRequestHandler):
    """A store that tells which Host it was asked for and gives back what it got."""

    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("X-Host", self.headers["Host"])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "12345")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def proxy() -> Iterator[tuple[Front, State]]:
    """In front of an echo."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as store:
        store.daemon_threads = True
        thread = threading.Thread(target=store.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        state = State(f"http://127.0.0.1:{store.server_port}", None)
        front = Front(0, state, None)
        front.open()
        yield front, state
        state.switch(Fault())
        front.close()
        store.shutdown()
        thread.join()


def ask(front: Front, method: str = "PUT", path: str = "/bucket/key", body: bytes | None = BODY) -> tuple[int, bytes, str | None]:
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", front.port, timeout=3)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.getheader("X-Host")
    finally:
        connection.close()


def last(state: State) -> Entry:
    return state.log[-1]


def test_bodies_and_host_pass_unchanged_and_are_counted(proxy: tuple[Front, State]) -> None:
    front, state = proxy
    assert ask(front) == (200, BODY, f"127.0.0.1:{front.port}")
    assert last(state) == Entry("PUT", "/bucket/key", 200, len(BODY), len(BODY))
    assert ask(front, "HEAD", body=None)[0] == 200


def test_an_error_is_answered_after_the_body_and_only_to_whom_it_is_meant_for(proxy: tuple[Front, State]) -> None:
    front, state = proxy
    state.switch(Fault("answer", ("PUT",), "/bucket/", status=507, code="XMinioStorageFull"))
    status, body, _ = ask(front)
    assert (status, b"<Code>XMinioStorageFull</Code>" in body) == (507, True)
    assert last(state).sent == len(BODY)
    assert ask(front, path="/other/key")[0] == 200
    assert ask(front, "HEAD", body=None)[0] == 200


def test_an_upload_is_cut_once_so_many_bytes_have_passed(proxy: tuple[Front, State]) -> None:
    front, state = proxy
    state.switch(Fault("cut", upload=len(BODY) + 1000))
    assert ask(front)[0] == 200
    with pytest.raises((OSError, http.client.HTTPException)):
        ask(front)
    assert (last(state).status, last(state).sent) == (0, 1000)


def test_an_answer_is_cut(proxy: tuple[Front, State]) -> None:
    front, state = proxy
    state.switch(Fault("cut", download=1000))
    with pytest.raises(http.client.IncompleteRead) as cut:
        ask(front)
    assert cut.value.partial == BODY[:1000]


def test_slow_takes_its_time(proxy: tuple[Front, State]) -> None:
    front, state = proxy
    state.switch(Fault("slow", rate=2 * len(BODY)))
    begun = time.monotonic()
    assert ask(front)[1] == BODY
    assert time.monotonic() - begun > 0.9, "half a second for each way"


def test_nothing_listens_until_it_does_again(proxy: tuple[Front, State]) -> None:
    front, _ = proxy
    front.close()
    with pytest.raises(ConnectionRefusedError):
        ask(front)
    front.open()
    assert ask(front)[0] == 200


def test_who_hangs_is_let_go_when_the_fault_ends(proxy: tuple[Front, State]) -> None:
    front, state = proxy
    state.switch(Fault("hang"))
    ended: list[type[BaseException]] = []

    def hang() -> None:
        try:
            ask(front)
        except (OSError, http.client.HTTPException) as error:
            ended.append(type(error))

    thread = threading.Thread(target=hang)
    thread.start()
    thread.join(0.2)
    assert thread.is_alive()
    state.switch(Fault())
    thread.join(2)
    assert ended
    assert TimeoutError not in ended


def test_the_control_port_takes_faults_and_refuses_nonsense(proxy: tuple[Front, State]) -> None:
    front, state = proxy
    with control(0, state, front) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()

        def say(method: str, path: str, said: Any = None) -> tuple[int, Any]:
            connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=3)
            connection.request(method, path, None if said is None else json.dumps(said))
            answer = connection.getresponse()
            try:
                return answer.status, json.loads(answer.read())
            finally:
                connection.close()

        assert say("PUT", "/fault", {"mode": "slow", "rate": 7})[0] == 200
        assert state.fault == Fault("slow", rate=7)
        assert say("PUT", "/fault", {"mode": "explode"})[0] == 400
        assert say("PUT", "/fault", {"mode": "slow", "speed": 7})[0] == 400
        assert say("PUT", "/fault", {"mode": "refuse"})[0] == 200
        with pytest.raises(ConnectionRefusedError):
            ask(front)
        assert say("PUT", "/fault", {"mode": "pass"})[0] == 200
        ask(front)
        assert say("GET", "/log")[1][-1]["status"] == 200
        server.shutdown()
        thread.join()
