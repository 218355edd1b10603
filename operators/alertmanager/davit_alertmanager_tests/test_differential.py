"""Our configuration and prometheus-operator's, for the same resources, are the same by meaning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args, get_origin

import pytest
import yaml
from davit.model import Manifest
from davit_alertmanager.api import v1, v1alpha1, v1beta1
from davit_alertmanager.api.convert import convert
from davit_alertmanager.model import Rendered
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from davit_alertmanager_tests import strategies, upstream
from davit_alertmanager_tests.certificates import pair
from davit_alertmanager_tests.strategies import CONFIG_KEYS, CONFIG_MAP, KEYS, SECRET, VERSIONS
from davit_alertmanager_tests.upstream import Upstream, differences, plain
from davit_alertmanager_tests.world import HOME, Json, World, alertmanager, base_secret, config, config_map, secret

pytestmark = pytest.mark.differential

BASE = """
global: {resolve_timeout: 300s, slack_api_url: 'https://hooks.slack.com/x', smtp_smarthost: 'mail:25', smtp_from: a@b}
route:
  receiver: default
  group_by: [job]
  routes:
  - {receiver: default, matchers: ['severity = "critical"'], continue: true}
  - {receiver: other, match: {team: a}, continue: false, routes: []}
receivers:
- name: default
  webhook_configs: [{url: 'http://a', send_resolved: no, timeout: 90s}]
- name: other
  email_configs: [{to: me, headers: {Subject: x}, require_tls: false}]
inhibit_rules:
- {source_matchers: ['a="b"'], target_match: {c: d}, equal: [e]}
mute_time_intervals:
- name: weekends
  time_intervals: [{weekdays: ['Saturday', 'sunday'], months: ['january:march'], times: [{start_time: 09:00, end_time: 17:00}]}]
time_intervals:
- {name: t, time_intervals: [{years: ['2026'], location: Europe/Berlin}]}
templates: [/etc/alertmanager/config/*.tmpl]
"""


@pytest.fixture(scope="module")
def ask() -> Iterator[Upstream]:
    """prometheus-operator."""
    with upstream.upstream() as running:
        yield running


def common(namespace: str) -> list[Manifest]:
    """The Secrets and the ConfigMap that every namespace has."""
    certificate, key = pair()
    return [
        secret(SECRET, namespace, **KEYS),
        secret("tls", namespace, crt=certificate, key=key),
        config_map(CONFIG_MAP, namespace, **CONFIG_KEYS, ca=certificate),
    ]


def expected(text: str) -> Any:
    """Upstream's configuration without what Alertmanager refuses or what says nothing."""
    found = plain(text)
    for receiver in found.get("receivers") or ():
        for one in receiver.get("rocketchat_configs") or ():
            for key in ("short_fields", "link_names"):
                if not one[key]:
                    del one[key]
            for item in one.get("fields") or ():
                if item["short"] is None:
                    del item["short"]
            for action in one.get("actions") or ():
                del action["is_webview"], action["msg_in_chat_window"]
    return found


def ours(rendered: Rendered) -> Any:
    """Our configuration; upstream leaves `short: false` of a Slack field out even where it means something."""
    found = plain(rendered.text)
    for receiver in found.get("receivers") or ():
        for one in receiver.get("slack_configs") or ():
            for item in one.get("fields") or ():
                if item.get("short") is False:
                    del item["short"]
    return found


def compare(ask: Upstream, documents: list[Manifest]) -> None:
    """Assert that both make the same of what upstream accepts, and that we say why of the rest."""
    said = ask(documents)
    whole = World(tuple(documents))
    rendered = whole.rendered()
    for key, reason in said["rejected"].items():
        found = next(one for one in rendered.configs.values() if str(one.key) == key)
        assert found.faults, (key, reason)
    assert not said.get("error"), said["error"]
    accepted = [one for one in documents if one["kind"] != "AlertmanagerConfig" or _name(one) not in said["rejected"]]
    rendered = World(tuple(accepted)).rendered()
    assert not [fault for one in rendered.configs.values() for fault in one.faults]
    assert not rendered.faults
    assert not differences(ours(rendered), expected(said["config"]))
    assert sorted(rendered.files) == sorted(said["tls"])


def _name(one: Manifest) -> str:
    return f"{one['metadata']['namespace']}/{one['metadata']['name']}"


many = settings(
    deadline=None,
    max_examples=100,
    phases=[Phase.explicit, Phase.generate],  # shrinking takes minutes, and the failing resources are printed anyway
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize("kind", sorted(strategies.INTEGRATIONS))
@pytest.mark.parametrize("version", VERSIONS)
def test_every_integration_is_written_as_upstream_writes_it(ask: Upstream, kind: str, version: str) -> None:
    @settings(many, max_examples=40)
    @given(strategies.INTEGRATIONS[kind])
    def check(integration: Json) -> None:
        spec: Json = {"route": {"receiver": "one"}, "receivers": [{"name": "one", kind: [integration]}]}
        compare(ask, [alertmanager(version=version), config("team", "shop", **spec), *common("shop")])

    check()


@pytest.mark.parametrize("version", VERSIONS)
def test_whole_objects_are_merged_as_upstream_merges_them(ask: Upstream, version: str) -> None:
    @many
    @given(
        strategies.strategies_of_matching,
        st.lists(st.tuples(st.sampled_from(["shop", "bank", HOME]), strategies.specs()), max_size=3),
        st.booleans(),
    )
    def check(strategy: str | None, found: list[tuple[str, Json]], plain_base: bool) -> None:
        configs = [config(f"team-{number}", namespace, **spec) for number, (namespace, spec) in enumerate(found)]
        matching = {"type": strategy} if strategy else None
        base = [] if plain_base else [base_secret(BASE)]
        chosen = alertmanager(version=version, alertmanagerConfigMatcherStrategy=matching)
        compare(ask, [chosen, *base, *configs, *common("shop"), *common("bank"), *common(HOME)])

    check()


@pytest.mark.parametrize("version", VERSIONS)
def test_an_object_as_the_base_is_read_as_upstream_reads_it(ask: Upstream, version: str) -> None:
    @settings(many, max_examples=60)
    @given(strategies.specs(), strategies.global_configs, strategies.specs())
    def check(base: Json, section: Json, other: Json) -> None:
        for unwanted in ("continue", "matchers", "muteTimeIntervals", "activeTimeIntervals"):
            base["route"].pop(unwanted, None)
        templates = [{"configMap": {"name": CONFIG_MAP, "key": "client"}}, {"secret": {"name": SECRET, "key": "user"}}]
        chosen = alertmanager(
            version=version, alertmanagerConfiguration={"name": "base", "global": section, "templates": templates}
        )
        documents = [chosen, config("base", HOME, **base), config("team", "shop", **other), *common("shop"), *common(HOME)]
        said = ask(documents)
        if said.get("error"):
            rendered = World(tuple(documents)).rendered()
            assert rendered.faults or rendered.ignored, said["error"]
        else:
            compare(ask, documents)

    check()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_text_with_everything_in_it_is_read_as_upstream_reads_it(ask: Upstream, version: str) -> None:
    """What upstream writes of objects for the newest version is a text of every field: it is then the base."""

    @settings(many, max_examples=60)
    @given(strategies.specs(), strategies.global_configs)
    def check(spec: Json, section: Json) -> None:
        for unwanted in ("continue", "matchers", "muteTimeIntervals", "activeTimeIntervals"):
            spec["route"].pop(unwanted, None)
        made = alertmanager(alertmanagerConfiguration={"name": "base", "global": section}, alertmanagerConfigSelector=None)
        first = ask([made, config("base", HOME, **spec), *common(HOME)])
        text = yaml.safe_dump(expected(first["config"])) if first["config"] else BASE
        documents = [alertmanager(version=version), base_secret(text), *common(HOME)]
        if not ask(documents).get("error"):
            compare(ask, documents)

    check()


def test_both_versions_of_an_object_mean_the_same(ask: Upstream) -> None:
    @many
    @given(strategies.specs(beta=True))
    def check(spec: Json) -> None:
        beta = convert(config("team", "shop", **spec), "monitoring.coreos.com/v1beta1")
        assert "muteTimeIntervals" not in beta["spec"]
        compare(ask, [alertmanager(), beta, *common("shop")])

    check()


TLS = {
    "ca": {"configMap": {"name": CONFIG_MAP, "key": "ca"}},
    "cert": {"secret": {"name": "tls", "key": "crt"}},
    "keySecret": {"name": "tls", "key": "key"},
    "serverName": "example",
}


def test_certificates_are_mounted_and_named_as_upstream_does(ask: Upstream) -> None:
    oauth2 = {
        "clientId": {"secret": {"name": SECRET, "key": "user"}},
        "clientSecret": {"name": SECRET, "key": "token"},
        "tokenUrl": "https://id/token",
        "tlsConfig": {"ca": {"secret": {"name": "tls", "key": "crt"}}},
    }
    receivers = [
        {"name": "one", "webhookConfigs": [{"url": "https://a", "httpConfig": {"tlsConfig": TLS, "oauth2": oauth2}}]},
        {"name": "two", "emailConfigs": [{"to": "a", "from": "b", "smarthost": "c:25", "tlsConfig": {"ca": TLS["ca"]}}]},
    ]
    spec: Json = {"route": {"receiver": "one"}, "receivers": receivers}
    compare(ask, [alertmanager(), config("a", "shop", **spec), config("b", "bank", **spec), *common("shop"), *common("bank")])


UNTOUCHED = "global: {resolve_timeout: 300s}\nroute: {receiver: x}\nreceivers: [{name: x}] # mine\n"
CASES: dict[str, list[Manifest]] = {
    "no base": [alertmanager()],
    "empty base": [alertmanager(), base_secret("")],
    "no selector": [alertmanager(alertmanagerConfigSelector=None), base_secret(UNTOUCHED)],
    "another secret": [alertmanager(configSecret="mine"), secret("mine", HOME, alertmanager_yaml=UNTOUCHED)],
    "only inhibition": [alertmanager(), config(inhibitRules=[{"sourceMatch": [{"name": "a", "value": "b"}]}])],
    "namespace given already": [
        alertmanager(),
        config(
            route={"receiver": "x", "matchers": [{"name": "namespace", "value": "shop", "matchType": "="}]},
            receivers=[{"name": "x"}],
            inhibitRules=[{"sourceMatch": [{"name": "namespace", "value": "shop", "matchType": "="}], "equal": ["a"]}],
        ),
    ],
    "order of names": [
        alertmanager(),
        *(
            config(name, namespace, route={"receiver": "x"}, receivers=[{"name": "x"}])
            for name, namespace in (("b", "shop"), ("a", "shop"), ("z", "shop-a"), ("a", "zoo"), ("a-b", "shop"))
        ),
    ],
    "several of one kind": [
        alertmanager(),
        config(
            route={"receiver": "x"},
            receivers=[{"name": "x", "webhookConfigs": [{"url": "http://a"}, {"url": "http://b", "sendResolved": False}]}],
        ),
    ],
    "utf-8 in values": [
        alertmanager(),
        config(
            route={"receiver": "ü", "matchers": [{"name": "team", "value": "größe\\d+", "matchType": "=~"}]},
            receivers=[{"name": "ü"}],
        ),
    ],
    "zero intervals": [
        alertmanager(),
        config(
            route={"receiver": "x", "groupWait": "0s", "groupInterval": "0", "repeatInterval": "0s"}, receivers=[{"name": "x"}]
        ),
    ],
}


@pytest.mark.parametrize("case", CASES)
def test_what_the_operator_would_do_is_done(ask: Upstream, case: str) -> None:
    compare(ask, [*CASES[case], *common("shop")])


def missing(name: str = "nowhere") -> Json:
    return {"name": name, "key": "token"}


BAD: dict[str, Json] = {
    "missing secret": {"slackConfigs": [{"apiURL": missing()}]},
    "missing key": {"slackConfigs": [{"apiURL": {"name": SECRET, "key": "none"}}]},
    "no url": {"webhookConfigs": [{}]},
    "bad url": {"webhookConfigs": [{"url": "ftp://a"}]},
    "bad address": {"emailConfigs": [{"to": "a", "from": "b", "smarthost": "nowhere"}]},
    "no recipient": {"emailConfigs": [{"from": "b", "smarthost": "a:1"}]},
    "double header": {
        "emailConfigs": [
            {
                "to": "a",
                "from": "b",
                "smarthost": "a:1",
                "headers": [{"key": "A", "value": ""}, {"key": "a", "value": ""}],
            }
        ]
    },
    "two methods": {
        "webhookConfigs": [{"url": "http://a", "httpConfig": {"basicAuth": {}, "bearerTokenSecret": missing(SECRET)}}]
    },
    "reserved field": {
        "victoropsConfigs": [{"apiKey": missing(SECRET), "routingKey": "a", "customFields": [{"key": "entity_id", "value": "x"}]}]
    },
    "no keys": {"pagerdutyConfigs": [{}]},
    "no chat": {"telegramConfigs": [{"botToken": missing(SECRET)}]},
    "html and monospace": {
        "pushoverConfigs": [{"userKey": missing(SECRET), "token": missing(SECRET), "html": True, "monospace": True}]
    },
    "half a key": {"snsConfigs": [{"topicARN": "a", "sigv4": {"accessKey": missing(SECRET)}}]},
    "two targets": {"snsConfigs": [{"topicARN": "a", "phoneNumber": "b"}]},
    "no responder": {"opsgenieConfigs": [{"apiKey": missing(SECRET), "responders": [{"type": "team"}]}]},
    "action without name": {
        "slackConfigs": [{"apiURL": {"name": SECRET, "key": "url"}, "actions": [{"type": "button", "text": "x"}]}]
    },
    "proxy without url": {"webhookConfigs": [{"url": "http://a", "httpConfig": {"noProxy": "x"}}]},
    "older proxy without url": {"webhookConfigs": [{"url": "http://a", "httpConfig": {"proxyURL": "http://p", "noProxy": "x"}}]},
    "cert without key": {"webhookConfigs": [{"url": "http://a", "httpConfig": {"tlsConfig": {"cert": TLS["cert"]}}}]},
    "no certificate": {
        "webhookConfigs": [{"url": "http://a", "httpConfig": {"tlsConfig": {"ca": {"secret": {"name": SECRET, "key": "token"}}}}}]
    },
}


@pytest.mark.parametrize("case", BAD)
def test_what_upstream_rejects_is_a_fault_of_that_integration_only(ask: Upstream, case: str) -> None:
    receivers = [{"name": "bad", **BAD[case]}, {"name": "good", "webhookConfigs": [{"url": "http://good"}]}]
    documents = [alertmanager(), config(route={"receiver": "good"}, receivers=receivers), *common("shop")]
    assert ask(documents)["rejected"]
    (found,) = World(tuple(documents)).rendered().configs.values()
    assert [one.path.split("Configs[0]")[0] + "Configs[0]" for one in found.faults] == [
        f"spec.receivers[0].{next(iter(BAD[case]))}[0]"
    ]
    assert found.receivers == ("good",)


ROUTES: dict[str, Json] = {
    "unknown receiver": {"routes": [{"receiver": "nobody"}]},
    "double label": {"groupBy": ["a", "a"]},
    "all and more": {"groupBy": ["...", "a"]},
    "unknown interval": {"muteTimeIntervals": ["never"]},
    "nameless matcher": {"matchers": [{"name": " ", "value": "x", "matchType": "="}]},
    "unknown field": {"routes": [{"recevier": "good"}]},
}


@pytest.mark.parametrize("case", ROUTES)
def test_routes_that_upstream_rejects_are_spoken_of(ask: Upstream, case: str) -> None:
    spec: Json = {"route": {"receiver": "good", **ROUTES[case]}, "receivers": [{"name": "good"}]}
    documents = [alertmanager(), config(**spec)]
    assert ask(documents)["rejected"]
    (found,) = World(tuple(documents)).rendered().configs.values()
    assert found.faults or found.ignored


def test_we_know_every_field_that_upstream_knows() -> None:
    known = {
        "Alertmanager/v1": v1.AlertmanagerSpec,
        "AlertmanagerConfig/v1alpha1": v1alpha1.AlertmanagerConfigSpec,
        "AlertmanagerConfig/v1beta1": v1beta1.AlertmanagerConfigSpec,
    }
    for kind, paths in upstream.fields().items():
        ours_of_kind = set(paths_of(known[kind], "spec"))
        opaque = tuple(path.removesuffix("*") for path in ours_of_kind if path.endswith("*"))
        unknown = {path for path in paths if path not in ours_of_kind and not path.startswith(opaque)}
        assert unknown <= {
            "spec.alertmanagerConfigSelector",
            "spec.alertmanagerConfigNamespaceSelector",
            "spec.storage.volumeClaimTemplate",
        }


def paths_of(annotation: Any, path: str) -> Iterator[str]:
    """The paths of a model's fields as amdiff writes them; a star ends what is kept as it is."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, info in annotation.model_fields.items():
            yield from paths_of(info.annotation, f"{path}.{info.alias or name}")
        return
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from paths_of(arguments[0], path)
    elif origin is list:
        yield from paths_of(arguments[0], f"{path}[]")
    elif origin is dict:
        yield from (f"{path}*",) if arguments[1] is Any else paths_of(arguments[1], path + "{}")
    elif origin is Literal or origin is None:
        yield path
    else:
        for argument in arguments:
            if argument is not type(None):
                yield from paths_of(argument, path)
