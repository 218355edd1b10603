"""Bring a written configuration into a process and prove it there: have the files refreshed, reload, ask what is loaded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from davit.errors import Transient
from davit.kube.client import Client
from davit.kube.kinds import POD
from davit.model import Manifest
from davit.monitoring.poke import poke
from davit.monitoring.processes import Pod
from davit.monitoring.proof import discreet

LONGEST = 2000
"""Characters of what a process says."""

T = TypeVar("T")
P = TypeVar("P", bound=Pod)


class Refused(Exception):
    """The process looked at the configuration and did not take it; the message is its own, without what it quotes."""

    def __init__(self, said: str) -> None:
        # Masked before it is cut: half of a quotation would not be known for one.
        super().__init__(discreet(said)[:LONGEST])


class Silent(Transient):
    """The process did not answer at all."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds.

    first: from the poke to the first reload, the kubelet has mostly refreshed the files after 0.1; step: between two
    reloads; again: until the kubelet is poked once more; sure: for which a process must refuse before it is believed, more
    than `again`, since until the files are refreshed it is the last edition that it refuses; silence: until a process that
    does not answer at all is left alone; patience: until this is given up (the kubelet refreshes files every 90 by itself).
    """

    first: float = 0.06
    step: float = 0.06
    again: float = 2.0
    sure: float = 3.0
    silence: float = 2.0
    patience: float = 10.0


async def make_live(  # noqa: PLR0917
    client: Client,
    pod: Manifest,
    mark: str,
    reload: Callable[[], Awaitable[None]],
    loaded: Callable[[], Awaitable[T | None]],
    pace: Pace = Pace(),  # frozen
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """What `loaded` returns of the pod's process once it is not None; `mark` names the edition in the pod's annotation.

    `reload` and `loaded` raise `Transient` when the process can't be asked, `reload` raises `Refused` when it says no.
    Raises `Refused`, or when the time is over `Transient`, which is `Silent` where there never was an answer.
    """
    began, poked = clock(), float("-inf")
    refused: float | None = None
    heard, said = False, "it was not asked"
    while True:
        if clock() - poked >= pace.again:
            poked = clock()
            await poke(client, POD, pod, f"{mark}-{int(poked * 1000)}")
            await asyncio.sleep(pace.first)
        try:
            await reload()
            heard, refused = True, None
            if (found := await loaded()) is not None:
                return found
            said = "the kubelet has not refreshed its files"
        except Transient as error:
            # It may be starting: the configuration is loaded before the API answers.
            refused, said = None, str(error)
        except Refused as error:
            heard, refused, said = True, clock() if refused is None else refused, str(error)
            if clock() - refused >= pace.sure:
                raise
        # A refusal is waited for until it is believed: what is said of it here is no verdict, and is tried again.
        if refused is None and clock() - began >= (pace.patience if heard else pace.silence):
            kind = Transient if heard else Silent
            raise kind(f"pod {pod['metadata']['name']} does not run the new configuration yet: {said}", retry_after=1.0)
        await asyncio.sleep(pace.step)


async def each(
    pods: Sequence[P], silent: set[str], live: MutableMapping[str, T], one: Callable[[P], Awaitable[T]]
) -> list[T | BaseException]:
    """What comes of each pod, all at once, noted in `live` as soon as it is there: status may be written before the last.

    Those that were `silent`, by uid, are left alone, or every pass would wait for them.
    """

    async def attempt(pod: P) -> T:
        if pod.uid in silent:
            raise Silent(f"{pod.name} does not answer the operator: does a NetworkPolicy let it through?", retry_after=2.0)
        live[pod.uid] = found = await one(pod)
        return found

    results = await asyncio.gather(*map(attempt, pods), return_exceptions=True)
    silent.update(pod.uid for pod, result in zip(pods, results, strict=True) if isinstance(result, Silent))
    return results


def taken(results: Sequence[object]) -> bool:
    """Whether all who could be asked have loaded it, and there was one."""
    heard = [result for result in results if not isinstance(result, Silent)]
    return bool(heard) and not any(isinstance(result, BaseException) for result in heard)


def complain(errors: Sequence[BaseException]) -> None:
    """Raise what says most: a mistake of ours before a process that is slow, and that before one that is silent."""
    if errors:
        raise min(errors, key=lambda one: (isinstance(one, Transient), isinstance(one, Silent)))


async def knock(pods: Iterable[Pod], silent: set[str], answers: Callable[[str], Awaitable[bool]]) -> None:
    """Ask those that were silent whether they are there again, and forget those that are gone."""
    there = {pod.uid: pod for pod in pods}
    silent.intersection_update(there)
    asked = [there[uid] for uid in sorted(silent) if there[uid].url]
    well = await asyncio.gather(*(answers(pod.url) for pod in asked))
    silent.difference_update(pod.uid for pod, one in zip(asked, well, strict=True) if one)
