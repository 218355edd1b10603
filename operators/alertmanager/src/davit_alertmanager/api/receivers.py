"""Receivers of an AlertmanagerConfig: one class per kind of integration, the same in both versions.

What an integration requires is checked when it is rendered, so that a bad one is left out and the others go on.
"""

from __future__ import annotations

from typing import Literal

from davit.monitoring.types import Duration, Items, SafeTLSConfig, SecretKeySelector, Spec, Strings, schema
from pydantic import Field

from davit_alertmanager.api.parts import URL, HTTPConfig, Integer, KeyValue


class Integration(Spec):
    """Something that sends notifications."""

    send_resolved: bool | None = Field(default=None, description="Whether to notify of resolved alerts too.")


class HTTPIntegration(Integration):
    """Something that sends notifications by HTTP."""

    http_config: HTTPConfig | None = Field(default=None, description="How requests are made.")


class OpsGenieResponder(Spec):
    """Who is responsible."""

    model_config = schema("type")
    id: str | None = Field(default=None, description="ID of the responder; id, name or username is required.")
    name: str | None = Field(default=None, description="Name of the responder.")
    username: str | None = Field(default=None, description="Name of the user.")
    type: Literal["team", "teams", "user", "escalation", "schedule"] | None = Field(
        default=None, description="What the responder is."
    )


class OpsGenieConfig(HTTPIntegration):
    """Notifications by OpsGenie."""

    api_key: SecretKeySelector | None = Field(default=None, description="Where the API key is kept.")
    api_url: URL | None = Field(default=None, alias="apiURL", description="URL of the API.")
    message: str | None = Field(default=None, description="Title of the alert.")
    description: str | None = Field(default=None, description="Text of the alert.")
    source: str | None = Field(default=None, description="Backlink to the sender.")
    tags: str | None = Field(default=None, description="Comma-separated tags.")
    note: str | None = Field(default=None, description="Additional note.")
    priority: str | None = Field(default=None, description="P1 to P5.")
    update_alerts: bool | None = Field(default=None, description="Whether message and description follow later changes.")
    details: Items[KeyValue] | None = Field(default=None, description="Further details.")
    responders: Items[OpsGenieResponder] | None = Field(default=None, description="Who is responsible.")
    entity: str | None = Field(default=None, description="What the alert is about.")
    actions: str | None = Field(default=None, description="Comma-separated actions.")


class PagerDutyImage(Spec):
    """An image to attach."""

    src: str | None = Field(default=None, description="Where the image is.")
    href: str | None = Field(default=None, description="What the image links to.")
    alt: str | None = Field(default=None, description="Alternative text.")


class PagerDutyLink(Spec):
    """A link to attach."""

    href: str | None = Field(default=None, description="URL.")
    alt: str | None = Field(default=None, description="Text of the link.")


class PagerDutyConfig(HTTPIntegration):
    """Notifications by PagerDuty."""

    routing_key: SecretKeySelector | None = Field(default=None, description="Where the integration key is kept (Events API v2).")
    service_key: SecretKeySelector | None = Field(default=None, description="Where the service key is kept (type Prometheus).")
    url: URL | None = Field(default=None, description="URL to send to.")
    client: str | None = Field(default=None, description="Name of the client.")
    client_url: str | None = Field(default=None, alias="clientURL", description="Backlink to the sender.")
    description: str | None = Field(default=None, description="Text of the incident.")
    severity: str | None = Field(default=None, description="Severity of the incident.")
    class_: str | None = Field(default=None, alias="class", description="Class of the event.")
    group: str | None = Field(default=None, description="Group of sources.")
    component: str | None = Field(default=None, description="Part that is affected.")
    details: Items[KeyValue] | None = Field(default=None, description="Further details.")
    pager_duty_image_configs: Items[PagerDutyImage] | None = Field(default=None, description="Images to attach.")
    pager_duty_link_configs: Items[PagerDutyLink] | None = Field(default=None, description="Links to attach.")
    source: str | None = Field(default=None, description="Location of the affected system.")
    timeout: Duration | None = Field(default=None, description="Longest time of a request (0.30).")


class DiscordConfig(HTTPIntegration):
    """Notifications by Discord."""

    model_config = schema("apiURL")
    api_url: SecretKeySelector | None = Field(default=None, alias="apiURL", description="Where the webhook URL is kept.")
    title: str | None = Field(default=None, description="Title of the message.")
    message: str | None = Field(default=None, description="Body of the message.")
    content: str | None = Field(default=None, description="Content of the message (0.28).")
    username: str | None = Field(default=None, description="Name of the sender (0.28).")
    avatar_url: URL | None = Field(default=None, alias="avatarURL", description="Picture of the sender (0.28).")


class SlackField(Spec):
    """A field of a message."""

    model_config = schema("title", "value")
    title: str = Field(default="", description="Title.")
    value: str = Field(default="", description="Text.")
    short: bool | None = Field(default=None, description="Whether it may stand beside others.")


class SlackConfirmation(Spec):
    """A question before an action."""

    model_config = schema("text")
    text: str = Field(default="", description="The question.")
    title: str | None = Field(default=None, description="Title.")
    ok_text: str | None = Field(default=None, description="Text of yes.")
    dismiss_text: str | None = Field(default=None, description="Text of no.")


class SlackAction(Spec):
    """A button or menu."""

    model_config = schema("type", "text")
    type: str = Field(default="", description="Such as button.")
    text: str = Field(default="", description="Label.")
    url: str | None = Field(default=None, description="What a button opens; url or name is required.")
    style: str | None = Field(default=None, description="Look: default, primary or danger.")
    name: str | None = Field(default=None, description="Name that is sent back.")
    value: str | None = Field(default=None, description="Value that is sent back.")
    confirm: SlackConfirmation | None = Field(default=None, description="Question before the action.")


class SlackConfig(HTTPIntegration):
    """Notifications by Slack."""

    api_url: SecretKeySelector | None = Field(default=None, alias="apiURL", description="Where the webhook URL is kept.")
    channel: str | None = Field(default=None, description="Channel or user.")
    username: str | None = Field(default=None, description="Name of the sender.")
    color: str | None = Field(default=None, description="Colour of the left border.")
    title: str | None = Field(default=None, description="Title.")
    title_link: str | None = Field(default=None, description="What the title links to.")
    pretext: str | None = Field(default=None, description="Text above the message.")
    text: str | None = Field(default=None, description="Text.")
    fields: Items[SlackField] | None = Field(default=None, description="Fields of the message.")
    short_fields: bool | None = Field(default=None, description="Whether fields stand side by side.")
    footer: str | None = Field(default=None, description="Small text below.")
    fallback: str | None = Field(default=None, description="Plain summary.")
    callback_id: str | None = Field(default=None, description="Identifier for interactive parts.")
    icon_emoji: str | None = Field(default=None, description="Emoji of the sender.")
    icon_url: str | None = Field(default=None, alias="iconURL", description="Picture of the sender.")
    image_url: str | None = Field(default=None, alias="imageURL", description="Image in the message.")
    thumb_url: str | None = Field(default=None, alias="thumbURL", description="Small image in the message.")
    link_names: bool | None = Field(default=None, description="Whether @ and # names become links.")
    mrkdwn_in: Items[str] | None = Field(default=None, description="Which of pretext, text and fields hold markdown.")
    actions: Items[SlackAction] | None = Field(default=None, description="Buttons and menus.")
    timeout: Duration | None = Field(default=None, description="Longest time of a request (0.30).")
    message_text: str | None = Field(default=None, description="Text outside of the attachment (0.31).")
    update_message: bool | None = Field(default=None, description="Whether a message follows later changes (0.32).")


class WebhookConfig(HTTPIntegration):
    """Notifications to any HTTP server."""

    url: str | None = Field(default=None, description="URL to POST to; url or urlSecret is required.")
    url_secret: SecretKeySelector | None = Field(default=None, description="Where the URL is kept; wins over url.")
    max_alerts: int | None = Field(
        default=None, description="Most alerts in a request; 0 is all.", json_schema_extra={"minimum": 0}
    )
    timeout: Duration | None = Field(default=None, description="Longest time of a request (0.28).")
    payload: str | None = Field(default=None, description="Template of the body (0.32).")


class WeChatConfig(HTTPIntegration):
    """Notifications by WeChat."""

    api_secret: SecretKeySelector | None = Field(default=None, description="Where the API secret is kept.")
    api_url: URL | None = Field(default=None, alias="apiURL", description="URL of the API.")
    corp_id: str | None = Field(default=None, alias="corpID", description="Corporate ID.")
    agent_id: str | None = Field(default=None, alias="agentID", description="ID of the application.")
    to_user: str | None = Field(default=None, description="Users, separated by '|'.")
    to_party: str | None = Field(default=None, description="Departments, separated by '|'.")
    to_tag: str | None = Field(default=None, description="Tags, separated by '|'.")
    message: str | None = Field(default=None, description="Text.")
    message_type: str | None = Field(default=None, description="text or markdown.")


class EmailThreading(Spec):
    """How mails are threaded."""

    model_config = schema("threadByDate")
    thread_by_date: Literal["Daily", "None"] | None = Field(default=None, description="A thread each day, or one for all.")


class EmailConfig(Integration):
    """Notifications by mail."""

    to: str | None = Field(default=None, description="Recipients.")
    from_: str | None = Field(default=None, alias="from", description="Sender.")
    hello: str | None = Field(default=None, description="Host name to greet the server with.")
    smarthost: str | None = Field(default=None, description="SMTP server as host:port.")
    auth_username: str | None = Field(default=None, description="User name.")
    auth_password: SecretKeySelector | None = Field(default=None, description="Where the password is kept.")
    auth_secret: SecretKeySelector | None = Field(default=None, description="Where the CRAM-MD5 secret is kept.")
    auth_identity: str | None = Field(default=None, description="Identity for PLAIN.")
    headers: Items[KeyValue] | None = Field(default=None, description="Further headers.")
    html: str | None = Field(default=None, description="HTML body.")
    text: str | None = Field(default=None, description="Text body.")
    require_tls: bool | None = Field(default=None, alias="requireTLS", description="Whether TLS is required.")
    tls_config: SafeTLSConfig | None = Field(default=None, description="TLS towards the server.")
    force_implicit_tls: bool | None = Field(
        default=None, alias="forceImplicitTLS", description="Whether TLS starts at once; by port when absent (0.31)."
    )
    threading: EmailThreading | None = Field(default=None, description="How mails are threaded (0.30).")


class VictorOpsConfig(HTTPIntegration):
    """Notifications by VictorOps."""

    model_config = schema("routingKey")
    api_key: SecretKeySelector | None = Field(default=None, description="Where the API key is kept.")
    api_url: URL | None = Field(default=None, description="URL of the API.")
    routing_key: str = Field(default="", description="Key that decides which team is notified.")
    message_type: str | None = Field(default=None, description="CRITICAL, WARNING or INFO.")
    entity_display_name: str | None = Field(default=None, description="Summary.")
    state_message: str | None = Field(default=None, description="Text.")
    monitoring_tool: str | None = Field(default=None, description="Where the message comes from.")
    custom_fields: Items[KeyValue] | None = Field(default=None, description="Further fields.")


class PushoverConfig(HTTPIntegration):
    """Notifications by Pushover."""

    user_key: SecretKeySelector | None = Field(default=None, description="Where the recipient's key is kept.")
    user_key_file: str | None = Field(default=None, description="File in the container with the recipient's key (0.26).")
    token: SecretKeySelector | None = Field(default=None, description="Where the application's token is kept.")
    token_file: str | None = Field(default=None, description="File in the container with the application's token (0.26).")
    title: str | None = Field(default=None, description="Title.")
    message: str | None = Field(default=None, description="Text.")
    url: str | None = Field(default=None, description="URL shown with the message.")
    url_title: str | None = Field(default=None, description="Title of the URL.")
    ttl: Duration | None = Field(default=None, description="How long the notification is kept (0.27).")
    device: str | None = Field(default=None, description="Device to notify (0.26).")
    sound: str | None = Field(default=None, description="Sound to play.")
    priority: str | None = Field(default=None, description="Priority.")
    retry: Duration | None = Field(default=None, description="How often to notify again (priority 2).")
    expire: Duration | None = Field(default=None, description="How long to notify again (priority 2).")
    html: bool | None = Field(default=None, description="Whether the message is HTML.")
    monospace: bool | None = Field(default=None, description="Whether the message is monospaced (0.29).")


class Sigv4(Spec):
    """How AWS requests are signed."""

    region: str | None = Field(default=None, description="AWS region.")
    access_key: SecretKeySelector | None = Field(default=None, description="Where the access key is kept.")
    secret_key: SecretKeySelector | None = Field(default=None, description="Where the secret key is kept.")
    profile: str | None = Field(default=None, description="Named profile.")
    role_arn: str | None = Field(default=None, description="Role to take.")
    external_id: str | None = Field(default=None, alias="externalId", description="External ID of the role (0.33).")
    use_fips_sts_endpoint: bool | None = Field(
        default=None, alias="useFIPSSTSEndpoint", description="Has no effect in Alertmanager."
    )


class SNSConfig(HTTPIntegration):
    """Notifications by AWS SNS."""

    api_url: str | None = Field(default=None, alias="apiURL", description="URL of the API.")
    sigv4: Sigv4 | None = Field(default=None, description="How requests are signed.")
    topic_arn: str | None = Field(
        default=None, alias="topicARN", description="Topic; one of topic, phone and target is required."
    )
    subject: str | None = Field(default=None, description="Subject of mails.")
    phone_number: str | None = Field(default=None, description="Phone number.")
    target_arn: str | None = Field(default=None, alias="targetARN", description="Mobile endpoint.")
    message: str | None = Field(default=None, description="Text.")
    attributes: Strings | None = Field(default=None, description="Message attributes.")
    use_aws_http_client: bool | None = Field(
        default=None, alias="useAWSHTTPClient", description="True uses the AWS SDK's own HTTP client (0.33)."
    )


class TelegramConfig(HTTPIntegration):
    """Notifications by Telegram."""

    model_config = schema("chatID")
    api_url: URL | None = Field(default=None, alias="apiURL", description="URL of the API.")
    bot_token: SecretKeySelector | None = Field(default=None, description="Where the bot's token is kept.")
    bot_token_file: str | None = Field(default=None, description="File in the container with the bot's token (0.26).")
    chat_id: Integer = Field(default=0, alias="chatID", description="Chat to send to.")
    message_thread_id: Integer | None = Field(default=None, alias="messageThreadID", description="Topic of the group (0.26).")
    message: str | None = Field(default=None, description="Text.")
    disable_notifications: bool | None = Field(default=None, description="Whether to send silently.")
    parse_mode: Literal["MarkdownV2", "Markdown", "HTML"] | None = Field(default=None, description="How the text is formatted.")


class WebexConfig(HTTPIntegration):
    """Notifications by Webex."""

    model_config = schema("roomID")
    api_url: URL | None = Field(default=None, alias="apiURL", description="URL of the API.")
    message: str | None = Field(default=None, description="Text.")
    room_id: str = Field(default="", alias="roomID", description="Room to send to.")


class MSTeamsConfig(HTTPIntegration):
    """Notifications by Microsoft Teams connectors (0.26)."""

    model_config = schema("webhookUrl")
    webhook_url: SecretKeySelector | None = Field(default=None, description="Where the webhook URL is kept.")
    title: str | None = Field(default=None, description="Title.")
    summary: str | None = Field(default=None, description="Summary (0.27).")
    text: str | None = Field(default=None, description="Text.")


class MSTeamsV2Config(HTTPIntegration):
    """Notifications by Microsoft Teams flows (0.28)."""

    webhook_url: SecretKeySelector | None = Field(default=None, alias="webhookURL", description="Where the webhook URL is kept.")
    title: str | None = Field(default=None, description="Title.")
    text: str | None = Field(default=None, description="Text.")


class RocketChatField(Spec):
    """A field of a message."""

    title: str | None = Field(default=None, description="Title.")
    value: str | None = Field(default=None, description="Text.")
    short: bool | None = Field(default=None, description="Whether it may stand beside others.")


class RocketChatAction(Spec):
    """A button."""

    text: str | None = Field(default=None, description="Label.")
    url: str | None = Field(default=None, description="What it opens.")
    msg: str | None = Field(default=None, description="What it sends.")


class RocketChatConfig(HTTPIntegration):
    """Notifications by Rocket.Chat (0.28)."""

    model_config = schema("token", "tokenID")
    api_url: URL | None = Field(default=None, alias="apiURL", description="URL of the API.")
    channel: str | None = Field(default=None, description="Channel or user.")
    token: SecretKeySelector | None = Field(default=None, description="Where the token is kept.")
    token_id: SecretKeySelector | None = Field(default=None, alias="tokenID", description="Where the token's ID is kept.")
    color: str | None = Field(default=None, description="Colour of the message.")
    emoji: str | None = Field(default=None, description="Emoji of the sender.")
    icon_url: str | None = Field(default=None, alias="iconURL", description="Picture of the sender.")
    text: str | None = Field(default=None, description="Text.")
    title: str | None = Field(default=None, description="Title.")
    title_link: str | None = Field(default=None, description="What the title links to.")
    fields: Items[RocketChatField] | None = Field(default=None, description="Fields of the message.")
    short_fields: bool | None = Field(default=None, description="Whether fields stand side by side.")
    image_url: str | None = Field(default=None, alias="imageURL", description="Image in the message.")
    thumb_url: str | None = Field(default=None, alias="thumbURL", description="Small image in the message.")
    link_names: bool | None = Field(default=None, description="Whether @ and # names become links.")
    actions: Items[RocketChatAction] | None = Field(default=None, description="Buttons.")


class Receiver(Spec):
    """A named set of integrations, all of which are notified."""

    model_config = schema("name")
    name: str = Field(default="", description="Name that routes refer to.")
    opsgenie_configs: Items[OpsGenieConfig] | None = Field(default=None, description="By OpsGenie.")
    pagerduty_configs: Items[PagerDutyConfig] | None = Field(default=None, description="By PagerDuty.")
    discord_configs: Items[DiscordConfig] | None = Field(default=None, description="By Discord.")
    slack_configs: Items[SlackConfig] | None = Field(default=None, description="By Slack.")
    webhook_configs: Items[WebhookConfig] | None = Field(default=None, description="To any HTTP server.")
    wechat_configs: Items[WeChatConfig] | None = Field(default=None, description="By WeChat.")
    email_configs: Items[EmailConfig] | None = Field(default=None, description="By mail.")
    victorops_configs: Items[VictorOpsConfig] | None = Field(default=None, description="By VictorOps.")
    pushover_configs: Items[PushoverConfig] | None = Field(default=None, description="By Pushover.")
    sns_configs: Items[SNSConfig] | None = Field(default=None, description="By AWS SNS.")
    telegram_configs: Items[TelegramConfig] | None = Field(default=None, description="By Telegram.")
    webex_configs: Items[WebexConfig] | None = Field(default=None, description="By Webex.")
    msteams_configs: Items[MSTeamsConfig] | None = Field(default=None, description="By Microsoft Teams connectors (0.26).")
    msteamsv2_configs: Items[MSTeamsV2Config] | None = Field(default=None, description="By Microsoft Teams flows (0.28).")
    rocketchat_configs: Items[RocketChatConfig] | None = Field(default=None, description="By Rocket.Chat (0.28).")
