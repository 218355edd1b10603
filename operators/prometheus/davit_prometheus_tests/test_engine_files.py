from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
import yaml
from davit.model import Manifest
from davit.monitoring.assets import Assets
from davit.monitoring.emit import text
from davit_prometheus import assembly, plan
from davit_prometheus.assembly import Block, Configuration, RuleMap, assemble, block, edition, rule_maps
from davit_prometheus.config.jobs import render
from davit_prometheus.manifests import CONFIG_DIR, SCRAPE_SECRETS
from davit_prometheus.model import TLS_ASSETS, Job, Json
from davit_prometheus.published import published
from davit_prometheus.snapshot import Snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from davit_prometheus_tests.manifests_made import instance

INSTANCE = instance({"shards": 2})
SCOPE = INSTANCE.scope
TOP = {"global": {"scrape_interval": "30s"}}
LIMITS = {"INLINE_LIMIT": 2_000, "RULES_LIMIT": 700}

NAMES = st.lists(st.text("abcdefgh", min_size=1, max_size=6), max_size=40, unique=True)
SIZES = st.integers(0, 200)


@pytest.fixture(autouse=True, scope="module")
def small() -> Any:
    """Limits that made-up files reach."""
    before = {name: getattr(assembly, name) for name in LIMITS}
    for name, value in LIMITS.items():
        setattr(assembly, name, value)
    yield
    for name, value in before.items():
        setattr(assembly, name, value)


STEPS = [
    {"source_labels": ["a", "b"], "regex": "$(SHARD);x", "action": "keep"},
    {"target_label": "c", "replacement": "- *0\n  - &0"},
]


def config(name: str, size: int = 0) -> Json:
    """With steps that all jobs have, and one of its own."""
    steps = [*STEPS, {"target_label": "mine", "replacement": name}]
    path = "/" + "x" * size
    return {"metrics_path": path, "job_name": name, "relabel_configs": steps, "metric_relabel_configs": STEPS[:1]}


def job(name: str, size: int = 0) -> Block:
    return block(Job(name, config(name, size)))


def jobs(found: Configuration) -> list[Json]:
    main = yaml.safe_load(found.main)
    files = [main, *(yaml.safe_load(lines) for _, lines in found.buckets.values())]
    return sorted((one for file in files for one in file.get("scrape_configs") or ()), key=lambda one: str(one["job_name"]))


@given(NAMES, st.data())
def test_every_job_is_in_exactly_one_file_and_every_file_is_read(names: list[str], data: st.DataObject) -> None:
    sizes = [data.draw(SIZES) for _ in names]
    found = assemble(SCOPE, 1, TOP, {"ca": b"1"}, [job(name, size) for name, size in zip(names, sizes, strict=True)])
    wanted = [config(name, size) for name, size in sorted(zip(names, sizes, strict=True))]
    assert jobs(found) == json.loads(json.dumps(wanted).replace("$(SHARD)", "1"))
    read = [f"{CONFIG_DIR}/{name}" for name, _ in found.buckets.values()]
    assert yaml.safe_load(found.main)["scrape_config_files"] == [*read, found.marker]
    assert "$(SHARD)" not in found.main + str(found.buckets)


@given(NAMES, st.data())
def test_the_digest_changes_if_and_only_if_the_content_does(names: list[str], data: st.DataObject) -> None:
    sizes = [data.draw(SIZES) for _ in names]
    made = [job(name, size) for name, size in zip(names, sizes, strict=True)]
    first = assemble(SCOPE, 0, TOP, {}, made)
    assert assemble(SCOPE, 0, dict(TOP), {}, list(made)) == first
    index = data.draw(st.integers(0, len(made)))
    changed = [*made[:index], job("other", data.draw(SIZES)), *made[index + 1 :]]
    assert assemble(SCOPE, 0, TOP, {}, changed).digest != first.digest
    assert assemble(SCOPE, 0, {"global": {"scrape_interval": "1m"}}, {}, made).digest != first.digest
    assert assemble(SCOPE, 0, TOP, {"ca": b"1"}, made).digest != first.digest


def test_digests_and_names_of_files_depend_on_the_salt() -> None:
    made = [job(f"j{number}", 1_000) for number in range(12)]
    one, other = (assemble(SCOPE, 0, TOP, {}, made, salt=salt) for salt in ("a", "b"))
    assert one.digest != other.digest
    assert one.buckets
    assert not {name for name, _ in one.buckets.values()} & {name for name, _ in other.buckets.values()}


@given(NAMES.filter(lambda names: len(names) > 20), st.data())
def test_an_edit_of_one_job_rewrites_one_file_beside_the_first(names: list[str], data: st.DataObject) -> None:
    made = [job(name, 100) for name in names]
    index = data.draw(st.integers(0, len(names) - 1))
    first = assemble(SCOPE, 0, TOP, {}, made)
    second = assemble(SCOPE, 0, TOP, {}, [*made[:index], job(names[index], 101), *made[index + 1 :]])
    if first.buckets:
        assert sum(first.buckets[number] != second.buckets[number] for number in first.buckets) == 1


def test_a_configuration_ends_with_a_pattern_that_matches_no_file() -> None:
    found = assemble(SCOPE, 0, TOP, {}, [job("a")])
    assert found.marker == f"{CONFIG_DIR}/digest-{found.digest}.*"
    assert found.marker in found.main


@given(NAMES.filter(lambda names: len(names) > 20), st.data())
def test_a_process_that_did_not_find_one_of_the_files_is_told_from_one_that_did(names: list[str], data: st.DataObject) -> None:
    found = assemble(SCOPE, 0, TOP, {}, [job(name, 100) for name in names])
    assert not found.lacks(names)
    if found.buckets:
        _, lost = data.draw(st.sampled_from(sorted(found.buckets.values())))
        gone = {one["job_name"] for one in yaml.safe_load(lost)["scrape_configs"]}
        assert found.lacks(set(names) - gone)
        # What was there before under its name, and is not discovered yet, doesn't matter.
        assert not found.lacks({*(set(names) - gone), min(gone)})


def test_the_jobs_of_twelve_thousand_plain_monitors_fit_and_those_of_nine_thousand_twice() -> None:
    """Twice, so that no process ever misses a file: see `test_files_that_the_written_configuration_reads_stay...`."""
    manifest: Manifest = {
        "apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor",
        "metadata": {"name": "frontend-00000", "namespace": "team-with-a-name", "uid": "u", "generation": 1},
        "spec": {"selector": {"matchLabels": {"app": "frontend-00000"}}, "endpoints": [{"port": "metrics"}]},
    }  # fmt: skip
    (rendered,) = render(SCOPE, manifest, Assets({})).jobs
    names = [(number, rendered.name.replace("00000", f"{number:05}")) for number in range(12_000)]
    # Those of one Secret: the others are alike.
    made = [
        (number, block(Job(name, json.loads(json.dumps(rendered.config).replace("00000", f"{number:05}")))))
        for number, name in names
        if zlib.crc32(name.encode()) % SCRAPE_SECRETS == 0
    ]
    assert assemble(SCOPE, 0, TOP, {}, [one for _, one in made]).excess == ""
    found = assemble(SCOPE, 0, TOP, {}, [one for number, one in made if number < 9_000])
    assert [len(lines) < assembly.SECRET_LIMIT / 2 for _, lines in found.buckets.values()] == [True]
    assert len({id(piece) for _, one in made for piece in one.pieces}) < 3 * len(made)


def test_what_no_secret_has_room_for_is_said_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assembly, "SECRET_LIMIT", 3_000)
    assert assemble(SCOPE, 0, TOP, {}, [job(f"j{number}") for number in range(20)]).excess == ""
    said = assemble(SCOPE, 0, TOP, {}, [job(f"j{number}", 500) for number in range(40)]).excess
    assert re.match(r"jobs-\d-\w+\.yaml would have \d,\d\d\d bytes, .*: spread the monitors over several objects", said)
    said = assemble(SCOPE, 0, {"global": {"external_labels": {"a": "x" * 3_000}}}, {}, []).excess
    assert re.match(r"prometheus.yaml would have 3,\d\d\d bytes, .*: make shorter what the spec itself says", said)


FILES = st.dictionaries(
    st.text("abcdefgh", min_size=1, max_size=4).map(lambda name: f"{name}.yaml"), SIZES.map("x".__mul__), max_size=15
)


def contents(maps: Sequence[RuleMap]) -> list[dict[str, str]]:
    return [{name: lines for name, lines in one.files.items() if name != "davit-live.yaml"} for one in maps]


@given(FILES, FILES)
def test_a_rule_file_stays_where_it_is_while_it_fits(before: dict[str, str], after: dict[str, str]) -> None:
    first = contents(rule_maps(before, []))
    second = contents(rule_maps(after, first))
    assert {name: lines for place in second for name, lines in place.items()} == after
    assert sum(len(place) for place in second) == len(after)
    homes = {name: number for number, place in enumerate(first) for name in place}
    for number, place in enumerate(second):
        for name in place:
            if name in homes and homes[name] != number:
                stayed = second[homes[name]] if homes[name] < len(second) else {}
                size = sum(len(lines) + len(other) for other, lines in stayed.items())
                assert size + len(after[name]) + len(name) > LIMITS["RULES_LIMIT"], name


@given(FILES)
def test_settled_rules_never_move_and_their_digest_follows_their_content(files: dict[str, str]) -> None:
    first = rule_maps(files, [])
    again = rule_maps(dict(reversed(files.items())), contents(first))
    assert again == first
    assert edition((), again) == edition((), first)
    more = rule_maps({**files, "new.yaml": "y"}, contents(first))
    assert edition((), more) != edition((), first)


def test_there_is_always_one_map_to_prove_and_its_rule_records_nothing() -> None:
    (only,) = rule_maps({}, [])
    (group,) = yaml.safe_load(only.files["davit-live.yaml"])["groups"]
    assert group["limit"] == only.limit
    assert 0 < only.limit < 2**53
    assert group["rules"] == [{"record": "davit:live", "expr": "vector(0) < 0"}]


# Written, and read back


def written(found: Snapshot, children: Sequence[Manifest] = ()) -> list[Manifest]:
    index = {(one["kind"], one["metadata"]["name"]): one for one in children}
    return [*plan._files(INSTANCE, found, index)]


def snapshot(*blocks: Block, rules: Mapping[str, str] | None = None, assets: Mapping[str, bytes] | None = None) -> Snapshot:
    shards = tuple(assemble(SCOPE, shard, TOP, {}, blocks) for shard in range(2))
    return Snapshot(configurations=shards, rules=tuple(rule_maps(rules or {}, [])), assets=assets or {})


def files(manifests: Sequence[Manifest], name: str) -> dict[str, str]:
    (found,) = (one for one in manifests if one["kind"] == "Secret" and one["metadata"]["name"] == name)
    return {file: base64.b64decode(content).decode() for file, content in found["data"].items()}


@given(NAMES, FILES)
@settings(max_examples=30)
def test_what_is_written_is_read_back(names: list[str], rules: dict[str, str]) -> None:
    found = snapshot(*(job(name, 100) for name in names), rules=rules)
    assert published(SCOPE, 2, written(found)) == (found.configurations, found.rules)


def test_what_is_not_whole_or_not_ours_is_not_read_back() -> None:
    found = written(snapshot(*(job(f"j{number}", 100) for number in range(40))))
    assert published(SCOPE, 2, found) is not None
    for index, one in enumerate(found):
        if one["kind"] == "Secret" and "tls-assets" not in one["metadata"]["name"]:
            assert published(SCOPE, 2, found[:index] + found[index + 1 :]) is None
    assert published(SCOPE, 3, found) is None
    foreign = {"kind": "Secret", "metadata": {"name": "prometheus-k8s"}, "data": {"prometheus.yaml": "Z2xvYmFsOiB7fQo="}}
    assert published(SCOPE, 1, [foreign]) is None


def overflowing(path: int) -> Snapshot:
    return snapshot(*(job(f"j{number}", path if number == 3 else 100) for number in range(40)))


def test_files_that_the_written_configuration_reads_stay_until_it_reads_others() -> None:
    first, second = overflowing(100), overflowing(101)
    before = written(first)
    during = written(second, before)
    after = written(second, during)
    changed = [
        number for number, one in first.configurations[0].buckets.items() if second.configurations[0].buckets[number] != one
    ]
    (number,) = changed
    name = f"prometheus-k8s-scrape-{number}"
    old, new = first.configurations[0].buckets[number][0], second.configurations[0].buckets[number][0]
    assert set(files(before, name)) == {old}
    assert set(files(during, name)) == {old, new}
    assert set(files(after, name)) == {new}
    names = [one["metadata"]["name"] for one in during]
    assert names.index(name) < names.index("prometheus-k8s")


def test_two_editions_of_a_file_are_never_more_than_an_object_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = overflowing(100), overflowing(101)
    largest = max(len(lines) for _, lines in second.configurations[0].buckets.values())
    monkeypatch.setattr(plan, "SECRET_LIMIT", largest + 10)
    during = written(second, written(first))
    for one in during:
        if "-scrape-" in one["metadata"]["name"]:
            assert len(one["data"]) == 1


def test_no_certificate_goes_before_the_configuration_that_reads_it() -> None:
    reading = block(Job("a", {"job_name": "a", "tls_config": {"ca_file": f"{TLS_ASSETS}/0_shop_old_ca"}}))
    first = snapshot(reading, assets={"0_shop_old_ca": b"old", "0_shop_unread_ca": b"x"})
    second = snapshot(job("a"), assets={"0_shop_new_ca": b"new"})
    before = written(first)
    during = written(second, before)
    after = written(second, during)
    assert set(files(during, "prometheus-k8s-tls-assets-0")) == {"0_shop_old_ca", "0_shop_new_ca"}
    assert set(files(after, "prometheus-k8s-tls-assets-0")) == {"0_shop_new_ca"}
    back = replace(second, configurations=first.configurations)
    assert "0_shop_old_ca" in files(written(back, during), "prometheus-k8s-tls-assets-0")


def test_a_certificate_that_is_kept_makes_no_further_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "ASSETS_LIMIT", 10)
    reading = block(Job("a", {"job_name": "a", "tls_config": {"ca_file": f"{TLS_ASSETS}/old"}}))
    before = written(snapshot(reading, assets={"old": b"x" * 9}))
    during = written(snapshot(job("a"), assets={"new": b"y" * 9}), before)
    assert [one["metadata"]["name"] for one in during if "tls-assets" in one["metadata"]["name"]] == [
        "prometheus-k8s-tls-assets-0"
    ]


def test_the_text_of_a_job_is_one_entry_of_a_list() -> None:
    assert yaml.safe_load(job("a").text)[0]["job_name"] == "a"
    assert text({"scrape_configs": []}) == "scrape_configs: []\n"
