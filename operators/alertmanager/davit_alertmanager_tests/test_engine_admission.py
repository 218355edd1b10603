"""What is let in, and what people are told at apply time."""

from __future__ import annotations

from typing import Any

import pytest
from davit.errors import Invalid
from davit_alertmanager.admission import check_alertmanager, check_config, endpoints
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from davit_alertmanager_tests import strategies
from davit_alertmanager_tests.engine_world import team, webhook
from davit_alertmanager_tests.test_differential import BASE, common
from davit_alertmanager_tests.world import World, alertmanager, base_secret, config


def hook(**more: Any) -> dict[str, Any]:
    return {"receivers": [{"name": "hook", "webhookConfigs": [more]}]}


async def refused(manifest: dict[str, Any]) -> str:
    with pytest.raises(Invalid) as caught:
        await check_config(manifest)
    return str(caught.value)


@pytest.mark.parametrize("version", ["v1alpha1", "v1beta1"])
async def test_a_good_one_is_let_in_without_a_word(version: str) -> None:
    assert list(await check_config(config(version=version, **team()))) == []
    assert list(await check_alertmanager(alertmanager())) == []


async def test_what_secrets_hold_is_no_matter() -> None:
    tls = {"ca": {"secret": {"name": "tls", "key": "ca"}}, "cert": {"secret": {"name": "tls", "key": "crt"}}}
    written = hook(
        urlSecret={"name": "later", "key": "url"},
        httpConfig={
            "tlsConfig": {**tls, "keySecret": {"name": "tls", "key": "key"}},
            "basicAuth": {"username": {"name": "later", "key": "user"}, "password": {"name": "later", "key": "word"}},
        },
    )
    assert list(await check_config(config(**team(written)))) == []


async def test_what_the_base_may_have_is_not_asked_for() -> None:
    receivers = [{"name": "hook", "slackConfigs": [{"channel": "a"}], "opsgenieConfigs": [{}], "emailConfigs": [{"to": "a@b.c"}]}]
    assert list(await check_config(config(**team({"receivers": receivers})))) == []


async def test_every_fault_is_named_and_what_follows_from_it_is_not() -> None:
    said = await refused(config(**team({"receivers": [webhook("ftp://nowhere")]})))
    assert "spec.receivers[0].webhookConfigs[0]" in said
    assert "see above" not in said
    assert "none of its receivers" not in said
    said = await refused(config(route={"receiver": "other"}, receivers=[webhook()]))
    assert "spec.route.receiver" in said


async def test_a_secret_may_hold_the_one_url_that_a_field_needs() -> None:
    slack = {"apiURL": {"name": "later", "key": "url"}, "updateMessage": True}
    assert list(await check_config(config(**team({"receivers": [{"name": "hook", "slackConfigs": [slack]}]})))) == []


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(strategies.specs(), st.sampled_from(strategies.VERSIONS))
async def test_what_some_alertmanager_takes_is_let_in(spec: dict[str, Any], version: str) -> None:
    one = config(**spec)
    main = alertmanager(version=version, alertmanagerConfigNamespaceSelector={})
    found = World((main, base_secret(BASE), one, *common(one["metadata"]["namespace"]))).rendered()
    if not any(each.faults for each in found.configs.values()):
        await check_config(one)


async def test_what_follows_a_certificate_is_judged_too() -> None:
    key = {"name": "later", "key": "pem"}
    tls = {"cert": {"secret": key}, "keySecret": key}
    slack: dict[str, Any] = {"apiURL": key, "httpConfig": {"tlsConfig": tls}}
    assert list(await check_config(config(**team({"receivers": [{"name": "hook", "slackConfigs": [slack]}]})))) == []
    slack["actions"] = [{"type": "button", "text": ""}]
    assert "actions[0].text" in await refused(config(**team({"receivers": [{"name": "hook", "slackConfigs": [slack]}]})))


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"smtp": {"smartHost": {"host": "", "port": "25"}}}, r"global\.smtp\.smartHost"),
        ({"httpConfig": {"basicAuth": {}, "authorization": {}}}, r"global\.httpConfig"),
    ],
)
async def test_a_global_setting_that_would_always_be_left_out_is_refused(written: dict[str, Any], said: str) -> None:
    with pytest.raises(Invalid, match=said):
        await check_alertmanager(alertmanager(alertmanagerConfiguration={"name": "base", "global": written}))


async def test_the_secrets_of_global_settings_are_not_looked_at() -> None:
    key = {"name": "later", "key": "pem"}
    tls = {"ca": {"secret": key}}
    written = {"slackApiUrl": key, "httpConfig": {"tlsConfig": tls}, "smtp": {"authPassword": key, "tlsConfig": tls}}
    one = alertmanager(alertmanagerConfiguration={"name": "base", "global": written})
    assert list(await check_alertmanager(one)) == []


async def test_unknown_fields_are_warned_about() -> None:
    assert any("spec.typo" in one for one in await check_config(config(**team({"typo": 1}))))
    assert any("spec.typo" in one for one in await check_alertmanager(alertmanager(typo=1)))


async def test_an_alertmanager_is_judged_as_the_operator_will() -> None:
    with pytest.raises(Invalid, match=r"spec\.version"):
        await check_alertmanager(alertmanager(version="x"))
    with pytest.raises(Invalid, match="additionalArgs"):
        await check_alertmanager(alertmanager(additionalArgs=[{"name": "config.file", "value": "x"}]))


def test_both_versions_are_reviewed() -> None:
    kinds = [kind for endpoint in endpoints() for kind in endpoint.kinds]
    assert [(kind.kind, kind.version) for kind in kinds] == [
        ("Alertmanager", "v1"),
        ("AlertmanagerConfig", "v1alpha1"),
        ("AlertmanagerConfig", "v1beta1"),
    ]
