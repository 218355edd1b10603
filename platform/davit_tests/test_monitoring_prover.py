from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import pytest
from davit.errors import Blocked, Transient
from davit.kube.exec import Done
from davit.kube.kinds import DEPLOYMENT, POD
from davit.model import Key, Kind, Manifest
from davit.monitoring.prover import NotReady, Prover, Unanswered
from davit.testing.fake_client import FakeClient
from davit.testing.restricted import violations

IMAGE, OTHER = "prometheus:v3", "prometheus:v2"


IDLE = ("promtool", "check", "rules", "/dev/stdin")


class Executor(FakeClient):
    """Runs what the test says; `harm` is what it does with a document of that content, over and over."""

    harm: Mapping[bytes, Exception] = MappingProxyType({})

    def __init__(self) -> None:
        super().__init__("davit-prometheus-operator")
        self.done: Done | Exception = Done(0, "", "")
        self.ran: list[tuple[Key, str, tuple[str, ...], bytes]] = []

    async def exec(self, pod: Key, container: str, argv: Sequence[str], *, stdin: bytes, patience: float) -> Done:
        self.ran.append((pod, container, tuple(argv), stdin))
        if stdin in self.harm:
            raise self.harm[stdin]
        if isinstance(self.done, Exception):
            raise self.done
        return self.done


def prover(client: Executor, deployment: str = "") -> Prover:
    return Prover(client, "davit-prometheus-operator", "home", deployment, IDLE, recovery=0.0, pause=0.0)


def start(client: Executor, *, running: bool = True, name: str = "p") -> None:
    """A pod of each prover."""
    for (kind, key), one in list(client.objects.items()):
        if kind == DEPLOYMENT and "davit.dev/prover" in one["metadata"].get("labels", {}):
            state = {"running": {}} if running else {"waiting": {"reason": "ContainerCreating"}}
            head = {"name": f"{key.name}-{name}", "namespace": "home", "labels": one["spec"]["template"]["metadata"]["labels"]}
            client.put(POD, {"metadata": head, "status": {"containerStatuses": [{"state": state}]}})


async def judged(found: Prover, image: str = IMAGE) -> str | None:
    return await found.judge(image, ("promtool", "check", "config"), b"document")


async def ready() -> tuple[Executor, Prover]:
    client = Executor()
    found = prover(client)
    with pytest.raises(NotReady):
        await judged(found)
    start(client)
    return client, found


async def test_a_prover_is_made_of_the_image_and_asked_once_it_runs() -> None:
    client = Executor()
    found = prover(client)
    with pytest.raises(NotReady, match="look at Deployment home/"):
        await judged(found)
    start(client, running=False)
    with pytest.raises(NotReady):
        await judged(found)
    start(client)
    assert await judged(found) is None
    ((pod, container, argv, stdin),) = client.ran
    assert pod.namespace == "home"
    assert (container, argv, stdin) == ("prover", ("promtool", "check", "config"), b"document")
    assert [write.verb for write in client.writes] == ["apply"]


async def test_it_is_admitted_where_pods_are_restricted_and_has_no_token() -> None:
    client, _ = await ready()
    ((_, deployment),) = [one for one in client.objects.items() if one[0][0] == DEPLOYMENT]
    template = deployment["spec"]["template"]["spec"]
    assert violations(template) == []
    assert template["automountServiceAccountToken"] is False
    assert template["containers"][0]["image"] == IMAGE


async def test_it_goes_with_the_operator_and_runs_where_it_does() -> None:
    client = Executor()
    template = {"nodeSelector": {"disk": "ssd"}, "imagePullSecrets": [{"name": "registry"}], "serviceAccountName": "operator"}
    spec = {"template": {"spec": template}}
    own = client.put(DEPLOYMENT, {"metadata": {"name": "operator", "namespace": "home"}, "spec": spec})
    with pytest.raises(NotReady):
        await judged(prover(client, "operator"))
    (made,) = [one for (kind, key), one in client.objects.items() if kind == DEPLOYMENT and key.name != "operator"]
    assert [ref["uid"] for ref in made["metadata"]["ownerReferences"]] == [own["metadata"]["uid"]]
    pod = made["spec"]["template"]["spec"]
    assert pod["imagePullSecrets"] == [{"name": "registry"}]
    assert pod["nodeSelector"] == {"disk": "ssd"}
    assert "serviceAccountName" not in pod


async def test_what_the_checker_says_comes_back() -> None:
    client, found = await ready()
    client.done = Done(1, "Checking\n", "FAILED: bad\n")
    assert await judged(found) == "Checking\nFAILED: bad"
    client.done = Done(3, "", "")
    assert await judged(found) == "promtool ended with 3"


async def test_an_image_without_the_checker_is_named() -> None:
    client, found = await ready()
    client.done = Done(127, "", "not found")
    with pytest.raises(Blocked, match="has no promtool") as caught:
        await judged(found)
    assert caught.value.reason == "NoChecker"


async def test_a_pod_that_went_is_replaced_by_the_next() -> None:
    client, found = await ready()
    assert await judged(found) is None
    for kind, key in [place for place in client.objects if place[0] == POD]:
        client.remove(kind, key)
    client.done = Transient("HTTP 404")
    with pytest.raises(NotReady) as caught:
        await judged(found)
    assert not isinstance(caught.value, Unanswered)
    client.done = Done(0, "", "")
    start(client, name="q")
    assert await judged(found) is None
    assert client.ran[-1][0].name.endswith("-q")


class Renewing(Executor):
    """Runs the pod of a prover as soon as it is made, and ends it with its Deployment."""

    async def apply(self, kind: Kind, manifest: Manifest, *, subresource: str = "", manager: str = "") -> Manifest:
        made = await super().apply(kind, manifest, subresource=subresource, manager=manager)
        start(self, name=f"p{len(self.writes)}")
        return made

    async def delete(self, kind: Kind, key: Key, *, uid: str, grace_seconds: int | None = None, orphan: bool = False) -> bool:
        for place in [place for place in self.objects if place[0] == POD and place[1].name.startswith(key.name)]:
            self.remove(*place)
        return await super().delete(kind, key, uid=uid, grace_seconds=grace_seconds, orphan=orphan)


@pytest.mark.parametrize("how", [Transient("TimeoutError"), Transient("broken off")])
async def test_a_document_with_which_the_checker_comes_to_no_end_is_a_bad_one(how: Transient) -> None:
    client = Renewing()
    found = prover(client)
    found.recovery = 60.0
    with pytest.raises(NotReady):
        await judged(found)
    client.harm = {b"document": how}
    assert "comes to no end" in str(await judged(found))
    # Asked twice; what it may have left running went with its pod.
    assert [stdin for *_, stdin in client.ran] == [b"document", b"", b"document", b""]
    assert [write.verb for write in client.writes] == ["apply", "delete", "apply"]
    assert await found.judge(IMAGE, IDLE, b"other") is None


async def test_what_breaks_off_once_is_asked_again() -> None:
    client, found = await ready()

    class Once(dict[bytes, Exception]):
        def __getitem__(self, key: bytes) -> Exception:
            return self.pop(key)

    client.harm = Once({b"document": Transient("broken off")})
    assert await judged(found) is None
    assert [write.verb for write in client.writes] == ["apply"]


async def test_a_prover_that_stays_away_after_a_document_makes_it_suspicious() -> None:
    client, found = await ready()
    assert await found.judge(IMAGE, IDLE, b"other") is None
    client.done = Transient("the container is not running")
    with pytest.raises(Unanswered):
        await judged(found)


async def test_where_nothing_was_ever_answered_no_document_is_suspicious() -> None:
    client, found = await ready()
    client.done = Transient("HTTP 500")
    with pytest.raises(NotReady) as caught:
        await judged(found)
    assert not isinstance(caught.value, Unanswered)


async def test_a_prover_that_somebody_deletes_is_made_anew() -> None:
    client, found = await ready()
    for kind, key in list(client.objects):
        client.remove(kind, key)
    with pytest.raises(NotReady):
        await judged(found)
    assert [write.verb for write in client.writes] == ["apply", "apply"]


async def test_a_restart_of_the_operator_makes_nothing_anew() -> None:
    client, _ = await ready()
    client.writes.clear()
    assert await judged(prover(client)) is None
    assert client.writes == []


async def test_a_pod_on_its_way_out_is_not_asked() -> None:
    client, found = await ready()
    for (kind, _), one in client.objects.items():
        if kind == POD:
            one["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    with pytest.raises(NotReady):
        await judged(found)
    assert client.ran == []


async def test_provers_of_images_that_nobody_runs_are_removed() -> None:
    client, found = await ready()
    with pytest.raises(NotReady):
        await judged(found, OTHER)
    stranger = client.put(DEPLOYMENT, {"metadata": {"name": "stranger", "namespace": "home"}})
    await found.retire([IMAGE])
    left = [one for (kind, _), one in client.objects.items() if kind == DEPLOYMENT]
    assert len(left) == 2
    assert stranger in left
    await judged(found)
    with pytest.raises(NotReady):
        await judged(found, OTHER)
    assert len([one for (kind, _), one in client.objects.items() if kind == DEPLOYMENT]) == 3
