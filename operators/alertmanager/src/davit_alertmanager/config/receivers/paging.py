"""Integrations that page people: OpsGenie, PagerDuty, Pushover, VictorOps. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from davit.monitoring.types import SecretKeySelector

from davit_alertmanager.api.receivers import (
    OpsGenieConfig,
    OpsGenieResponder,
    PagerDutyConfig,
    PagerDutyImage,
    PagerDutyLink,
    PushoverConfig,
    VictorOpsConfig,
)
from davit_alertmanager.config.client import UPSTREAM
from davit_alertmanager.config.durations import for_go, readable_by_go
from davit_alertmanager.config.receivers.writer import Writer
from davit_alertmanager.model import Json

_VICTOROPS_OWN = {
    "routing_key", "message_type", "state_message", "entity_display_name", "monitoring_tool", "entity_id", "entity_state",
}  # fmt: skip


def opsgenie(out: Writer, given: OpsGenieConfig) -> None:
    """An entry of opsgenie_configs."""
    out.start(given)
    out.http(given.http_config)
    key = out.secret("api_key", given.api_key, "apiKey")
    out.need(
        key or out.facts.set & {"opsgenie_api_key", "opsgenie_api_key_file"},
        "apiKey",
        "is missing, and there is no global one: name the key of a Secret that holds it",
    )
    out.url("api_url", given.api_url, "apiURL")
    out.texts(
        message=given.message, description=given.description, source=given.source, tags=given.tags, note=given.note,
        priority=given.priority, entity=given.entity, actions=given.actions,
    )  # fmt: skip
    out.pairs("details", given.details)
    out.filled("responders", [_responder(out, index, item) for index, item in enumerate(given.responders or ())])
    out.given("update_alerts", given.update_alerts)


def _responder(out: Writer, index: int, given: OpsGenieResponder) -> Json:
    found = {key: value for key in ("id", "name", "username", "type") if (value := getattr(given, key))}
    out.need({"id", "name", "username"} & found.keys(), f"responders[{index}]", "has no id, name or username: set one of them")
    out.need("type" in found, f"responders[{index}].type", "is missing: set team, teams, user, escalation or schedule")
    return found


def pagerduty(out: Writer, given: PagerDutyConfig) -> None:
    """An entry of pagerduty_configs."""
    out.start(given)
    out.http(given.http_config)
    routing = out.secret("routing_key", given.routing_key, "routingKey")
    service = out.secret("service_key", given.service_key, "serviceKey")
    out.need(routing or service, "routingKey", "is missing or empty, and so is serviceKey: name a Secret that holds one of them")
    out.url("url", given.url, "url")
    out.template_url("client_url", given.client_url, "clientURL")
    out.texts(
        client=given.client, description=given.description, severity=given.severity, component=given.component,
        group=given.group, source=given.source, **{"class": given.class_},
    )  # fmt: skip
    out.pairs("details", given.details)
    out.filled(
        "images", _linked(out, "pagerDutyImageConfigs", given.pager_duty_image_configs or (), {"src": "src", "alt": "alt"})
    )
    out.filled("links", _linked(out, "pagerDutyLinkConfigs", given.pager_duty_link_configs or (), {"alt": "text"}))
    out.timeout("0.30.0", given.timeout)


def _linked(out: Writer, field: str, items: Sequence[PagerDutyImage | PagerDutyLink], names: dict[str, str]) -> list[Json]:
    found = []
    for index, item in enumerate(items):
        nested = Writer(out.context, out.facts, f"{out.path}.{field}[{index}]")
        nested.template_url("href", item.href, "href")
        nested.texts(**{key: getattr(item, name) for name, key in names.items()})
        found.append(nested.config)
    return found


def pushover(out: Writer, given: PushoverConfig) -> None:
    """An entry of pushover_configs."""
    out.start(given)
    out.http(given.http_config)
    _key(out, "user_key", "userKey", given.user_key, given.user_key_file)
    _key(out, "token", "token", given.token, given.token_file)
    out.texts(title=given.title, message=given.message, url_title=given.url_title, priority=given.priority)
    out.template_url("url", given.url, "url")
    out.since("0.27.0", "ttl", readable_by_go(given.ttl) if given.ttl else None, "ttl")
    out.since("0.26.0", "device", given.device, "device")
    out.need(not (given.html and given.monospace), "monospace", "can't go with html: keep one of them")
    out.given("html", given.html)
    out.since("0.29.0", "monospace", given.monospace, "monospace")
    for key, value in (("retry", given.retry), ("expire", given.expire)):
        out.filled(key, for_go(value) if value else None)
    if given.sound:
        out.context.gate.ignore(f"{out.path}.sound", UPSTREAM)


def _key(out: Writer, key: str, name: str, selector: SecretKeySelector | None, file: str | None) -> None:
    """From a Secret, which wins, or from a file in the container."""
    value = out.secret(key, selector, name)
    if not value:
        out.file(f"{key}_file", file, f"{name}File")
    out.need(
        key in out.config or f"{key}_file" in out.config, name, "is missing or empty: name the key of a Secret that holds it"
    )


def victorops(out: Writer, given: VictorOpsConfig) -> None:
    """An entry of victorops_configs."""
    out.start(given)
    out.http(given.http_config)
    key = out.secret("api_key", given.api_key, "apiKey")
    out.need(
        key or out.facts.set & {"victorops_api_key", "victorops_api_key_file"},
        "apiKey",
        "is missing, and there is no global one: name the key of a Secret that holds it",
    )
    out.url("api_url", given.api_url, "apiUrl")
    out.need(given.routing_key, "routingKey", "is missing: set the key of the team to notify")
    out.texts(
        routing_key=given.routing_key, message_type=given.message_type, state_message=given.state_message,
        entity_display_name=given.entity_display_name, monitoring_tool=given.monitoring_tool,
    )  # fmt: skip
    for index, pair in enumerate(given.custom_fields or ()):
        out.need(pair.key not in _VICTOROPS_OWN, f"customFields[{index}].key", f"{pair.key} is a field of its own: rename it")
    out.pairs("custom_fields", given.custom_fields)
