"""One bad object, or one bad part of it, hurts only itself: by amtool's word, whatever that is."""

from __future__ import annotations

from typing import Any

import yaml
from davit.model import Key
from davit.status import verdict
from davit_alertmanager.judge import shortened
from davit_alertmanager.model import CONFIG_FILE

from davit_alertmanager_tests.engine_world import BASE, Cluster, Judgement, generated, not_ready, team, webhook
from davit_alertmanager_tests.world import HOME, alertmanager, base_secret, config, config_map, secret


def without(word: str, said: str = "amtool dislikes it") -> Judgement:
    """A rule that no document with the word meets."""
    return lambda document: said if word in document else None


def used(document: str) -> dict[str, Any]:
    return dict(yaml.safe_load(document))


async def test_a_bad_integration_is_left_out_and_its_receiver_goes_on() -> None:
    receiver = {"name": "hook", "webhookConfigs": [{"url": "https://good.example"}, {"url": "https://bad.example"}]}
    cluster = Cluster(base_secret(BASE), config(**team({"receivers": [receiver]})), config("other", **team()))
    cluster.checker.says = without("bad.example", "unsupported thing")
    await cluster.settle()
    text = generated(cluster.client)
    assert "bad.example" not in text
    assert "good.example" in text
    assert cluster.receivers() == ["all", "shop/other/hook", "shop/team/hook"]
    assert verdict(cluster.resource()) == "Current"
    assert "1 part left out" in cluster.condition("Ready")["message"]
    [left] = cluster.status()["quarantined"]
    assert (left["kind"], left["namespace"], left["name"]) == ("AlertmanagerConfig", "shop", "team")
    assert left["path"] == "spec.receivers[0].webhookConfigs[1]"
    assert left["message"] == "unsupported thing"
    [binding] = cluster.config_status()["bindings"]
    assert binding["accepted"] is False
    assert binding["conditions"][0]["reason"] == "PartlyAccepted"
    assert binding["rejected"] == [{"path": "spec.receivers[0].webhookConfigs[1]", "message": "unsupported thing"}]
    assert cluster.config_status("other")["bindings"][0]["accepted"] is True
    said = [one for one in cluster.client.events if one.reason == "InvalidConfiguration"]
    assert any("Alertmanager monitoring/main leaves out: spec.receivers[0]" in one.message for one in said)


async def test_a_bad_route_is_left_out_and_the_others_go_on() -> None:
    routes = [
        {"receiver": "hook", "matchers": [{"name": "a", "value": value, "matchType": "="}]} for value in ("one", "bad", "three")
    ]
    cluster = Cluster(base_secret(BASE), config(**team({"route": {"receiver": "hook", "routes": routes}})))
    cluster.checker.says = without('a=\\"bad\\"')
    await cluster.settle()
    [first] = used(generated(cluster.client))["route"]["routes"]
    assert [one["matchers"] for one in first["routes"]] == [['a="one"'], ['a="three"']]
    assert [one["path"] for one in cluster.status()["quarantined"]] == ["spec.route.routes[1]"]


async def test_two_bad_parts_of_two_kinds_are_both_found() -> None:
    spec = team(
        {
            "receivers": [webhook(), {"name": "second", "webhookConfigs": [{"url": "https://bad.example"}]}],
            "route": {"receiver": "hook", "routes": [{"receiver": "second"}]},
            "inhibitRules": [
                {"sourceMatch": [{"name": "x", "value": "bad-source"}], "targetMatch": [{"name": "y", "value": "z"}]},
                {"sourceMatch": [{"name": "x", "value": "fine"}], "targetMatch": [{"name": "y", "value": "z"}]},
            ],
        }
    )
    cluster = Cluster(base_secret(BASE), config(**spec))
    cluster.checker.says = lambda document: next((word for word in ("bad.example", "bad-source") if word in document), None)
    await cluster.settle()
    paths = {one["path"] for one in cluster.status()["quarantined"]}
    assert {"spec.receivers[1].webhookConfigs[0]", "spec.inhibitRules[0]"} <= paths
    assert "spec.receivers[0]" not in {path[:17] for path in paths}
    text = generated(cluster.client)
    assert "bad" not in text
    assert "fine" in text
    # Alerts of the route without a receiver go to the nearest one above it.
    assert used(text)["route"]["routes"][0]["routes"][0]["receiver"] == "shop/team/hook"


async def test_an_object_that_can_not_be_mended_is_left_out_whole() -> None:
    cluster = Cluster(base_secret(BASE), config("bad", **team()), config("good", **team()))
    cluster.checker.says = without("shop/bad")
    await cluster.settle()
    assert cluster.receivers() == ["all", "shop/good/hook"]
    assert cluster.status()["quarantined"][0]["name"] == "bad"
    assert cluster.config_status("bad")["bindings"][0]["conditions"][0]["reason"] == "InvalidConfiguration"
    assert cluster.config_status("good")["conditions"][0]["status"] == "True"


async def test_of_two_that_do_not_go_together_the_newer_one_waits() -> None:
    cluster = Cluster(base_secret(BASE), config("zoo", **team()))
    cluster.checker.says = lambda text: "they clash" if "shop/zoo" in text and "shop/ape" in text else None
    await cluster.settle()
    cluster.put(config("ape", **team()))
    await cluster.run()
    assert cluster.receivers() == ["all", "shop/zoo/hook"]


async def test_a_quarantine_costs_questions_once() -> None:
    cluster = Cluster(base_secret(BASE), *(config(f"c{number}", **team()) for number in range(20)))
    cluster.checker.says = without("shop/c7/")
    await cluster.settle()
    asked = len(cluster.checker.asked)
    assert asked < 25
    await cluster.run()
    assert len(cluster.checker.asked) == asked
    cluster.put(config("c3", **team({"receivers": [webhook("https://new.example")]})))
    await cluster.run()
    assert len(cluster.checker.asked) == asked + 1
    assert "https://new.example" in cluster.process().text
    assert {one["name"] for one in cluster.status()["quarantined"]} == {"c7"}


async def test_a_mended_object_comes_back() -> None:
    cluster = Cluster(base_secret(BASE), config(**team({"receivers": [webhook("https://bad.example")]})))
    cluster.checker.says = without("bad.example")
    await cluster.settle()
    assert cluster.receivers() == ["all"]
    cluster.put(config(**team()))
    await cluster.run()
    assert cluster.receivers() == ["all", "shop/team/hook"]
    assert "quarantined" not in cluster.status()
    assert cluster.config_status()["bindings"][0]["accepted"] is True


async def test_another_image_is_asked_anew() -> None:
    cluster = Cluster(base_secret(BASE), config(**team({"receivers": [webhook("https://bad.example")]})))
    cluster.checker.says = without("bad.example")
    await cluster.settle()
    cluster.checker.says = lambda document: None
    cluster.put(alertmanager(version="0.32.0"))
    await cluster.run()
    assert cluster.receivers() == ["all", "shop/team/hook"]


async def test_what_we_know_to_be_bad_stays_out_while_the_prover_is_away() -> None:
    cluster = Cluster(base_secret(BASE), config(**team({"receivers": [webhook("https://bad.example")]})))
    cluster.checker.says = without("bad.example")
    await cluster.settle()
    cluster.checker.error = not_ready()
    cluster.put(config("other", **team()))
    await cluster.run()
    cluster.now += 100
    await cluster.run()
    assert cluster.receivers() == ["all", "shop/other/hook"]


async def test_globals_of_the_base_count_when_parts_are_judged() -> None:
    slack = {"name": "hook", "slackConfigs": [{"channel": "a"}, {"channel": "bad"}]}
    base = f"global:\n  slack_api_url: https://slack.example\n{BASE}"
    cluster = Cluster(base_secret(base), config(**team({"receivers": [slack]})))

    def says(document: str) -> str | None:
        if "slack_configs" in document and "slack.example" not in document:
            return "no global Slack API URL set"
        return "bad channel" if "channel: bad" in document else None

    cluster.checker.says = says
    await cluster.settle()
    assert [one["path"] for one in cluster.status()["quarantined"]] == ["spec.receivers[0].slackConfigs[1]"]


# The base


async def test_a_bad_base_keeps_the_last_good_one_and_teams_go_on() -> None:
    cluster = Cluster(base_secret(BASE), config(**team()))
    await cluster.settle()
    cluster.checker.says = without("nonsense", "field nonsense not found")
    cluster.put(base_secret(f"{BASE}nonsense: 1\n"))
    await cluster.run()
    assert cluster.receivers() == ["all", "shop/team/hook"]
    assert verdict(cluster.resource()) == "Failed"
    said = cluster.condition("ConfigAccepted")
    assert said["reason"] == "InvalidConfiguration"
    assert said["message"] == f"spec.configSecret: {CONFIG_FILE}: field nonsense not found; the last good one stays in use"
    assert any("field nonsense not found" in one.message and one.warning for one in cluster.client.events)
    cluster.put(config("other", **team()))
    await cluster.run()
    assert cluster.receivers() == ["all", "shop/other/hook", "shop/team/hook"]
    assert cluster.process().text == generated(cluster.client)
    cluster.put(base_secret(BASE.replace("all", "mended")))
    await cluster.run()
    assert cluster.receivers()[0] == "mended"
    assert verdict(cluster.resource()) == "Current"


async def test_a_bad_base_survives_a_restart_of_the_operator() -> None:
    cluster = Cluster(base_secret(BASE), config(**team()))
    await cluster.settle()
    cluster.put(base_secret("route: 5\n"))
    await cluster.run()
    good = generated(cluster.client)
    cluster.restart()
    cluster.writes()
    await cluster.run()
    assert generated(cluster.client) == good
    assert [one for one in cluster.writes() if one.kind == "Secret"] == []
    assert "what is published stays" in cluster.condition("ConfigLive")["message"]


async def test_the_first_base_may_be_bad_and_teams_are_notified_all_the_same() -> None:
    cluster = Cluster(base_secret("route: ["), config(**team()))
    await cluster.settle()
    assert cluster.receivers() == ["null", "shop/team/hook"]
    assert "is not YAML" in cluster.condition("ConfigAccepted")["message"]
    assert verdict(cluster.resource()) == "Failed"


async def test_a_bad_base_that_goes_in_untouched_is_kept_out() -> None:
    cluster = Cluster(base_secret(BASE), alertmanagerConfigSelector=None)
    await cluster.settle()
    cluster.checker.says = without("nonsense")
    cluster.put(base_secret(f"{BASE}nonsense: 1\n"))
    await cluster.run()
    assert "nonsense" not in generated(cluster.client)
    assert verdict(cluster.resource()) == "Failed"


async def test_a_template_that_can_not_be_parsed_never_reaches_a_process() -> None:
    text = f"{BASE}templates:\n- '*.tmpl'\n"
    files = {"alertmanager_yaml": text, "mail__tmpl": "{{ good }}", "notes__txt": "{{ bad"}
    cluster = Cluster(secret("alertmanager-main", HOME, **files))
    cluster.checker.template = lambda content: "function bad not defined" if "bad" in content else None
    await cluster.settle()
    assert verdict(cluster.resource()) == "Current"
    before = generated(cluster.client)
    cluster.put(secret("alertmanager-main", HOME, **{**files, "mail__tmpl": "{{ bad }}"}))
    await cluster.run()
    assert generated(cluster.client) == before
    assert "template mail.tmpl: function bad not defined" in cluster.condition("ConfigAccepted")["message"]


# An AlertmanagerConfig that is the base


def of_object(**more: Any) -> dict[str, Any]:
    return {"alertmanagerConfiguration": {"name": "base", **more}}


async def test_a_bad_part_of_a_base_object_is_left_out_and_said_in_its_status() -> None:
    receivers = [webhook(), {"name": "second", "webhookConfigs": [{"url": "https://bad.example"}]}]
    base = config("base", HOME, receivers=receivers, route={"receiver": "hook", "routes": [{"receiver": "second"}]})
    cluster = Cluster(base, config(**team()), **of_object())
    cluster.checker.says = without("bad.example")
    await cluster.settle()
    text = generated(cluster.client)
    assert "bad.example" not in text
    assert used(text)["route"]["receiver"] == "monitoring/base/hook"
    [binding] = cluster.config_status("base", HOME)["bindings"]
    assert binding["accepted"] is False
    assert binding["rejected"][0]["path"] == "spec.receivers[1].webhookConfigs[0]"
    assert cluster.config_status()["bindings"][0]["accepted"] is True
    assert verdict(cluster.resource()) == "Current"


async def test_a_base_object_that_goes_keeps_what_is_published() -> None:
    base = config("base", HOME, **team())
    cluster = Cluster(base, **of_object())
    await cluster.settle()
    good = generated(cluster.client)
    cluster.client.objects = {one: found for one, found in cluster.client.objects.items() if one[1] != Key(HOME, "base")}
    await cluster.run()
    assert generated(cluster.client) == good
    cluster.restart()
    await cluster.run()
    assert generated(cluster.client) == good
    assert "AlertmanagerConfig monitoring/base is missing" in cluster.condition("Ready")["message"]
    assert verdict(cluster.resource()) == "Failed"


async def test_a_base_object_is_not_selected_twice() -> None:
    cluster = Cluster(config("base", HOME, **team()), **of_object())
    await cluster.settle()
    assert cluster.receivers() == ["monitoring/base/hook"]
    assert cluster.config_status("base", HOME)["conditions"][0]["status"] == "True"


async def test_mounted_templates_are_reloaded_and_bad_ones_left_out() -> None:
    templates = [{"configMap": {"name": "texts", "key": "mail.tmpl"}}, {"configMap": {"name": "texts", "key": "chat.tmpl"}}]
    base = config("base", HOME, **team())
    cluster = Cluster(base, config_map("texts", HOME, mail__tmpl="1", chat__tmpl="{{ bad"), **of_object(templates=templates))
    cluster.checker.template = without("bad", "unclosed action")
    await cluster.settle()
    assert cluster.written()["templates"][0] == "/etc/alertmanager/templates/mail.tmpl"
    assert "/etc/alertmanager/templates/chat.tmpl" not in cluster.written()["templates"]
    [left] = cluster.status()["quarantined"]
    assert left["path"] == "spec.alertmanagerConfiguration.templates[1]"
    digest = cluster.status()["config"]["live"]
    cluster.put(config_map("texts", HOME, mail__tmpl="2", chat__tmpl="{{ bad"))
    await cluster.run()
    assert cluster.status()["config"]["live"] != digest
    assert cluster.process().text == generated(cluster.client)


# What amtool says


async def test_no_answer_shows_what_a_secret_holds() -> None:
    spec = team({"receivers": [{"name": "hook", "webhookConfigs": [{"urlSecret": {"name": "hook", "key": "url"}}]}]})
    cluster = Cluster(base_secret(BASE), config(**spec), secret("hook", url="https://secret.example"))
    cluster.checker.says = without("secret.example", 'parse "https://secret.example": no')
    await cluster.settle()
    [binding] = cluster.config_status()["bindings"]
    assert binding["rejected"][0]["message"] == 'parse "<secret>": no'
    assert "secret.example" not in str([cluster.resource(), cluster.client.events])


def test_an_answer_is_told_without_what_belongs_to_nobody() -> None:
    said = "Checking '/dev/stdin'  FAILED: undefined receiver \"a\" used in route\n\namtool: error: failed to validate 1 file(s)"
    assert shortened(said) == 'undefined receiver "a" used in route'
    assert shortened("") == "amtool refuses it without a word"
