from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from io import BytesIO
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from davit.errors import Fatal, Invalid, Problem
from davit.metrics import REGISTRY
from davit.model import Kind
from davit.webhook import authority, server
from davit.webhook.registration import Endpoint
from davit.webhook.review import Review, Verdict, allow, deny
from davit.webhook.server import Server
from davit.webhook.tls import Identity

TOY = Kind("test.davit.dev", "v1", "Toy", "toys")
PATH = "/validate/test.davit.dev/toys"
HOST = "127.0.0.1"


class Toys:
    """A reviewer who does as the object's spec says."""

    def __init__(self) -> None:
        self.seen: list[Review] = []
        self.act: Callable[[Review], Awaitable[Verdict]] = self.by_colour

    def __call__(self, review: Review) -> Awaitable[Verdict]:
        self.seen.append(review)
        return self.act(review)

    async def by_colour(self, review: Review) -> Verdict:
        if review.object["spec"]["colour"] == "red":
            return deny(Invalid(Problem("spec.colour", "red is sold out: use blue")))
        return allow(["blue fades"])


class Api:
    """The API server's side."""

    def __init__(self, session: aiohttp.ClientSession, base: str, toys: Toys, server: Server) -> None:
        self.session = session
        self.server = server
        self.base = base
        self.toys = toys

    def hurry(self) -> None:
        """A deadline that a test can wait for."""
        self.server._deadline = 0.2

    async def post(self, body: bytes, path: str = PATH, kind: str = "application/json") -> tuple[int, str]:
        async with self.session.post(self.base + path, data=BytesIO(body), headers={"Content-Type": kind}) as answer:
            return answer.status, await answer.text()

    async def ask(self, colour: str = "red", query: str = "", **changed: Any) -> dict[str, Any]:
        status, text = await self.post(asked(colour, **changed), PATH + query)
        assert status == 200, text
        response: dict[str, Any] = json.loads(text)["response"]
        return response


def asked(colour: str = "red", **changed: Any) -> bytes:
    request = {
        "uid": f"uid-of-{colour}",
        "kind": {"group": TOY.group, "version": TOY.version, "kind": TOY.kind},
        "operation": "CREATE",
        "object": {"metadata": {"name": "bear", "namespace": "shop"}, "spec": {"colour": colour}},
        **changed,
    }
    return json.dumps({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}).encode()


def counted(verdict: str) -> float:
    return REGISTRY.get_sample_value("davit_admission_reviews_total", {"kind": "Toy", "verdict": verdict}) or 0.0


def trusting(bundle: bytes) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=bundle.decode())


@pytest.fixture
async def identity() -> Identity:
    return Identity()


@pytest.fixture
async def api(identity: Identity) -> AsyncIterator[Api]:
    toys = Toys()
    made = authority.make(HOST, time.time())
    identity.use(made)
    made_server = Server([Endpoint((TOY,), toys)])
    runner = await made_server.start(0, identity.context, HOST)
    connector = aiohttp.TCPConnector(ssl=trusting(made.authorities), force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield Api(session, f"https://{HOST}:{runner.addresses[0][1]}", toys, made_server)
    await runner.cleanup()


async def test_a_review_is_answered_by_its_uid_and_counted(api: Api) -> None:
    before, late = counted("denied"), counted("allowed")
    denied = await api.ask()
    assert (denied["uid"], denied["allowed"]) == ("uid-of-red", False)
    assert denied["status"]["message"] == "spec.colour: red is sold out: use blue"
    assert await api.ask("blue") == {"uid": "uid-of-blue", "allowed": True, "warnings": ["blue fades"]}
    assert (counted("denied"), counted("allowed")) == (before + 1, late + 1)
    assert (REGISTRY.get_sample_value("davit_admission_review_duration_seconds_count", {"kind": "Toy"}) or 0) >= 2


async def test_the_reviewer_is_told_of_a_dry_run(api: Api) -> None:
    await api.ask(dryRun=True, userInfo={"username": "alice"})
    (review,) = api.toys.seen
    assert (review.dry_run, review.user, review.kind) == (True, "alice", TOY)


async def test_an_edit_that_leaves_the_spec_alone_asks_nobody(api: Api) -> None:
    old = {"metadata": {"name": "bear", "finalizers": ["x"]}, "spec": {"colour": "red"}}
    assert (await api.ask(operation="UPDATE", oldObject=old))["allowed"]
    assert (await api.ask(operation="DELETE", oldObject=old, object=None))["allowed"]
    assert (await api.ask(subResource="status"))["allowed"]
    assert api.toys.seen == []


async def test_a_reviewer_that_raises_lets_the_object_in_and_says_so(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    async def broken(review: Review) -> Verdict:
        raise RuntimeError(review.object["spec"]["colour"])

    api.toys.act = broken
    before = counted("failed")
    answer = await api.ask("hunter2")
    assert answer["allowed"]
    assert answer["warnings"] == [
        "not reviewed: the operator failed (RuntimeError), see its log; this resource's status says what is wrong with it"
    ]
    assert counted("failed") == before + 1
    assert "RuntimeError" in caplog.text
    assert "in broken" in caplog.text
    assert "hunter2" not in caplog.text


async def test_a_slow_reviewer_lets_the_object_in_before_the_deadline(api: Api) -> None:
    async def slow(_: Review) -> Verdict:
        await asyncio.sleep(60)
        return allow()

    api.toys.act = slow
    api.hurry()
    before, began = counted("late"), time.monotonic()
    answer = await api.ask()
    assert answer["allowed"]
    assert "too busy" in answer["warnings"][0]
    assert time.monotonic() - began < 3.0
    assert counted("late") == before + 1


async def test_a_reviewer_that_will_not_end_holds_nobody_up(api: Api) -> None:
    release = asyncio.Event()

    async def stubborn(_: Review) -> Verdict:
        while not release.is_set():
            with suppress(asyncio.CancelledError):
                await release.wait()
        raise RuntimeError

    api.toys.act = stubborn
    api.hurry()
    answers = await asyncio.gather(*(api.ask() for _ in range(server.SLOTS)))
    assert all(answer["allowed"] for answer in answers)
    api.toys.act = api.toys.by_colour
    assert not (await api.ask())["allowed"]
    release.set()


async def test_a_reviewer_that_gives_up_itself_has_failed(api: Api) -> None:
    async def gives_up(_: Review) -> Verdict:
        raise TimeoutError

    async def cancels(_: Review) -> Verdict:
        raise asyncio.CancelledError

    def at_once(_: Review) -> Awaitable[Verdict]:
        raise KeyError

    before = counted("failed")
    for act in (gives_up, cancels, at_once):
        api.toys.act = act
        assert (await api.ask())["allowed"]
    assert counted("failed") == before + 3


async def test_when_all_slots_are_taken_the_rest_wait_their_turn(api: Api) -> None:
    most = under_way = 0

    async def counting(_: Review) -> Verdict:
        nonlocal most, under_way
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        return allow()

    api.toys.act = counting
    answers = await asyncio.gather(*(api.ask() for _ in range(3 * server.SLOTS)))
    assert all(answer["allowed"] and "warnings" not in answer for answer in answers)
    assert most == server.SLOTS


@pytest.mark.parametrize(("query", "patience"), [("?timeout=1s", 0.8), ("?timeout=30s", 4.0), ("?timeout=soon", 4.0), ("", 4.0)])
def test_a_shorter_timeout_of_the_api_server_is_obeyed(query: str, patience: float) -> None:
    assert server.patience(make_mocked_request("POST", PATH + query), 4.0) == patience


async def test_what_should_not_have_come_is_refused_in_clear_words(api: Api) -> None:
    before = counted("refused")
    assert await api.post(b"{") == (400, "the body is not JSON\n")
    assert await api.post(asked(), kind="text/yaml") == (400, "the body is text/yaml, not application/json\n")
    assert (await api.post(asked(), path="/elsewhere"))[0] == 404
    other = await api.ask(kind={"group": "", "version": "v1", "kind": "Pod"})
    assert (other["uid"], other["allowed"], other["status"]["code"]) == ("uid-of-red", False, 400)
    async with api.session.get(api.base + PATH) as answer:
        assert answer.status == 405
    assert counted("refused") == before + 3


async def test_a_body_beyond_the_limit_is_not_taken_into_memory(api: Api) -> None:
    status, text = await api.post(b" " * (server.LIMIT + 1))
    assert (status, text) == (413, f"more than {server.LIMIT} bytes\n")
    assert not (await api.ask("red", note="x" * (server.LIMIT - 2000)))["allowed"]


async def test_a_body_that_never_ends_is_not_waited_for(api: Api) -> None:
    async def dripping() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    api.hurry()
    before = counted("late")
    async with api.session.post(api.base + PATH, data=dripping(), headers={"Content-Type": "application/json"}) as answer:
        assert answer.status == 503
    assert counted("late") == before + 1


async def test_a_certificate_is_changed_without_a_restart(api: Api, identity: Identity) -> None:
    new = authority.make(HOST, time.time())
    port = int(api.base.rsplit(":", 1)[1])
    old = await asyncio.to_thread(ssl.get_server_certificate, (HOST, port))
    identity.use(new)
    assert await asyncio.to_thread(ssl.get_server_certificate, (HOST, port)) == new.certificate.decode() != old
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await api.ask()


async def test_an_open_connection_outlives_a_new_certificate(api: Api, identity: Identity) -> None:
    first = authority.make(HOST, time.time())
    identity.use(first)
    connector = aiohttp.TCPConnector(ssl=trusting(first.authorities), limit=1)
    async with aiohttp.ClientSession(connector=connector) as session:
        kept = Api(session, api.base, api.toys, api.server)
        assert not (await kept.ask())["allowed"]
        identity.use(authority.make(HOST, time.time()))
        assert not (await kept.ask())["allowed"]


async def test_without_a_certificate_it_listens_and_lets_nobody_in() -> None:
    runner = await Server([]).start(0, Identity().context, HOST)
    with pytest.raises(aiohttp.ClientConnectionError):
        async with aiohttp.ClientSession() as session:
            await session.get(f"https://{HOST}:{runner.addresses[0][1]}/", ssl=False)
    await runner.cleanup()


async def test_nothing_older_than_tls_1_2_is_spoken(identity: Identity, api: Api) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((HOST, int(api.base.rsplit(":", 1)[1]))) as plain:
        plain.setblocking(False)
        _, writer = await asyncio.open_connection(sock=plain, ssl=context, server_hostname=HOST)
        assert writer.get_extra_info("ssl_object").version() == "TLSv1.3"
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    assert identity.context.minimum_version is ssl.TLSVersion.TLSv1_2


async def test_a_taken_port_is_fatal_and_explained() -> None:
    with socket.create_server((HOST, 0)) as taken, pytest.raises(Fatal, match=r"cannot serve admission reviews: .*in use"):
        await Server([]).start(taken.getsockname()[1], Identity().context, HOST)


async def test_without_ipv6_it_listens_on_ipv4(monkeypatch: pytest.MonkeyPatch) -> None:
    start = web.TCPSite.start

    async def without_ipv6(site: web.TCPSite) -> None:
        if site._host is None:
            raise OSError(99, "cannot assign requested address")
        await start(site)

    monkeypatch.setattr(web.TCPSite, "start", without_ipv6)
    runner = await Server([]).start(0, Identity().context)
    assert runner.addresses[0][0] == "0.0.0.0"
    await runner.cleanup()


async def test_nothing_of_a_request_is_logged(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        await api.ask(userInfo={"username": "hunter2"})
        await api.post(b'{"hunter2":')
    assert "not reviewed" in caplog.text
    assert "hunter2" not in caplog.text
