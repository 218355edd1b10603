"""Integrations that send messages by plain protocols: HTTP, mail, AWS SNS. Pure."""

from __future__ import annotations

from davit_alertmanager.api.receivers import EmailConfig, Sigv4, SNSConfig, WebhookConfig
from davit_alertmanager.config.client import UPSTREAM, tls
from davit_alertmanager.config.receivers.writer import Writer
from davit_alertmanager.config.urls import check_address
from davit_alertmanager.model import Json

_THREADING = {"Daily": "daily", "None": "none"}
_THREAD_HEADERS = ("references", "in-reply-to")


def webhook(out: Writer, given: WebhookConfig) -> None:
    """An entry of webhook_configs."""
    out.start(given)
    if given.url_secret:
        out.secret_url("url", given.url_secret, "urlSecret", template=True)
    else:
        out.need(given.url, "url", "is missing, and so is urlSecret: set one of them")
        out.template_url("url", given.url, "url")
    out.http(given.http_config)
    out.filled("max_alerts", max(given.max_alerts or 0, 0))
    out.timeout("0.28.0", given.timeout)
    out.only_since("0.32.0", "payload", given.payload, "payload")


def email(out: Writer, given: EmailConfig) -> None:
    """An entry of email_configs."""
    out.start(given)
    known = out.facts.set
    out.need(given.to, "to", "is missing: give the address to send to")
    out.need(given.smarthost or "smtp_smarthost" in known, "smarthost", "is missing, and there is no global one: give host:port")
    out.need(given.from_ or "smtp_from" in known, "from", "is missing, and there is no global one: give the sender's address")
    if given.smarthost:
        check_address(given.smarthost, f"{out.path}.smarthost")
    out.texts(
        to=given.to, hello=given.hello, smarthost=given.smarthost, auth_username=given.auth_username,
        auth_identity=given.auth_identity, **{"from": given.from_},
    )  # fmt: skip
    out.secret("auth_password", given.auth_password, "authPassword")
    out.secret("auth_secret", given.auth_secret, "authSecret")
    _headers(out, given)
    out.given("html", given.html)
    out.given("text", given.text)
    out.given("require_tls", given.require_tls)
    out.config |= tls(out.context, given.tls_config, f"{out.path}.tlsConfig")
    out.only_since("0.31.0", "force_implicit_tls", given.force_implicit_tls, "forceImplicitTLS")
    if given.threading is not None:
        by_date = _THREADING.get(given.threading.thread_by_date or "")
        out.need(by_date, "threading.threadByDate", "is missing: set Daily or None")
        out.only_since("0.30.0", "threading", {"enabled": True, "thread_by_date": by_date}, "threading")


def _headers(out: Writer, given: EmailConfig) -> None:
    seen: set[str] = set()
    for index, pair in enumerate(given.headers or ()):
        name = pair.key.lower()
        out.need(name not in seen, f"headers[{index}].key", f"{pair.key} is there twice, whatever its case: keep one")
        threaded = given.threading is not None and name in _THREAD_HEADERS
        out.need(not threaded, f"headers[{index}].key", f"{pair.key} can't go with threading: remove one of the two")
        seen.add(name)
    out.pairs("headers", given.headers)


def sns(out: Writer, given: SNSConfig) -> None:
    """An entry of sns_configs."""
    out.start(given)
    out.http(given.http_config)
    out.template_url("api_url", given.api_url, "apiURL")
    if given.sigv4 is not None:
        out.filled("sigv4", _sigv4(out, given.sigv4))
    targets = sum(bool(target) for target in (given.topic_arn, given.phone_number, given.target_arn))
    out.need(targets in (1, 3), "topicARN", "exactly one of topicARN, phoneNumber and targetARN must be given")
    out.texts(
        topic_arn=given.topic_arn, phone_number=given.phone_number, target_arn=given.target_arn, subject=given.subject,
        message=given.message,
    )  # fmt: skip
    out.filled("attributes", dict(given.attributes or {}))
    out.only_since("0.33.0", "use_aws_http_client", given.use_aws_http_client, "useAWSHTTPClient")
    if out.config.get("use_aws_http_client") is False:
        del out.config["use_aws_http_client"]


def _sigv4(out: Writer, given: Sigv4) -> Json:
    nested = Writer(out.context, out.facts, f"{out.path}.sigv4")
    nested.need(bool(given.access_key) == bool(given.secret_key), "accessKey", "and secretKey go together: set both or none")
    nested.secret("access_key", given.access_key, "accessKey")
    nested.secret("secret_key", given.secret_key, "secretKey")
    nested.texts(region=given.region, profile=given.profile, role_arn=given.role_arn)
    nested.since("0.33.0", "external_id", given.external_id, "externalId")
    nested.need(given.role_arn or "external_id" not in nested.config, "externalId", "needs roleArn: set it too")
    if given.use_fips_sts_endpoint is not None:
        out.context.gate.ignore(f"{nested.path}.useFIPSSTSEndpoint", UPSTREAM)
    return nested.config
