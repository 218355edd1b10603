"""A written configuration is proved in the process, and what the process says is believed when it can be meant."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

import pytest
from davit.errors import Transient
from davit.kube.kinds import POD
from davit.monitoring.live import Pace, Refused, Silent, complain, each, knock, make_live, taken
from davit.monitoring.processes import Pod
from davit.testing.fake_client import FakeClient

PACE = Pace(first=0.0, step=0.0, again=10.0, sure=15.0, silence=5.0, patience=30.0)


class Process:
    """Answers a reload and a look by a script: an Exception is raised, anything else is what is loaded."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.reloads = 0
        self.answer: object = None

    async def reload(self) -> None:
        self.reloads += 1
        self.answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(self.answer, Exception):
            raise self.answer

    async def loaded(self) -> object:
        return self.answer


class World:
    """One pod; every look at the clock takes a second."""

    def __init__(self) -> None:
        self.client = FakeClient()
        self.pod = self.client.put(POD, {"metadata": {"name": "p", "namespace": "n", "annotations": {"a": "b"}}})
        self.seconds: Iterator[int] = count()

    async def run(self, process: Process, pace: Pace = PACE) -> object:
        return await make_live(
            self.client, self.pod, "digest", process.reload, process.loaded, pace, lambda: float(next(self.seconds))
        )

    @property
    def pokes(self) -> int:
        return sum(1 for one in self.client.writes if one.verb == "patch")


async def test_the_proof_is_what_the_process_shows() -> None:
    world, process = World(), Process(None, None, "shown")
    assert await world.run(process) == "shown"
    assert process.reloads == 3
    assert world.pokes == 1


async def test_a_slow_kubelet_is_poked_again() -> None:
    world = World()
    assert await world.run(Process(*[None] * 7, "shown")) == "shown"
    assert world.pokes > 1


async def test_a_process_that_starts_is_waited_for() -> None:
    assert await World().run(Process(Transient("refused"), "shown")) == "shown"


async def test_the_last_edition_that_is_still_refused_is_no_word_about_the_new_one() -> None:
    assert await World().run(Process(Refused("old"), Refused("old"), "shown")) == "shown"


async def test_a_refusal_that_lasts_is_believed() -> None:
    with pytest.raises(Refused, match="bad"):
        await World().run(Process(Refused("bad")))


async def test_a_refusal_quotes_no_secret_and_is_waited_for_until_it_is_believed() -> None:
    """Also where the kubelet was so late that the time was over before."""
    process = Process(*[None] * 7, Refused("bad value `s3cr3t` in http://u:p4ss@host/"))
    with pytest.raises(Refused, match=r"bad value `…` in http://…@host/"):
        await World().run(process, replace(PACE, patience=20.0))


async def test_a_process_that_dies_of_what_it_refused_is_given_up() -> None:
    with pytest.raises(Transient, match="connection refused"):
        await World().run(Process(Refused("bad"), Transient("connection refused")))


def test_who_is_silent_says_least() -> None:
    slow, silent, mistake = Transient("slow"), Silent("silent"), KeyError("mistake")
    with pytest.raises(KeyError):
        complain([silent, slow, mistake])
    with pytest.raises(Transient, match="slow"):
        complain([silent, slow])
    assert taken(["live", silent])
    assert not taken(["live", slow])
    assert not taken([silent])
    complain([])


async def test_a_process_that_never_answers_is_left_alone_soon() -> None:
    process = Process(Transient("connection refused"))
    with pytest.raises(Silent, match="pod p does not run the new configuration yet: connection refused"):
        await World().run(process)
    assert process.reloads <= 5


async def test_a_process_that_answers_is_waited_for_longer_and_not_for_ever() -> None:
    process = Process(None)
    with pytest.raises(Transient, match="the kubelet has not refreshed its files") as said:
        await World().run(process)
    assert not isinstance(said.value, Silent)
    assert process.reloads > 5


async def test_a_pod_that_is_gone_is_no_longer_asked() -> None:
    world, process = World(), Process("shown")
    world.client.objects.clear()
    with pytest.raises(Transient):
        await world.run(process)
    assert process.reloads == 0


def test_a_refusal_outlasts_a_second_poke() -> None:
    assert Pace().again < Pace().sure < Pace().patience


def pod(name: str, url: str = "http://there") -> Pod:
    return Pod({"metadata": {"name": name, "uid": name}}, "c", url)


async def test_a_silent_process_is_left_alone_until_it_answers_again() -> None:
    silent, asked, here = set[str](), list[str](), set[str]()
    live: dict[str, str] = {}

    async def load(one: Pod) -> str:
        asked.append(one.name)
        if one.name == "away":
            raise Silent("no answer")
        if one.name == "slow":
            raise Transient("not yet")
        return one.name

    async def answers(url: str) -> bool:
        return url in here

    pods = [pod("well"), pod("away", "http://away"), pod("slow")]
    first = await each(pods, silent, live, load)
    assert (first[0], silent, live) == ("well", {"away"}, {"well": "well"})
    asked.clear()
    second = await each(pods, silent, live, load)
    assert isinstance(second[1], Silent)
    assert asked == ["well", "slow"]
    await knock(pods, silent, answers)
    assert silent == {"away"}
    here.add("http://away")
    await knock(pods, silent, answers)
    assert silent == set()


async def test_a_silent_process_that_is_gone_or_not_ready_is_not_asked() -> None:
    async def answers(url: str) -> bool:
        raise AssertionError(url)

    silent = {"gone", "unready"}
    await knock([pod("unready", ""), pod("well")], silent, answers)
    assert silent == {"unready"}
