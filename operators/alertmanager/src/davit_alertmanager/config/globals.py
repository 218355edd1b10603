"""The `global` section from spec.alertmanagerConfiguration.global. Pure.

A setting whose Secret is missing or whose value is bad is left out by itself; those of mail go together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from davit.monitoring.faults import Fault
from davit.monitoring.http import Context, Unusable
from davit.monitoring.types import SecretKeySelector

from davit_alertmanager.api.v1 import GlobalConfig, GlobalSMTP, GlobalURL
from davit_alertmanager.config.client import client, tls
from davit_alertmanager.config.durations import canonical
from davit_alertmanager.config.urls import check_url
from davit_alertmanager.model import Json

PATH = "spec.alertmanagerConfiguration.global"


@dataclass(slots=True)
class _Section:
    """The section, being written."""

    context: Context
    config: Json = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def attempt(self, write: Callable[[], Json]) -> None:
        """Add a setting, or remember why it can't be used."""
        try:
            self.config |= write()
        except Unusable as error:
            self.faults.append(Fault(error.path, error.message))

    def secret(self, key: str, selector: SecretKeySelector | None, name: str, *, url: bool = False) -> None:
        """A setting from a Secret."""
        path = f"{PATH}.{name}"

        def write() -> Json:
            if selector is None:
                return {}
            text = self.context.secret(selector, path)
            if url:
                text = text.strip()
                check_url(text, path)
            return {key: text} if text else {}

        self.attempt(write)

    def url(self, key: str, given: GlobalURL | None, name: str) -> None:
        """The URL of a group of settings."""
        self.text_url(key, given.api_url if given else None, f"{name}.apiURL")

    def text_url(self, key: str, text: str | None, name: str) -> None:
        """A URL that stands in the resource."""

        def write() -> Json:
            check_url(text, f"{PATH}.{name}")
            return {key: text} if text else {}

        self.attempt(write)


def global_section(context: Context, given: GlobalConfig | None) -> tuple[Json, list[Fault]]:
    """The section and what was left out of it."""
    section = _Section(context)
    if given is None:
        return {}, []
    section.attempt(lambda: _resolve_timeout(given))
    section.attempt(lambda: client(context, given.http_config, f"{PATH}.httpConfig"))
    section.attempt(lambda: _smtp(context, given.smtp))
    section.secret("slack_api_url", given.slack_api_url, "slackApiUrl", url=True)
    section.text_url("pagerduty_url", given.pagerduty_url, "pagerdutyUrl")
    section.secret("opsgenie_api_url", given.ops_genie_api_url, "opsGenieApiUrl", url=True)
    section.secret("opsgenie_api_key", given.ops_genie_api_key, "opsGenieApiKey")
    if given.wechat is not None:
        section.url("wechat_api_url", given.wechat, "wechat")
        section.secret("wechat_api_secret", given.wechat.api_secret, "wechat.apiSecret")
        section.attempt(lambda: _filled(wechat_api_corp_id=given.wechat.api_corp_id if given.wechat else None))
    if given.victorops is not None:
        section.url("victorops_api_url", given.victorops, "victorops")
        section.secret("victorops_api_key", given.victorops.api_key, "victorops.apiKey")
    section.url("telegram_api_url", given.telegram, "telegram")
    section.url("webex_api_url", given.webex, "webex")
    if given.jira is not None and context.gate.since("0.28.0", f"{PATH}.jira"):
        section.url("jira_api_url", given.jira, "jira")
    if given.rocket_chat is not None and context.gate.since("0.28.0", f"{PATH}.rocketChat"):
        section.url("rocketchat_api_url", given.rocket_chat, "rocketChat")
        section.secret("rocketchat_token", given.rocket_chat.token, "rocketChat.token")
        section.secret("rocketchat_token_id", given.rocket_chat.token_id, "rocketChat.tokenID")
    if given.mattermost is not None and context.gate.since("0.32.0", f"{PATH}.mattermost"):
        section.secret("mattermost_webhook_url", given.mattermost.webhook_url, "mattermost.webhookURL", url=True)
    return section.config, section.faults


def _resolve_timeout(given: GlobalConfig) -> Json:
    return {"resolve_timeout": canonical(given.resolve_timeout)} if given.resolve_timeout else {}


def _smtp(context: Context, given: GlobalSMTP | None) -> Json:
    if given is None:
        return {}
    path = f"{PATH}.smtp"
    config = _filled(
        smtp_from=given.from_,
        smtp_hello=given.hello,
        smtp_auth_username=given.auth_username,
        smtp_auth_identity=given.auth_identity,
    )
    for key, name, selector in (
        ("smtp_auth_password", "authPassword", given.auth_password),
        ("smtp_auth_secret", "authSecret", given.auth_secret),
    ):
        if selector is not None:
            config |= _filled(**{key: context.secret(selector, f"{path}.{name}")})
    if (host := given.smart_host) is not None:
        if not host.host or not host.port:
            raise Unusable(f"{path}.smartHost", "needs a host and a port: set both")
        config["smtp_smarthost"] = f"[{host.host}]:{host.port}" if ":" in host.host else f"{host.host}:{host.port}"
    if given.require_tls is not None:
        config["smtp_require_tls"] = given.require_tls
    if given.tls_config is not None and context.gate.since("0.28.0", f"{path}.tlsConfig"):
        config["smtp_tls_config"] = tls(context, given.tls_config, f"{path}.tlsConfig")["tls_config"]
    if given.force_implicit_tls is not None and context.gate.since("0.31.0", f"{path}.forceImplicitTLS"):
        config["smtp_force_implicit_tls"] = given.force_implicit_tls
    return config


def _filled(**values: str | None) -> Json:
    return {key: value for key, value in values.items() if value}
