"""Whole passes: publication, edits, what is missing, what is held, restarts."""

from __future__ import annotations

import base64
import logging
from dataclasses import replace
from typing import Any

import pytest
from davit.errors import Blocked
from davit.kube.kinds import NETWORK_POLICY, POD, POD_DISRUPTION_BUDGET, SECRET, SERVICE, STATEFUL_SET
from davit.model import Key
from davit.monitoring.live import Silent
from davit.monitoring.prover import NotReady, Unanswered
from davit.monitoring.refusals import SULK, Refusals
from davit.status import verdict
from davit_alertmanager.api.v1 import ALERTMANAGER
from davit_alertmanager.api.v1alpha1 import ALERTMANAGER_CONFIG
from davit_alertmanager.bindings import binding_status
from davit_alertmanager.model import CONFIG_FILE
from davit_alertmanager.observe import PATIENCE, _url
from davit_alertmanager.validate import validate

from davit_alertmanager_tests.engine_world import BASE, GENERATED, MAIN, Cluster, generated, not_ready, team, webhook
from davit_alertmanager_tests.world import HOME, alertmanager, base_secret, config, secret

SET = Key(HOME, "alertmanager-main")


def kinds(cluster: Cluster) -> list[str]:
    return [f"{one.verb} {one.kind}" for one in cluster.writes()]


async def test_everything_is_published_before_the_pods_that_read_it() -> None:
    cluster = Cluster(base_secret(BASE), config(**team()))
    await cluster.run()
    made = [one.name for one in cluster.writes() if one.verb == "apply"]
    assert (
        made.index("alertmanager-main-tls-assets-0") < made.index("alertmanager-main-generated") < made.index("alertmanager-main")
    )
    assert cluster.receivers() == ["all", "shop/team/hook"]
    assert (STATEFUL_SET, SET) in cluster.client.objects
    assert verdict(cluster.resource()) == "InProgress"


async def test_a_settled_one_is_current_and_nothing_is_written_again() -> None:
    cluster = Cluster(base_secret(BASE), config(**team()))
    await cluster.settle()
    cluster.writes()
    assert await cluster.run() == 30.0
    assert cluster.writes() == []
    assert verdict(cluster.resource()) == "Current"
    assert cluster.condition("ConfigLive")["status"] == "True"
    assert cluster.status()["config"]["live"] == cluster.status()["config"]["digest"]


async def test_an_edit_is_live_after_one_pass_and_one_question() -> None:
    cluster = Cluster(base_secret(BASE), config(**team()))
    await cluster.settle()
    asked = len(cluster.checker.asked)
    cluster.writes()
    cluster.put(config(**team({"receivers": [webhook("https://example.com/new")]})))
    await cluster.run()
    assert kinds(cluster) == ["apply Secret", "patch Pod", "apply/status Alertmanager", "apply/status AlertmanagerConfig"]
    assert "https://example.com/new" in cluster.process().text
    assert len(cluster.checker.asked) == asked + 1
    assert cluster.condition("ConfigLive")["status"] == "True"
    assert cluster.memory.is_live


async def test_a_rotated_secret_is_live_after_one_pass() -> None:
    spec = team({"receivers": [{"name": "hook", "webhookConfigs": [{"urlSecret": {"name": "hook", "key": "url"}}]}]})
    cluster = Cluster(base_secret(BASE), config(**spec), secret("hook", url="https://example.com/one"))
    await cluster.settle()
    assert "example.com/one" in cluster.process().text
    rotated = cluster.put(secret("hook", url="https://example.com/two"))
    assert list(cluster.inventory.of_source(ALERTMANAGER, SECRET, rotated)) == [MAIN]
    await cluster.run()
    assert "example.com/two" in cluster.process().text


async def test_a_changed_user_secret_and_its_templates_are_live_after_one_pass() -> None:
    text = f"{BASE}templates:\n- /etc/alertmanager/config/*.tmpl\n"
    cluster = Cluster(secret("alertmanager-main", HOME, alertmanager_yaml=text, mail__tmpl='{{ define "a" }}1{{ end }}'))
    await cluster.settle()
    before = cluster.alertmanagers.reloads
    cluster.put(secret("alertmanager-main", HOME, alertmanager_yaml=text, mail__tmpl='{{ define "a" }}2{{ end }}'))
    await cluster.run()
    data = cluster.client.objects[SECRET, GENERATED]["data"]
    assert base64.b64decode(data["mail.tmpl"]) == b'{{ define "a" }}2{{ end }}'
    assert cluster.alertmanagers.reloads == before + 1
    assert verdict(cluster.resource()) == "Current"


async def test_without_selectors_the_users_text_goes_in_untouched() -> None:
    text = "# ours\nroute: {receiver: on}\nreceivers: [{name: 'on'}]\n"
    cluster = Cluster(base_secret(text), alertmanagerConfigSelector=None)
    await cluster.settle()
    assert generated(cluster.client).startswith(text)
    assert verdict(cluster.resource()) == "Current"


async def test_a_restarted_operator_restarts_no_pod_and_writes_nothing() -> None:
    cluster = Cluster(base_secret(BASE), config(**team()), replicas=3)
    await cluster.settle(3, peers=3)
    cluster.writes()
    reloads = cluster.alertmanagers.reloads
    cluster.restart()
    await cluster.run()
    await cluster.run()
    assert cluster.writes() == []
    assert cluster.alertmanagers.reloads == reloads
    assert cluster.memory.good is not None


async def test_a_missing_user_secret_notifies_nobody_and_says_so() -> None:
    cluster = Cluster(config(**team()))
    await cluster.settle()
    assert cluster.receivers() == ["null", "shop/team/hook"]
    said = cluster.condition("ConfigAccepted")
    assert (said["status"], said["reason"]) == ("False", "NoConfiguration")
    assert "Secret monitoring/alertmanager-main is missing" in said["message"]
    assert "notify nobody" in cluster.condition("Ready")["message"]
    assert any(one.reason == "NoConfiguration" and one.warning for one in cluster.client.events)
    cluster.put(base_secret(BASE))
    await cluster.run()
    assert cluster.receivers()[0] == "all"
    assert cluster.condition("ConfigAccepted")["status"] == "True"


async def test_new_selectors_take_others_and_tell_them_all() -> None:
    wanted: dict[str, Any] = {"alertmanagerConfigSelector": {"matchLabels": {"team": "a"}}}
    one, other = config("one", **team()), config("other", **team())
    one["metadata"]["labels"] = {"team": "a"}
    cluster = Cluster(base_secret(BASE), one, other)
    await cluster.settle()
    assert cluster.receivers() == ["all", "shop/one/hook", "shop/other/hook"]
    cluster.woken.clear()
    cluster.put(alertmanager(**wanted))
    await cluster.run()
    assert cluster.receivers() == ["all", "shop/one/hook"]
    assert {key.name for kind, key in cluster.woken if kind == ALERTMANAGER_CONFIG} == {"one", "other"}
    status = cluster.config_status("other")
    assert "bindings" not in status
    assert "label team must be 'a', it is missing" in status["selection"][0]
    assert cluster.config_status("one")["bindings"][0]["accepted"] is True


async def test_who_is_nearest_of_those_that_do_not_take_it_is_told_first() -> None:
    refusals = {(ALERTMANAGER, Key(namespace, "main")): "no" for namespace in ("a", "b", "c", "shop", "z")}
    found = binding_status(config(**team()), [], refusals, now=0.0)
    assert found["selection"][:2] == ["Alertmanager shop/main: no", "Alertmanager a/main: no"]
    assert found["conditions"][0]["message"].startswith("Alertmanager shop/main: no;")


async def test_without_its_selector_the_users_own_text_goes_in_and_configs_are_told() -> None:
    cluster = Cluster(base_secret(BASE), config(**team()))
    await cluster.settle()
    assert cluster.receivers() == ["all", "shop/team/hook"]
    cluster.put(alertmanager(alertmanagerConfigSelector=None))
    await cluster.run(raises=True)
    assert cluster.receivers() == ["all"]
    assert cluster.config_status()["conditions"][0]["reason"] == "NotSelected"
    cluster.put(alertmanager())
    await cluster.run(raises=True)
    assert cluster.receivers() == ["all", "shop/team/hook"]


async def test_a_namespace_that_is_not_selected_is_named() -> None:
    cluster = Cluster(base_secret(BASE), config(**team()), alertmanagerConfigNamespaceSelector={"matchLabels": {"team": "b"}})
    await cluster.settle()
    condition = cluster.config_status()["conditions"][0]
    assert condition["reason"] == "NotSelected"
    assert "spec.alertmanagerConfigNamespaceSelector does not match namespace shop" in condition["message"]


async def test_a_deleted_configuration_leaves_and_the_rest_stays() -> None:
    cluster = Cluster(base_secret(BASE), config("one", **team()), config("other", **team()))
    await cluster.settle()
    cluster.client.remove(ALERTMANAGER_CONFIG, Key("shop", "one"))
    await cluster.run()
    assert cluster.receivers() == ["all", "shop/other/hook"]
    assert cluster.process().text == generated(cluster.client)


async def test_a_deleted_alertmanager_is_forgotten_and_its_configs_are_told() -> None:
    cluster = Cluster(base_secret(BASE), config(**team()))
    await cluster.settle()
    cluster.writes()
    cluster.client.remove(ALERTMANAGER, MAIN)
    cluster.woken.clear()
    assert await cluster.run() is None
    assert (ALERTMANAGER, MAIN) not in cluster.inventory.memories
    assert (ALERTMANAGER_CONFIG, Key("shop", "team")) in cluster.woken
    assert cluster.config_status()["conditions"][0]["message"] == "there is no Alertmanager that could select it"
    assert [one.verb for one in cluster.writes()] == ["apply/status"]
    assert cluster.retired[-1] == frozenset()


async def test_a_paused_one_is_only_looked_at() -> None:
    cluster = Cluster(base_secret(BASE))
    await cluster.settle()
    cluster.put(alertmanager(paused=True))
    cluster.put(base_secret(BASE.replace("all", "other")))
    cluster.writes()
    await cluster.run()
    assert kinds(cluster) == ["apply/status Alertmanager"]
    assert cluster.condition("Ready")["reason"] == "Paused"
    assert cluster.status()["paused"] is True


async def test_an_invalid_one_says_so_and_what_runs_stays() -> None:
    cluster = Cluster(base_secret(BASE))
    await cluster.settle()
    cluster.put(alertmanager(version="nonsense"))
    cluster.writes()
    await cluster.run()
    assert kinds(cluster) == ["apply/status Alertmanager"]
    assert verdict(cluster.resource()) == "Failed"
    assert "spec.version" in cluster.condition("Stalled")["message"]


# The prover


async def test_the_first_pods_start_with_what_can_not_be_wrong_until_the_prover_answers() -> None:
    cluster = Cluster(base_secret(BASE), config(**team()))
    cluster.checker.error = not_ready()
    await cluster.settle()
    assert cluster.receivers() == ["null"]
    assert verdict(cluster.resource()) == "InProgress"
    assert "status" not in cluster.client.objects[ALERTMANAGER_CONFIG, Key("shop", "team")]
    cluster.checker.error = None
    await cluster.run()
    assert cluster.receivers() == ["all", "shop/team/hook"]
    assert verdict(cluster.resource()) == "Current"
    assert cluster.config_status()["bindings"][0]["accepted"] is True


async def test_without_a_prover_the_first_configuration_goes_unchecked_in_the_end() -> None:
    cluster = Cluster(base_secret(BASE), config(**team()))
    cluster.checker.error = not_ready()
    await cluster.settle()
    cluster.now += PATIENCE
    await cluster.run()
    assert cluster.receivers() == ["all", "shop/team/hook"]
    # No checker is a better judge than the process that runs it.
    await cluster.run()
    assert verdict(cluster.resource()) == "Current"
    assert cluster.config_status()["bindings"][0]["accepted"] is True


async def test_a_quarantine_is_not_forgotten_by_a_restart_without_a_prover() -> None:
    cluster = Cluster(base_secret(BASE), config(**team({"receivers": [webhook("https://bad.example")]})))
    cluster.checker.says = lambda document: "bad" if "bad.example" in document else None
    await cluster.settle()
    status = cluster.config_status()
    cluster.restart()
    cluster.writes()
    cluster.checker.error = not_ready()
    await cluster.run()
    assert cluster.config_status() == status
    assert [one for one in cluster.writes() if one.kind != "Alertmanager"] == []


async def test_a_restarted_operator_says_nothing_of_configs_before_it_looked() -> None:
    cluster = Cluster(base_secret(BASE), config(**team()))
    await cluster.settle()
    cluster.restart()
    cluster.sync()
    cluster.writes()
    await cluster.configs(Key("shop", "team"))
    assert cluster.writes() == []


async def test_the_shared_service_keeps_all_its_owners_over_a_restart() -> None:
    cluster = Cluster(base_secret(BASE))
    cluster.put(alertmanager("other"))
    await cluster.settle()
    cluster.restart()
    cluster.writes()
    await cluster.run()
    assert [one for one in cluster.writes() if one.kind == "Service"] == []
    owners = cluster.client.objects[SERVICE, Key(HOME, "alertmanager-operated")]["metadata"]["ownerReferences"]
    assert [one["name"] for one in owners] == ["main", "other"]


async def test_a_restart_without_a_prover_holds_nothing_up_and_writes_nothing() -> None:
    cluster = Cluster(base_secret(BASE), config(**team()))
    await cluster.settle()
    cluster.restart()
    cluster.writes()
    cluster.checker.error = not_ready()
    assert await cluster.run() == 30.0
    assert cluster.writes() == []


async def test_what_takes_the_prover_away_is_never_published_unproved() -> None:
    cluster = Cluster(base_secret(BASE))
    await cluster.settle()
    cluster.checker.error = Unanswered("the prover broke off")
    cluster.put(base_secret(BASE.replace("all", "other")))
    await cluster.run()
    cluster.checker.error = not_ready()
    cluster.now += 3 * PATIENCE
    await cluster.run()
    assert cluster.receivers() == ["all"]
    assert cluster.condition("ConfigLive")["reason"] == "Held"
    cluster.checker.error = None
    await cluster.run()
    assert cluster.receivers() == ["other"]


async def test_a_change_waits_for_the_prover_and_then_goes_unchecked() -> None:
    cluster = Cluster(base_secret(BASE))
    await cluster.settle()
    cluster.checker.error = not_ready()
    cluster.put(base_secret(BASE.replace("all", "other")))
    cluster.writes()
    assert await cluster.run() == 1.0
    assert kinds(cluster) == ["apply/status Alertmanager"]
    assert cluster.condition("ConfigLive")["reason"] == "Held"
    assert verdict(cluster.resource()) == "InProgress"
    cluster.now += PATIENCE
    await cluster.run()
    assert cluster.receivers() == ["other"]
    assert cluster.condition("ConfigLive")["status"] == "True"
    # A prover that is away for so long holds up no further change.
    cluster.put(base_secret(BASE.replace("all", "third")))
    await cluster.run()
    assert cluster.receivers() == ["third"]


@pytest.mark.parametrize("error", [Blocked("NoChecker", "the image has no amtool"), Blocked("Forbidden", "pods/exec is needed")])
async def test_a_change_does_not_wait_for_a_prover_that_can_never_answer(error: Blocked) -> None:
    cluster = Cluster(base_secret(BASE))
    await cluster.settle()
    cluster.checker.error = error
    cluster.put(base_secret(BASE.replace("all", "other")))
    await cluster.run()
    assert cluster.receivers() == ["other"]
    assert str(error) in cluster.condition("ConfigLive")["message"]


async def test_provers_of_images_that_are_not_in_use_go() -> None:
    cluster = Cluster(base_secret(BASE), image="quay.io/prometheus/alertmanager:v0.31.0", version="0.31.0")
    await cluster.run()
    cluster.put(alertmanager(image="quay.io/prometheus/alertmanager:v0.32.0", version="0.32.0"))
    await cluster.run()
    await cluster.run()
    assert cluster.retired == [
        frozenset({"quay.io/prometheus/alertmanager:v0.31.0"}),
        frozenset({"quay.io/prometheus/alertmanager:v0.32.0"}),
    ]


# The processes


def refusing(word: str) -> Any:
    return lambda text: f"cannot open {word}" if word in text else None


async def test_what_the_process_refuses_is_taken_back() -> None:
    cluster = Cluster(base_secret(BASE))
    await cluster.settle()
    good = generated(cluster.client)
    cluster.alertmanagers.refuses = refusing("other")
    cluster.put(base_secret(BASE.replace("all", "other")))
    await cluster.run()
    assert cluster.condition("ConfigLive")["reason"] == "ReloadRefused"
    await cluster.run()
    assert generated(cluster.client) == good
    assert cluster.process().text == good
    assert verdict(cluster.resource()) == "Failed"
    assert "cannot open other" in cluster.condition("Ready")["message"]
    assert any(one.reason == "ReloadRefused" for one in cluster.client.events)
    cluster.put(base_secret(BASE.replace("all", "third")))
    await cluster.run()
    assert cluster.receivers() == ["third"]
    assert verdict(cluster.resource()) == "Current"


async def test_a_refused_one_is_tried_again_ever_later() -> None:
    cluster = Cluster(base_secret(BASE))
    await cluster.settle()
    cluster.alertmanagers.refuses = refusing("other")
    cluster.put(base_secret(BASE.replace("all", "other")))

    async def tried() -> bool:
        before = cluster.writes()
        await cluster.run()
        del before
        return any(one.kind == "Pod" for one in cluster.writes())

    assert await tried()
    assert not await tried()
    cluster.now += SULK
    assert await tried()
    await cluster.run()
    cluster.now += SULK
    assert not await tried()
    cluster.now += SULK
    cluster.alertmanagers.refuses = lambda text: None
    await cluster.run()
    assert cluster.receivers() == ["other"]
    assert cluster.memory.refused == Refusals()


async def test_a_restarted_operator_still_knows_the_last_good_one() -> None:
    cluster = Cluster(base_secret(BASE))
    await cluster.settle()
    good = generated(cluster.client)
    cluster.restart()
    cluster.alertmanagers.refuses = refusing("other")
    cluster.put(base_secret(BASE.replace("all", "other")))
    await cluster.run()
    await cluster.run()
    assert generated(cluster.client) == good


async def test_a_process_that_does_not_answer_holds_up_no_other() -> None:
    cluster = Cluster(base_secret(BASE), replicas=2)
    await cluster.settle(2, peers=2)
    cluster.process(0).down = True
    cluster.put(base_secret(BASE.replace("all", "other")))
    await cluster.run()
    assert "other" in cluster.process(1).text
    said = cluster.condition("ConfigLive")
    assert said["status"] == "False"
    assert said["message"].startswith("not loaded yet by pod alertmanager-main-0: pod alertmanager-main-0 does not run")
    cluster.put(base_secret(BASE.replace("all", "third")))
    with pytest.raises(Silent):
        await cluster.run(raises=True)
    assert "third" in cluster.process(1).text
    assert "does not answer the operator" in cluster.condition("ConfigLive")["message"]
    cluster.process(0).down = False
    await cluster.settle(2, peers=2)
    assert "third" in cluster.process(0).text


async def test_a_restarted_container_is_asked_anew() -> None:
    cluster = Cluster(base_secret(BASE))
    await cluster.settle()
    pod = cluster.client.objects[POD, Key(HOME, "alertmanager-main-0")]
    pod["status"]["containerStatuses"][0]["containerID"] = "next"
    cluster.process().text = "route: {}\n"
    await cluster.run()
    assert cluster.process().text == generated(cluster.client)


async def test_a_process_that_lost_its_configuration_gets_it_again() -> None:
    cluster = Cluster(base_secret(BASE))
    await cluster.settle()
    cluster.process().text = "route: {}\n"
    cluster.now += 60
    await cluster.run()
    assert cluster.process().text == generated(cluster.client)


# The cluster


async def test_every_member_must_see_every_other() -> None:
    cluster = Cluster(base_secret(BASE), replicas=3)
    await cluster.settle(3, peers=3)
    assert cluster.condition("ClusterSettled")["status"] == "True"
    cluster.process(1).peers = 1
    cluster.now += 60
    assert await cluster.run() == 1.0
    said = cluster.condition("ClusterSettled")
    assert (said["status"], said["reason"]) == ("False", "PeersMissing")
    assert "alertmanager-main-1 sees 1" in said["message"]
    assert cluster.condition("Ready")["reason"] == "ClusterNotSettled"
    assert verdict(cluster.resource()) == "InProgress"


async def test_a_cluster_that_comes_together_is_looked_at_soon() -> None:
    cluster = Cluster(base_secret(BASE), replicas=2)
    await cluster.settle(2, peers=2)
    cluster.memory.live = {
        uid: replace(one, seen=replace(one.seen, cluster="settling")) for uid, one in cluster.memory.live.items()
    }
    assert await cluster.run() == 1.0
    assert cluster.condition("ClusterSettled")["reason"] == "Settling"
    cluster.now += 1
    assert await cluster.run() == 30.0
    assert cluster.condition("ClusterSettled")["status"] == "True"


async def test_a_process_that_stopped_answering_is_not_believed_for_ever() -> None:
    cluster = Cluster(base_secret(BASE))
    await cluster.settle()
    cluster.process().down = True
    cluster.now += 30
    await cluster.run()
    assert cluster.condition("ConfigLive")["status"] == "True"
    cluster.now += 60
    await cluster.run()
    assert cluster.condition("ConfigLive")["status"] == "False"


async def test_a_single_one_has_no_cluster_to_settle() -> None:
    cluster = Cluster(base_secret(BASE))
    await cluster.settle()
    assert "ClusterSettled" not in {one["type"] for one in cluster.status()["conditions"]}


async def test_fewer_replicas_are_a_cluster_again_and_lose_the_budget_when_alone() -> None:
    cluster = Cluster(base_secret(BASE), replicas=3)
    await cluster.settle(3, peers=3)
    assert (POD_DISRUPTION_BUDGET, SET) in cluster.client.objects
    cluster.put(alertmanager(replicas=1))
    await cluster.run()
    assert cluster.client.objects[STATEFUL_SET, SET]["spec"]["replicas"] == 1
    assert (POD_DISRUPTION_BUDGET, SET) not in cluster.client.objects


# Children


async def test_guards_of_the_users_own_are_respected() -> None:
    cluster = Cluster(base_secret(BASE), replicas=2)
    labels = {"alertmanager": "main"}
    spec = {"selector": {"matchLabels": labels}, "maxUnavailable": 1}
    cluster.client.put(POD_DISRUPTION_BUDGET, {"metadata": {"name": "own", "namespace": HOME}, "spec": spec})
    cluster.client.put(
        NETWORK_POLICY, {"metadata": {"name": "own", "namespace": HOME}, "spec": {"podSelector": {"matchLabels": labels}}}
    )
    cluster.client.put(SERVICE, {"metadata": {"name": "alertmanager-main", "namespace": HOME}, "spec": {}})
    await cluster.run()
    assert (POD_DISRUPTION_BUDGET, SET) not in cluster.client.objects
    assert (NETWORK_POLICY, SET) not in cluster.client.objects
    assert cluster.client.objects[SERVICE, SET]["spec"] == {}


async def test_a_claim_that_grows_comes_before_a_process_that_does_not_answer() -> None:
    def claim(size: str) -> dict[str, Any]:
        return {"volumeClaimTemplate": {"spec": {"resources": {"requests": {"storage": size}}}}}

    cluster = Cluster(base_secret(BASE), storage=claim("1Gi"))
    await cluster.settle()
    cluster.process().down = True
    cluster.put(base_secret(BASE.replace("all", "other")))
    cluster.put(alertmanager(storage=claim("2Gi")))
    cluster.writes()
    await cluster.run()
    assert "delete StatefulSet" in kinds(cluster)
    assert any(one.reason == "Recreating" for one in cluster.client.events)


async def test_a_stateful_set_stays_when_the_api_server_would_not_take_its_successor() -> None:
    cluster = Cluster(base_secret(BASE))
    await cluster.settle()
    uid = cluster.client.objects[STATEFUL_SET, SET]["metadata"]["uid"]
    cluster.client.refused = "OrderedReady"
    cluster.put(alertmanager(podManagementPolicy="OrderedReady"))
    await cluster.run()
    assert cluster.client.objects[STATEFUL_SET, SET]["metadata"]["uid"] == uid
    assert cluster.condition("Ready")["reason"] == "Rejected"


async def test_what_the_api_server_drops_is_not_applied_for_ever() -> None:
    cluster = Cluster(base_secret(BASE), updateStrategy={"rollingUpdate": {"maxUnavailable": 2}})
    await cluster.settle()
    assert "rollingUpdate" not in cluster.client.objects[STATEFUL_SET, SET]["spec"]["updateStrategy"]
    cluster.writes()
    await cluster.run()
    assert [one for one in kinds(cluster) if "StatefulSet" in one] == []


async def test_a_digest_tells_nobody_what_it_is_of() -> None:
    clusters = [Cluster(base_secret(BASE)) for _ in range(2)]
    for cluster in clusters:
        await cluster.settle()
    one, other = (cluster.status()["config"]["digest"] for cluster in clusters)
    assert one != other
    clusters[0].restart()
    await clusters[0].settle()
    assert clusters[0].status()["config"]["digest"] == one


async def test_pods_of_prometheus_operator_go_on_until_our_files_are_there(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    cluster = Cluster(base_secret(BASE))
    owner = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "Alertmanager",
        "name": "main",
        "uid": "uid-main",
        "controller": True,
    }
    metadata = {"name": GENERATED.name, "namespace": HOME, "ownerReferences": [owner]}
    cluster.client.put(SECRET, {"metadata": metadata, "data": {"alertmanager.yaml.gz": "eA=="}})
    cluster.checker.error = NotReady("the prover starts")
    await cluster.run()
    assert (STATEFUL_SET, SET) not in cluster.client.objects
    assert CONFIG_FILE not in cluster.client.objects[SECRET, GENERATED]["data"]
    cluster.checker.error = None
    await cluster.run()
    assert (STATEFUL_SET, SET) in cluster.client.objects
    assert set(cluster.client.objects[SECRET, GENERATED]["data"]) == {CONFIG_FILE}


@pytest.mark.parametrize(("prefix", "url"), [("/", ""), ("am", "/am"), ("/am/", "/am")])
def test_a_process_is_spoken_to_below_its_prefix(prefix: str, url: str) -> None:
    assert _url(validate(alertmanager(routePrefix=prefix)), "10.0.0.1") == f"http://10.0.0.1:9093{url}"
