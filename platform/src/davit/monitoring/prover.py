"""Ask the product itself whether a configuration loads, before any process of it gets to see it.

A prover is an idle pod of the very image that the operand runs, in the operator's own namespace. The checker in it
(promtool, amtool) is run through the exec subresource and reads the document from its standard input: nothing is
stored, no operand's memory is used, and the version that judges is the version that will load.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from davit.errors import Blocked, Transient
from davit.kube import labels
from davit.kube.client import Client
from davit.kube.exec import Done
from davit.kube.kinds import DEPLOYMENT, POD
from davit.model import Key, Manifest

log = logging.getLogger(__name__)

CHECK_TIMEOUT = 20.0
"""Seconds; a check takes 0.05 s, one of megabytes on a busy node a second."""
COMPONENT = "prover"
_NO_SUCH_PROGRAM = (126, 127, 128)


class Executor(Client, Protocol):
    """A client that can run commands in containers."""

    async def exec(self, pod: Key, container: str, argv: Sequence[str], *, stdin: bytes, patience: float) -> Done:
        """See `davit.kube.exec.run`."""


class NotReady(Transient):
    """The prover of an image does not run yet."""


class Unanswered(NotReady):
    """A prover that had answered others broke off with this document and did not come back: it may be the document's doing."""


class _Cut(NotReady):
    """A question was asked, and the answer did not come in time or not at all."""


@dataclass(slots=True)
class Prover:
    """`idle` is a command that does nothing for ever while its standard input stays open.

    home: the operator's own namespace; operator: its name; deployment: the Deployment that owns the provers, so that they
    go when it is uninstalled, empty for none.
    """

    client: Executor
    operator: str
    home: str
    deployment: str
    idle: Sequence[str]
    recovery: float = 20.0
    """Seconds that a prover has to come back after it broke off."""
    pause: float = 0.5
    clock: Callable[[], float] = time.monotonic
    _pods: dict[str, Key] = field(default_factory=dict)
    _answered: set[str] = field(default_factory=set)
    """Images whose prover has answered anything."""
    _alone: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def judge(self, image: str, argv: Sequence[str], document: bytes) -> str | None:
        """None when the document is good, else what the checker says of it, or that it comes to no end with it.

        Raises `NotReady` while the pod starts (it is made when there is none), `Unanswered` when it stays away,
        `Blocked("NoChecker")` when the image lacks the checker.
        """
        async with self._alone:
            # While a suspicious document is asked about again, what it does to the prover must not be laid on this one.
            pass
        try:
            done = await self._ask(image, argv, document)
        except _Cut as error:
            async with self._alone:
                again = await self._again(image, argv, document, error)
            if again is None:
                return f"{argv[0]} comes to no end with it: asked twice, it took more than {CHECK_TIMEOUT:.0f} s or broke off"
            done = again
        if done.code in _NO_SUCH_PROGRAM:
            raise Blocked(
                "NoChecker", f"the image {image} has no {argv[0]}: configurations can't be checked before they are loaded"
            )
        return None if done.code == 0 else (done.out + done.err).strip() or f"{argv[0]} ended with {done.code}"

    async def _ask(self, image: str, argv: Sequence[str], document: bytes) -> Done:
        pod = self._pods.get(image) or await self._find(image)
        try:
            done = await self.client.exec(pod, COMPONENT, argv, stdin=document, patience=CHECK_TIMEOUT)
        except Transient as error:
            self._pods.pop(image, None)
            raise _Cut(str(error), retry_after=0.5) from error
        self._answered.add(image)
        return done

    async def _again(self, image: str, argv: Sequence[str], document: bytes, error: _Cut) -> Done | None:
        """Once more, of a prover that is well; None when it breaks off again, and then there is a new one."""
        pods = await self._existing(image)
        try:
            await self._well(image)
        except NotReady:
            left = {pod["metadata"]["uid"] for pod in await self._existing(image)}
            # A pod that went, as with its node, is nobody's doing; nor is it where the exec subresource never works.
            if image in self._answered and left & {pod["metadata"]["uid"] for pod in pods}:
                raise Unanswered(str(error), retry_after=1.0) from error
            raise
        try:
            return await self._ask(image, argv, document)
        except _Cut:
            # What it does with this document has no end, and a container that breaks off often is started ever later.
            await self._renew(image)
            await self._well(image)
            return None

    async def _well(self, image: str) -> None:
        """Wait until it answers a question that can't harm it; raises `NotReady`."""
        began = self.clock()
        while True:
            try:
                await self._ask(image, self.idle, b"")
                return
            except NotReady as error:
                if self.clock() - began >= self.recovery:
                    raise NotReady(str(error), retry_after=0.5) from error
            await asyncio.sleep(self.pause)

    async def _renew(self, image: str) -> None:
        key = Key(self.home, self._name(image))
        if (found := await self.client.get(DEPLOYMENT, key)) is not None:
            await self.client.delete(DEPLOYMENT, key, uid=found["metadata"]["uid"])
        self._pods.pop(image, None)

    async def retire(self, images: Collection[str]) -> None:
        """Remove the provers of images that are no longer in use."""
        wanted = {self._name(image) for image in images}
        for found in await self.client.list(DEPLOYMENT, self.home, labels=self._labels()):
            metadata = found["metadata"]
            if metadata["name"] not in wanted:
                await self.client.delete(DEPLOYMENT, Key(self.home, metadata["name"]), uid=metadata["uid"])
                log.info("the prover %s is no longer needed", metadata["name"])
        self._pods = {image: pod for image, pod in self._pods.items() if image in images}

    async def _find(self, image: str) -> Key:
        name = self._name(image)
        for pod in await self._existing(image):
            if _runs(pod):
                self._pods[image] = found = Key(self.home, pod["metadata"]["name"])
                return found
        await self._make(name, image)
        raise NotReady(f"the prover of {image} does not run yet: look at Deployment {self.home}/{name}", retry_after=0.5)

    async def _existing(self, image: str) -> list[Manifest]:
        """Its pods that are not on their way out."""
        found = await self.client.list(POD, self.home, labels={**self._labels(), "davit.dev/prover": self._name(image)})
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    async def _make(self, name: str, image: str) -> None:
        key = Key(self.home, name)
        if await self.client.get(DEPLOYMENT, key) is None:
            await self.client.apply(DEPLOYMENT, self._manifest(name, image, await self._owner()))
            log.info("a prover of %s was made: Deployment %s", image, key)

    async def _owner(self) -> Manifest | None:
        return await self.client.get(DEPLOYMENT, Key(self.home, self.deployment)) if self.deployment else None

    def _name(self, image: str) -> str:
        return f"{self.operator}-{COMPONENT}-{hashlib.sha256(image.encode()).hexdigest()[:8]}"

    def _labels(self) -> dict[str, str]:
        return {labels.MANAGED_BY: self.operator, labels.COMPONENT: COMPONENT}

    def _manifest(self, name: str, image: str, owner: Manifest | None) -> Manifest:
        tags = {**self._labels(), labels.PART_OF: "davit", "davit.dev/prover": name}
        metadata: dict[str, Any] = {"name": name, "namespace": self.home, "labels": tags}
        if owner is not None:
            metadata["ownerReferences"] = [labels.owner_reference({"apiVersion": "apps/v1", "kind": "Deployment", **owner})]
        container = {
            "name": COMPONENT,
            "image": image,
            "command": list(self.idle),
            "stdin": True,
            "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}},
            "securityContext": {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            },
        }
        pod = {
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65534,
                "runAsGroup": 65534,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            **_like(owner),
            "containers": [container],
        }
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": {
                "replicas": 1,
                "revisionHistoryLimit": 1,
                "selector": {"matchLabels": {"davit.dev/prover": name}},
                "template": {"metadata": {"labels": tags}, "spec": pod},
            },
        }


def _runs(pod: Mapping[str, Any]) -> bool:
    return any("running" in one.get("state", {}) for one in pod.get("status", {}).get("containerStatuses", ()))


def _like(owner: Manifest | None) -> Manifest:
    """Whatever lets the operator's own pods run in this cluster."""
    own = owner["spec"]["template"]["spec"] if owner is not None else {}
    wanted = ("securityContext", "nodeSelector", "tolerations", "imagePullSecrets", "priorityClassName", "runtimeClassName")
    return {field: own[field] for field in wanted if own.get(field)}
