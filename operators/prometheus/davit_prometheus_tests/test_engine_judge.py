from __future__ import annotations

import asyncio
from typing import Any

import pytest
from davit_prometheus import judge
from davit_prometheus.assembly import block, digest_of
from davit_prometheus.inventory import Memory
from davit_prometheus.judge import Judge
from davit_prometheus.model import Job
from hypothesis import given
from hypothesis import strategies as st

from davit_prometheus_tests.engine_world import Promtool
from davit_prometheus_tests.manifests_made import instance

Json = dict[str, Any]
SCOPE = instance().scope
TOP: Json = {"global": {"scrape_interval": "30s"}, "remote_write": [{"url": "a"}, {"url": "BAD"}, {"url": "b"}], "otlp": {"x": 1}}


def job(name: str, path: str = "/"):  # type: ignore[no-untyped-def]
    return block(Job(name, {"job_name": name, "metrics_path": path}))


def group(name: str, *expressions: str) -> tuple[str, Json]:
    found = {"name": name, "rules": [{"record": "a:b", "expr": one} for one in expressions]}
    return digest_of(str(found)), found


@given(st.lists(st.booleans(), max_size=12), st.lists(st.sampled_from(["up", "BAD", "NOYAML"]), max_size=12))
def test_exactly_the_refused_ones_are_left_out(jobs: list[bool], rules: list[str]) -> None:
    blocks = [job(f"j{number}", "/BAD" if bad else "/") for number, bad in enumerate(jobs)]
    groups = dict(group(f"g{number}", expr) for number, expr in enumerate(rules))
    proved = asyncio.run(Judge(Promtool()).prove(Memory(), SCOPE, "image", TOP, blocks=blocks, groups=groups))
    refused = {one.digest for one, bad in zip(blocks, jobs, strict=True) if bad}
    refused |= {digest for digest, found in groups.items() if found["rules"][0]["expr"] != "up"}
    assert set(proved.complaints) == refused
    assert [one["url"] for one in proved.top["remote_write"]] == ["a", "b"]
    assert {key: value for key, value in proved.top.items() if key != "remote_write"} == {
        key: value for key, value in TOP.items() if key != "remote_write"
    }
    assert [fault.path for fault in proved.faults] == ["spec.remoteWrite[1]"]


@given(st.lists(st.booleans(), max_size=8), st.lists(st.booleans(), max_size=8))
def test_what_is_new_is_judged_beside_what_was_good(first: list[bool], second: list[bool]) -> None:
    async def scenario() -> None:
        promtool, memory = Promtool(), Memory()
        blocks = [job(f"a{number}", "/BAD" if bad else "/") for number, bad in enumerate(first)]
        await Judge(promtool).prove(memory, SCOPE, "image", {}, blocks=blocks, groups={})
        blocks += [job(f"b{number}", "/BAD" if bad else "/") for number, bad in enumerate(second)]
        proved = await Judge(promtool).prove(memory, SCOPE, "image", {}, blocks=blocks, groups={})
        assert [one.digest in proved.complaints for one in blocks] == [*first, *second]

    asyncio.run(scenario())


@pytest.mark.parametrize("whole", [200_000, 0])
async def test_questions_are_asked_only_about_what_is_new(whole: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judge, "WHOLE", whole)
    promtool, memory = Promtool(), Memory()
    top = {"global": {"scrape_interval": "30s"}}
    blocks = [job("a"), job("b")]
    groups = dict([group("one", "up")])
    found = Judge(promtool)
    await found.prove(memory, SCOPE, "image", top, blocks=blocks, groups=groups)
    assert len(promtool.asked) == 3
    await found.prove(memory, SCOPE, "image", top, blocks=blocks, groups=groups)
    assert len(promtool.asked) == 3
    await found.prove(memory, SCOPE, "image", top, blocks=[*blocks, job("c")], groups=groups)
    assert len(promtool.asked) == 4
    assert ("job_name: a" in promtool.asked[-1][1]) is (whole > 0)
    assert set(memory.judged) == {one.digest for one in (*blocks, job("c"))} | set(groups)


@pytest.mark.parametrize("change", ["image", "global", "features"])
async def test_another_judge_or_another_global_section_judges_all_anew(change: str) -> None:
    promtool, memory, found = Promtool(), Memory(), Judge(Promtool())
    found = Judge(promtool)
    await found.prove(memory, SCOPE, "image", {"global": {"a": 1}}, blocks=[job("a")], groups={})
    asked = len(promtool.asked)
    scope = instance({"enableFeatures": ["promql-experimental-functions"]}).scope if change == "features" else SCOPE
    await found.prove(
        memory,
        scope,
        "other" if change == "image" else "image",
        {"global": {"a": 2 if change == "global" else 1}},
        blocks=[job("a")],
        groups={},
    )
    assert len(promtool.asked) == asked + 2
    assert ("--enable-feature=promql-experimental-functions" in promtool.asked[-1][0]) is (change == "features")


async def test_an_agents_configuration_is_judged_as_one() -> None:
    promtool = Promtool()
    await Judge(promtool).prove(Memory(), instance(agent=True).scope, "image", {}, blocks=[job("a")], groups={})
    assert all("--agent" in argv for argv, _ in promtool.asked)


async def test_a_job_whose_name_is_taken_is_the_culprit_and_the_first_one_stays() -> None:
    blocks = [job("a", "/first"), job("a", "/second")]
    proved = await Judge(Promtool()).prove(Memory(), SCOPE, "image", {}, blocks=blocks, groups={})
    assert set(proved.complaints) == {blocks[1].digest}
    assert "multiple scrape configs" in proved.complaints[blocks[1].digest]


async def test_what_is_said_of_a_group_names_the_rule_and_no_file() -> None:
    digest, found = group("one", "BAD +")
    proved = await Judge(Promtool()).prove(Memory(), SCOPE, "image", {}, blocks=(), groups={digest: found})
    assert proved.complaints == {digest: 'rule 1, "a:b": could not parse expression: BAD +'}


async def test_what_is_known_is_kept_while_nothing_can_be_asked() -> None:
    memory, found = Memory(), Judge(Promtool())
    bad = job("bad", "/BAD")
    await found.prove(memory, SCOPE, "image", TOP, blocks=[bad, job("good")], groups={})
    known = found.remembered(memory, TOP)
    assert set(known.complaints) == {bad.digest}
    assert [one["url"] for one in known.top["remote_write"]] == ["a", "b"]
    assert found.remembered(memory, {"other": 1}).top == {"other": 1}
