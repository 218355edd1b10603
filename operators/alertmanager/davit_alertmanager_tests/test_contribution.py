"""What one AlertmanagerConfig adds, what of it is left out, and what others may ask to be left out."""

from __future__ import annotations

from typing import Any

import pytest
from davit.errors import Invalid
from davit.model import Key
from davit.monitoring.assets import Ref
from davit_alertmanager.config import all_references, assemble, contribute, foundation, ordered, template_faults
from davit_alertmanager.model import NOBODY, Contribution, Object, raw

from davit_alertmanager_tests.certificates import pair
from davit_alertmanager_tests.world import (
    HOME,
    Json,
    alertmanager,
    assets,
    base_secret,
    config,
    config_map,
    scope,
    secret,
    selector,
    world,
)

KEYS = secret("keys", url="https://example.com\n", token="t", empty="")
HOOK: Json = {"webhookConfigs": [{"url": "http://a"}]}


def one(
    spec: Json, version: str = "0.33.1", without: dict[str, str] | None = None, namespace: str = "shop", **more: Any
) -> Contribution:
    """What becomes of an object, on a base that notifies nobody."""
    chosen, found = scope(version, **more), assets([KEYS, secret("keys", HOME, token="t")])
    return contribute(chosen, foundation(chosen, NOBODY, found).facts, config("team", namespace, **spec), found, without or {})


def integration(kind: str, given: Json, version: str = "0.33.1") -> Contribution:
    return one({"route": {"receiver": "x"}, "receivers": [{"name": "x", kind: [given]}]}, version)


def by_http(given: Json) -> Json:
    return {"url": "http://a", "httpConfig": given}


WECHAT: Json = {"apiSecret": selector("keys", "token"), "corpID": "c"}
MAIL: Json = {"to": "a", "from": "b", "smarthost": "c:1"}
OAUTH2: Json = {"clientId": {"secret": selector("keys", "empty")}, "clientSecret": selector("keys", "token"), "tokenUrl": "u"}
FAULTS: list[tuple[str, Json, str, str]] = [
    ("slackConfigs", {}, "apiURL", "is missing, and there is no global one"),
    ("slackConfigs", {"apiURL": selector("keys", "empty")}, "apiURL", "is empty"),
    ("slackConfigs", {"apiURL": selector("keys", "token")}, "apiURL", "is not a URL"),
    ("slackConfigs", {"apiURL": selector("keys", "url"), "updateMessage": True}, "updateMessage", "chat.postMessage"),
    ("slackConfigs", {"apiURL": selector("keys", "url"), "fields": [{"title": "x"}]}, "fields[0].value", "is missing"),
    ("slackConfigs", {"apiURL": selector("keys", "url"), "channel": 5}, "channel", "string"),
    ("webhookConfigs", {"url": ""}, "url", "is missing"),
    ("webhookConfigs", {"url": "{{ .X"}, "url", "}}"),
    ("webhookConfigs", {"url": "http://a", "timeout": "soon"}, "timeout", "is not a duration"),
    ("webexConfigs", {"roomID": "r"}, "httpConfig.authorization", "is missing"),
    ("wechatConfigs", {"apiSecret": selector("keys", "token")}, "corpID", "is missing"),
    ("wechatConfigs", {**WECHAT, "messageType": "html"}, "messageType", "text or markdown"),
    ("opsgenieConfigs", {}, "apiKey", "is missing"),
    ("victoropsConfigs", {"routingKey": "x"}, "apiKey", "is missing"),
    ("victoropsConfigs", {"apiKey": selector("keys", "token")}, "routingKey", "is missing"),
    ("pagerdutyConfigs", {"routingKey": selector("keys", "empty")}, "routingKey", "is missing or empty"),
    ("pushoverConfigs", {"userKey": selector("keys", "token")}, "token", "is missing or empty"),
    ("pushoverConfigs", {"userKeyFile": "/etc/x", "token": selector("keys", "token")}, "userKeyFile", "own namespace"),
    ("telegramConfigs", {"chatID": 1}, "botToken", "is missing"),
    ("telegramConfigs", {"chatID": 1, "botTokenFile": "/etc/x"}, "botTokenFile", "own namespace"),
    ("telegramConfigs", {"chatID": 1, "botToken": selector("keys", "empty")}, "botToken", "is empty"),
    ("discordConfigs", {}, "apiURL", "is missing"),
    ("msteamsConfigs", {}, "webhookUrl", "is missing"),
    ("msteamsv2Configs", {}, "webhookURL", "is missing"),
    ("rocketchatConfigs", {"token": selector("keys", "token")}, "tokenID", "is missing"),
    ("emailConfigs", {"to": "a", "from": "b"}, "smarthost", "is missing"),
    ("emailConfigs", {"to": "a", "smarthost": "b:1"}, "from", "is missing"),
    (
        "emailConfigs",
        {**MAIL, "threading": {"threadByDate": "Daily"}, "headers": [{"key": "References", "value": ""}]},
        "headers[0].key",
        "threading",
    ),
    ("snsConfigs", {"targetARN": "a", "sigv4": {"externalId": "e"}}, "sigv4.roleArn", ""),
    ("webhookConfigs", by_http({"authorization": {}}), "httpConfig.authorization.credentials", "is missing"),
    (
        "webhookConfigs",
        by_http({"authorization": {"type": "basic", "credentials": selector("keys", "token")}}),
        "httpConfig.authorization.type",
        "basicAuth",
    ),
    ("webhookConfigs", by_http({"proxyURL": "x", "proxyFromEnvironment": True}), "httpConfig.proxyFromEnvironment", ""),
    ("webhookConfigs", by_http({"proxyURL": "http://p:1", "noProxy": "a"}), "httpConfig.noProxy", "proxyUrl"),
    (
        "webhookConfigs",
        by_http({"proxyURL": "http://p:1", "proxyConnectHeader": {"X": [selector("keys", "token")]}}),
        "httpConfig.proxyConnectHeader",
        "proxyUrl",
    ),
    ("webhookConfigs", by_http({"proxyURL": "a\nb"}), "httpConfig.proxyURL", "control characters"),
    (
        "webhookConfigs",
        by_http({"oauth2": OAUTH2}),
        "httpConfig.oauth2.clientId",
        "is empty",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "given", "field", "message"), FAULTS)
def test_what_alertmanager_would_refuse_is_a_fault_with_its_path(kind: str, given: Json, field: str, message: str) -> None:
    found = integration(kind, given)
    (fault, *rest) = found.faults
    where = f"spec.receivers[0].{kind}[0]"
    wanted = "sigv4.externalId" if field == "sigv4.roleArn" else field
    assert fault.path in (f"{where}.{wanted}", f"{where}.{field}")
    assert message in fault.message
    assert {one.path.split(".")[1].split("[")[0] for one in rest} == {"route"}
    assert not found.sections.receivers


TOO_NEW = [("msteamsConfigs", "0.26.0"), ("msteamsv2Configs", "0.28.0"), ("rocketchatConfigs", "0.28.0")]


@pytest.mark.parametrize(("kind", "since"), TOO_NEW)
def test_an_integration_that_the_version_lacks_is_a_fault(kind: str, since: str) -> None:
    (fault, *_) = integration(kind, {}, "0.25.0").faults
    assert fault.path == f"spec.receivers[0].{kind}[0]"
    assert fault.message.startswith(f"needs Alertmanager {since}, this is 0.25.0")


SLACK: Json = {"apiURL": selector("keys", "url")}
TOO_NEW_FIELDS: list[tuple[str, Json, str, str]] = [
    ("emailConfigs", {**MAIL, "threading": {"threadByDate": "Daily"}}, "threading", "0.30.0"),
    ("emailConfigs", {**MAIL, "forceImplicitTLS": False}, "forceImplicitTLS", "0.31.0"),
    ("slackConfigs", {**SLACK, "messageText": ""}, "messageText", "0.31.0"),
    ("slackConfigs", {**SLACK, "updateMessage": False}, "updateMessage", "0.32.0"),
    ("webhookConfigs", {"url": "http://a", "payload": "x"}, "payload", "0.32.0"),
    ("snsConfigs", {"topicARN": "a", "useAWSHTTPClient": False}, "useAWSHTTPClient", "0.33.0"),
]


@pytest.mark.parametrize(("kind", "given", "field", "since"), TOO_NEW_FIELDS)
def test_a_field_without_which_something_else_would_be_sent_is_a_fault_where_the_version_lacks_it(
    kind: str, given: Json, field: str, since: str
) -> None:
    (fault, *_) = integration(kind, given, "0.29.0").faults
    assert fault.path == f"spec.receivers[0].{kind}[0].{field}"
    assert fault.message.startswith(f"needs Alertmanager {since}, this is 0.29.0")
    assert not integration(kind, given, since).faults


def test_what_the_version_lacks_is_not_held_against_what_goes_without_it() -> None:
    proxy = integration("webhookConfigs", by_http({"proxyURL": "http://p:1", "proxyFromEnvironment": True}), "0.25.0")
    assert not proxy.faults
    assert proxy.sections.receivers[0]["webhook_configs"][0]["http_config"] == {"proxy_url": "http://p:1"}
    role = integration("snsConfigs", {"topicARN": "a", "sigv4": {"roleArn": "", "externalId": "e"}}, "0.32.0")
    assert not role.faults
    assert [said.split(" is ")[0] for said in role.ignored] == ["spec.receivers[0].snsConfigs[0].sigv4.externalId"]


def test_one_bad_integration_leaves_the_receivers_others() -> None:
    spec: Json = {
        "route": {"receiver": "x"},
        "receivers": [{"name": "x", **HOOK, "slackConfigs": [{}, {"apiURL": selector("keys", "url")}]}],
    }
    found = one(spec)
    assert [fault.path for fault in found.faults] == ["spec.receivers[0].slackConfigs[0].apiURL"]
    (receiver,) = found.sections.receivers
    assert receiver == {
        "name": "shop/team/x",
        "slack_configs": [{"api_url": "https://example.com"}],
        "webhook_configs": [{"url": "http://a"}],
    }


def test_a_receiver_of_no_integrations_is_silent_and_no_fault() -> None:
    found = one({"route": {"receiver": "x"}, "receivers": [{"name": "x"}]})
    assert not found.faults
    assert found.receivers == ("x",)


def test_files_are_for_objects_beside_the_alertmanager() -> None:
    given = {"chatID": 1, "botTokenFile": "/etc/alertmanager/secrets/bot/token"}
    spec: Json = {"route": {"receiver": "x"}, "receivers": [{"name": "x", "telegramConfigs": [given]}]}
    assert one(spec, namespace=HOME).sections.receivers
    assert not one(spec).sections.receivers


def test_without_a_route_only_inhibition_counts_and_the_rest_is_said() -> None:
    rule = {"sourceMatch": [{"name": "a", "value": "b"}]}
    found = one({"receivers": [{"name": "x"}], "muteTimeIntervals": [{"name": "t"}], "inhibitRules": [rule]})
    assert found.sections.inhibit_rules
    assert not found.sections.receivers
    assert [said.split(" is ")[0] for said in found.ignored] == ["spec.receivers", "spec.muteTimeIntervals"]


@pytest.mark.parametrize("spec", [None, {}, "text", []])
def test_an_object_of_nothing_adds_nothing(spec: Any) -> None:
    chosen = scope()
    found = contribute(chosen, foundation(chosen, NOBODY, assets([])).facts, {**config(), "spec": spec}, assets([]))
    assert not found.faults
    assert not any(found.texts.values())


ROUTE_FAULTS: list[tuple[Json, str]] = [
    ({"receiver": "y"}, "spec.route.receiver"),
    ({}, "spec.route.receiver"),
    ({"receiver": "x", "groupBy": ["..."] * 2}, "spec.route.groupBy"),
    ({"receiver": "x", "groupBy": [""]}, "spec.route.groupBy[0]"),
    ({"receiver": "x", "groupWait": "x"}, "spec.route.groupWait"),
    ({"receiver": "x", "muteTimeIntervals": ["t"]}, "spec.route.muteTimeIntervals[0]"),
    ({"receiver": "x", "routes": "x"}, "spec.route.routes"),
    (
        {"receiver": "x", "routes": [{"matchers": [{"name": "a", "matchType": "~"}]}]},
        "spec.route.routes[0].matchers[0].matchType",
    ),
    ({"receiver": "x", "matchers": [{"name": ""}]}, "spec.route.matchers[0].name"),
    ({"receiver": 5}, "spec.route.receiver"),
]


@pytest.mark.parametrize(("route", "path"), ROUTE_FAULTS)
def test_faults_of_routes_have_their_path(route: Json, path: str) -> None:
    found = one({"route": route, "receivers": [{"name": "x", **HOOK}]})
    assert found.faults[0].path == path


def test_a_zero_interval_is_said_and_left_to_the_parent() -> None:
    found = one({"route": {"receiver": "x", "groupInterval": "0s", "groupWait": "0s"}, "receivers": [{"name": "x"}]})
    assert found.ignored == ("spec.route.groupInterval is ignored by Alertmanager 0.33.1: must be longer than 0",)
    assert found.sections.routes[0]["group_wait"] == "0s"


def test_a_route_whose_active_times_are_partly_lost_is_always_active() -> None:
    times = [{"name": "good"}, {"name": "bad", "timeIntervals": [{"years": ["x"]}]}]
    found = one(
        {
            "route": {"receiver": "x", "activeTimeIntervals": ["good", "bad"]},
            "receivers": [{"name": "x"}],
            "muteTimeIntervals": times,
        }
    )
    assert "active_time_intervals" not in found.sections.routes[0]


def test_both_spellings_of_time_intervals_are_read_in_either_version() -> None:
    route = {"receiver": "x", "muteTimeIntervals": ["a", "b"]}
    found = one(
        {"route": route, "receivers": [{"name": "x"}], "muteTimeIntervals": [{"name": "a"}], "timeIntervals": [{"name": "b"}]}
    )
    assert found.sections.routes[0]["mute_time_intervals"] == ["shop/team/a", "shop/team/b"]


WHOLE: Json = {
    "route": {"receiver": "x", "routes": [{"receiver": "y", "routes": [{"receiver": "x"}]}]},
    "receivers": [{"name": "x", **HOOK}, {"name": "y", **HOOK, "emailConfigs": [{"to": "a", "from": "b", "smarthost": "c:1"}]}],
    "inhibitRules": [{"equal": ["a"]}],
    "timeIntervals": [{"name": "t"}],
}


def test_parts_name_everything_that_can_be_left_out() -> None:
    assert set(one(WHOLE).parts) == {
        "spec.inhibitRules[0]",
        "spec.receivers[0].webhookConfigs[0]",
        "spec.receivers[1].webhookConfigs[0]",
        "spec.receivers[1].emailConfigs[0]",
        "spec.timeIntervals[0]",
        "spec.route",
        "spec.route.routes[0]",
        "spec.route.routes[0].routes[0]",
    }


@pytest.mark.parametrize("path", [*one(WHOLE).parts, "spec.receivers[0]"])
def test_any_part_can_be_left_out_with_a_reason(path: str) -> None:
    found = one(WHOLE, without={path: "amtool says no"})
    assert (path, "amtool says no") in [(fault.path, fault.message) for fault in found.faults]
    assert path not in found.parts


def test_unknown_fields_are_said_at_every_depth() -> None:
    route = {"receiver": "x", "new": 1, "routes": [{"newer": 1, "routes": [{"newest": 1}]}]}
    found = one(
        {"route": route, "receivers": [{"name": "x", "smsConfigs": [], "webhookConfigs": [{"url": "http://a", "verb": "PUT"}]}]}
    )
    assert {said.split(" is ")[0] for said in found.ignored} == {
        "spec.route.new",
        "spec.route.routes[0].newer",
        "spec.route.routes[0].routes[0].newest",
        "spec.receivers[0].smsConfigs",
        "spec.receivers[0].webhookConfigs[0].verb",
    }


def test_files_of_an_integration_that_fails_are_not_mounted() -> None:
    certificate, _ = pair()
    tls = {"tlsConfig": {"ca": {"secret": selector("tls", "ca")}}}
    spec: Json = {
        "route": {"receiver": "x"},
        "receivers": [
            {
                "name": "x",
                "webhookConfigs": [{"url": "http://a", "httpConfig": tls}],
                "webexConfigs": [{"roomID": "r", "httpConfig": tls}],
            }
        ],
    }
    found = world(config(**spec), secret("tls", ca=certificate)).rendered()
    assert dict(found.files) == {"0_shop_tls_ca": certificate.encode()}
    bad: Json = {**spec, "receivers": [{"name": "x", "webexConfigs": [{"roomID": "r", "httpConfig": tls}]}]}
    assert not world(config(**bad), secret("tls", ca=certificate)).rendered().files


def test_a_key_of_another_pair_is_a_fault() -> None:
    certificate, _ = pair()
    tls = {"cert": {"secret": selector("tls", "crt")}, "keySecret": selector("tls", "crt")}
    given = {"url": "http://a", "httpConfig": {"tlsConfig": tls}}
    spec: Json = {"route": {"receiver": "x"}, "receivers": [{"name": "x", "webhookConfigs": [given]}]}
    (found,) = world(config(**spec), secret("tls", crt=certificate)).rendered().configs.values()
    assert found.faults[0].path == "spec.receivers[0].webhookConfigs[0].httpConfig.tlsConfig.keySecret"


def test_references_name_every_secret_and_config_map() -> None:
    base = config("base", HOME, receivers=[{"name": "x", "slackConfigs": [{"apiURL": selector("slack")}]}])
    team = config(
        receivers=[
            {"name": "x", "webhookConfigs": [{"httpConfig": {"oauth2": {"clientId": {"configMap": selector("client")}}}}]},
            "odd",
        ]
    )
    configuration = {
        "name": "base",
        "global": {"smtp": {"authPassword": selector("mail")}},
        "templates": [{"configMap": selector("tmpl")}, {}],
    }
    instance = world(alertmanager(alertmanagerConfiguration=configuration)).instance
    assert all_references(instance, Object(base), [team]) == {
        Ref("Secret", HOME, "slack", "key"),
        Ref("ConfigMap", "shop", "client", "key"),
        Ref("Secret", HOME, "mail", "key"),
        Ref("ConfigMap", HOME, "tmpl", "key"),
    }


def test_missing_templates_are_said() -> None:
    templates = [{"configMap": selector("there")}, {"secret": selector("gone")}, {}]
    instance = world(alertmanager(alertmanagerConfiguration={"name": "base", "templates": templates})).instance
    found = template_faults(instance, assets([config_map("there", HOME, key="x")]))
    assert [fault.path for fault in found] == [f"spec.alertmanagerConfiguration.templates[{index}]" for index in (1, 2)]


def test_the_order_of_objects_never_changes_the_text() -> None:
    configs = [config(name, namespace, **WHOLE) for name in ("b", "a") for namespace in ("shop", "bank")]
    assert world(*configs).rendered().text == world(*reversed(configs)).rendered().text
    assert [one["metadata"]["namespace"] for one in ordered(configs)] == ["bank", "bank", "shop", "shop"]


def test_remembered_contributions_make_the_same_text() -> None:
    configs = [config(name, **WHOLE) for name in ("a", "b")]
    chosen, found = scope(), assets([])
    ground = foundation(chosen, NOBODY, found)
    parts = [contribute(chosen, ground.facts, one, found) for one in configs]
    assert assemble(ground, parts).text == world(*configs).rendered().text


BASES = [
    ("route: {}\nreceivers: []", "route has no receiver"),
    ("receivers: []", "has no route"),
    ("route: {receiver: x, matchers: ['a=b']}", "route must not have matchers"),
    ("route: {receiver: x, match: {a: b}}", "route must not have match"),
    ("route: {receiver: x, continue: true}", "route must not have continue"),
    ("route: {receiver: x, mute_time_intervals: [a]}", "route must not have mute_time_intervals"),
    ("route: {receiver: x}\nreceivers: {a: b}", "receivers must be a list"),
    ("route: {receiver: x, routes: {a: b}}", "routes must be a list"),
]


@pytest.mark.parametrize(("text", "message"), BASES)
def test_a_text_that_nothing_can_be_added_to_is_told(text: str, message: str) -> None:
    with pytest.raises(Invalid, match=f"spec.configSecret: alertmanager.yaml.*{message}"):
        world(base_secret(text)).rendered()


def test_without_a_selector_the_text_goes_in_untouched() -> None:
    text = "route: {receiver: x} # mine, and $(POD_NAME)\n"
    found = world(alertmanager(alertmanagerConfigSelector=None), base_secret(text), config(**WHOLE)).rendered()
    assert found.text == text
    assert found.config is None
    assert "$(POD_NAME)" in found.ignored[0]


def test_an_empty_text_notifies_nobody() -> None:
    assert raw("") == NOBODY
    found = world().rendered()
    assert found.config == {"route": {"receiver": "null"}, "receivers": [{"name": "null"}], "templates": []}


OBJECTS: list[tuple[Json, str]] = [
    ({}, "has no spec.route"),
    ({"route": {}}, "has no spec.route.receiver"),
    ({"route": {"receiver": "x"}}, "'x' is not among spec.receivers"),
]


@pytest.mark.parametrize(("spec", "message"), OBJECTS)
def test_an_object_that_nothing_can_be_added_to_is_told(spec: Json, message: str) -> None:
    with pytest.raises(Invalid, match=f"spec.alertmanagerConfiguration.name: monitoring/base.*{message}"):
        world(alertmanager(alertmanagerConfiguration={"name": "base"}), config("base", HOME, **spec)).rendered()


def test_a_default_receiver_that_cannot_be_used_is_silent_and_loudly_said() -> None:
    spec: Json = {
        "route": {"receiver": "x", "routes": [{"receiver": "y"}]},
        "receivers": [{"name": "x", "slackConfigs": [{}]}, {"name": "y", **HOOK}],
    }
    found = world(alertmanager(alertmanagerConfiguration={"name": "base"}), config("base", HOME, **spec)).rendered()
    assert found.silenced
    assert found.config is not None
    assert found.config["route"] == {"receiver": "monitoring/base/x", "routes": [{"receiver": "monitoring/base/y"}]}
    assert {"name": "monitoring/base/x"} in found.config["receivers"]
    assert "notify nobody" in str(found.faults[-1])


def test_parts_of_the_base_can_be_left_out_too() -> None:
    resources = (alertmanager(alertmanagerConfiguration={"name": "base"}), config("base", HOME, **WHOLE))
    path = "spec.route.routes[0]"
    found = world(*resources).rendered({Key(HOME, "base"): {path: "no"}})
    assert f"AlertmanagerConfig monitoring/base {path}: no" in [str(fault) for fault in found.faults]


def test_global_settings_that_are_bad_cost_only_themselves() -> None:
    section = {
        "slackApiUrl": selector("keys", "bad"),
        "opsGenieApiKey": selector("keys"),
        "pagerdutyUrl": "ftp://x",
        "smtp": {"from": "a", "smartHost": {"host": "h"}},
        "httpConfig": {"proxyUrl": "http://p", "proxyFromEnvironment": True},
        "victorops": {"apiKey": selector("keys", "none"), "apiURL": "http://v"},
        "mattermost": {"webhookURL": selector("keys")},
    }
    spec: Json = {"route": {"receiver": "x"}, "receivers": [{"name": "x"}]}
    chosen = alertmanager(version="0.31.0", alertmanagerConfiguration={"name": "base", "global": section})
    found = world(chosen, config("base", HOME, **spec), secret("keys", HOME, key="k", bad="nowhere")).rendered()
    assert found.config is not None
    assert found.config["global"] == {"opsgenie_api_key": "k", "victorops_api_url": "http://v"}
    assert [fault.path.removeprefix("spec.alertmanagerConfiguration.global.") for fault in found.faults] == [
        "httpConfig.proxyFromEnvironment",
        "smtp.smartHost",
        "slackApiUrl",
        "pagerdutyUrl",
        "victorops.apiKey",
    ]
    assert found.ignored == ("spec.alertmanagerConfiguration.global.mattermost is ignored by Alertmanager 0.31.0: needs 0.32.0",)


def test_mails_go_without_certificates_that_the_version_has_no_use_for() -> None:
    section = {"smtp": {"from": "a", "tlsConfig": {"ca": {"secret": selector("nowhere")}}}}
    chosen = alertmanager(version="0.27.0", alertmanagerConfiguration={"name": "base", "global": section})
    made = world(chosen, config("base", HOME, route={"receiver": "x"}, receivers=[{"name": "x"}])).rendered()
    assert not made.faults
    assert "smtp_from: a" in made.text
    assert made.ignored == (
        "spec.alertmanagerConfiguration.global.smtp.tlsConfig is ignored by Alertmanager 0.27.0: needs 0.28.0",
    )


def test_objects_may_rely_on_the_bases_global_settings() -> None:
    section = "{slack_api_url: 'http://s', smtp_smarthost: 'a:1', smtp_from: b, opsgenie_api_key: k}"
    text = f"global: {section}\nroute: {{receiver: x}}\nreceivers: [{{name: x}}]"
    spec: Json = {
        "route": {"receiver": "x"},
        "receivers": [{"name": "x", "slackConfigs": [{}], "emailConfigs": [{"to": "a"}], "opsgenieConfigs": [{}]}],
    }
    (found,) = world(base_secret(text), config(**spec)).rendered().configs.values()
    assert not found.faults
