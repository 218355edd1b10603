"""All kinds of integrations, in the order in which upstream writes them, and how a whole receiver is rendered. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from davit.monitoring.faults import Fault
from davit.monitoring.http import Context, Unusable

from davit_alertmanager.api import receivers as api
from davit_alertmanager.config.parsing import entries, parse
from davit_alertmanager.config.receivers import chat, paging, plain
from davit_alertmanager.config.receivers.writer import Writer
from davit_alertmanager.model import Facts, Json


@dataclass(frozen=True, slots=True)
class Kind:
    """Integrations of one kind: the field of a resource, the key in the configuration, and how one is written."""

    field: str
    key: str
    model: type[api.Integration]
    write: Callable[[Writer, Any], None]


KINDS = (
    Kind("opsgenieConfigs", "opsgenie_configs", api.OpsGenieConfig, paging.opsgenie),
    Kind("pagerdutyConfigs", "pagerduty_configs", api.PagerDutyConfig, paging.pagerduty),
    Kind("slackConfigs", "slack_configs", api.SlackConfig, chat.slack),
    Kind("webhookConfigs", "webhook_configs", api.WebhookConfig, plain.webhook),
    Kind("wechatConfigs", "wechat_configs", api.WeChatConfig, chat.wechat),
    Kind("emailConfigs", "email_configs", api.EmailConfig, plain.email),
    Kind("pushoverConfigs", "pushover_configs", api.PushoverConfig, paging.pushover),
    Kind("victoropsConfigs", "victorops_configs", api.VictorOpsConfig, paging.victorops),
    Kind("snsConfigs", "sns_configs", api.SNSConfig, plain.sns),
    Kind("telegramConfigs", "telegram_configs", api.TelegramConfig, chat.telegram),
    Kind("discordConfigs", "discord_configs", api.DiscordConfig, chat.discord),
    Kind("webexConfigs", "webex_configs", api.WebexConfig, chat.webex),
    Kind("msteamsConfigs", "msteams_configs", api.MSTeamsConfig, chat.msteams),
    Kind("msteamsv2Configs", "msteamsv2_configs", api.MSTeamsV2Config, chat.msteamsv2),
    Kind("rocketchatConfigs", "rocketchat_configs", api.RocketChatConfig, chat.rocketchat),
)


@dataclass(slots=True)
class Receiver:
    """One receiver, rendered: `config` is None when none of its integrations is left; parts: paths of those that are.

    silent: whether it has no integrations at all, as its user wished.
    """

    config: Json | None
    silent: bool = False
    faults: list[Fault] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Writing:
    """Writes the receivers of one resource.

    without: paths of integrations to leave out and why; files: whether it may name files in the pods.
    """

    context: Context
    facts: Facts
    without: Mapping[str, str]
    files: bool

    def receiver(self, raw: Mapping[str, Any], name: str, path: str) -> Receiver:
        """The receiver under `name`, without the integrations that can't be written."""
        found = Receiver({"name": name})
        config: Json = {"name": name}
        declared = 0
        for kind in KINDS:
            try:
                items = entries(raw.get(kind.field), f"{path}.{kind.field}")
            except Unusable as error:
                found.faults.append(Fault(error.path, error.message))
                declared += 1
                continue
            declared += len(items)
            for where, item in items:
                try:
                    config.setdefault(kind.key, []).append(self._integration(kind, item, where))
                    found.parts.append(where)
                except Unusable as error:
                    found.faults.append(Fault(error.path, error.message))
        found.silent = declared == 0
        found.config = {key: value for key, value in config.items() if value} if found.parts or found.silent else None
        return found

    def _integration(self, kind: Kind, raw: Any, path: str) -> Json:
        if path in self.without:
            raise Unusable(path, self.without[path])
        context = self.context
        # Files of an integration that fails halfway must not be mounted.
        own = Context(context.gate, context.assets, context.namespace, context.tls_dir, context.support)
        out = Writer(own, self.facts, path, self.files)
        kind.write(out, parse(kind.model, raw, path))
        context.files.update(own.files)
        return out.config
