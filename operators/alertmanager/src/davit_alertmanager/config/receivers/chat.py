"""Integrations that write to chats: Discord, Slack, Teams, Telegram, WeChat, Webex, Rocket.Chat. Pure."""

from __future__ import annotations

from davit_alertmanager.api.receivers import (
    DiscordConfig,
    MSTeamsConfig,
    MSTeamsV2Config,
    RocketChatConfig,
    SlackAction,
    SlackConfig,
    TelegramConfig,
    WebexConfig,
    WeChatConfig,
)
from davit_alertmanager.config.receivers.writer import Writer
from davit_alertmanager.model import Json

_SLACK_GLOBALS = {"slack_api_url", "slack_api_url_file", "slack_app_token", "slack_app_token_file"}
_SLACK_POST = "https://slack.com/api/chat.postMessage"


def discord(out: Writer, given: DiscordConfig) -> None:
    """An entry of discord_configs."""
    out.start(given)
    out.http(given.http_config)
    out.need(given.api_url, "apiURL", "is missing: name the key of a Secret that holds the webhook URL")
    if given.api_url:
        out.secret_url("webhook_url", given.api_url, "apiURL")
    out.texts(title=given.title, message=given.message)
    out.since("0.28.0", "content", given.content, "content")
    out.since("0.28.0", "username", given.username, "username")
    out.since("0.28.0", "avatar_url", given.avatar_url, "avatarURL")


def slack(out: Writer, given: SlackConfig) -> None:
    """An entry of slack_configs."""
    out.start(given)
    out.http(given.http_config)
    if given.api_url:
        out.secret_url("api_url", given.api_url, "apiURL")
    out.need(
        given.api_url or out.facts.set & _SLACK_GLOBALS,
        "apiURL",
        "is missing, and there is no global one: name the key of a Secret that holds the webhook URL",
    )
    out.texts(
        channel=given.channel, username=given.username, color=given.color, title=given.title, title_link=given.title_link,
        pretext=given.pretext, text=given.text, footer=given.footer, fallback=given.fallback, callback_id=given.callback_id,
        icon_emoji=given.icon_emoji, icon_url=given.icon_url, image_url=given.image_url, thumb_url=given.thumb_url,
    )  # fmt: skip
    out.filled("fields", [_slack_field(out, index, given) for index in range(len(given.fields or ()))])
    out.filled("short_fields", given.short_fields)
    out.filled("link_names", given.link_names)
    out.filled("mrkdwn_in", list(given.mrkdwn_in or ()))
    out.filled("actions", [_slack_action(out, index, item) for index, item in enumerate(given.actions or ())])
    out.timeout("0.30.0", given.timeout)
    out.only_since("0.31.0", "message_text", given.message_text, "messageText")
    out.only_since("0.32.0", "update_message", given.update_message, "updateMessage")
    if out.config.get("update_message"):
        out.need(out.config.get("api_url") == _SLACK_POST, "updateMessage", f"needs a bot's token: apiURL must be {_SLACK_POST}")


def _slack_field(out: Writer, index: int, given: SlackConfig) -> Json:
    item = (given.fields or [])[index]
    for name in ("title", "value"):
        out.need(getattr(item, name), f"fields[{index}].{name}", "is missing: give a text")
    field: Json = {"title": item.title, "value": item.value}
    # False is only worth a word where shortFields says otherwise.
    if item.short or (item.short is False and given.short_fields):
        field["short"] = item.short
    return field


def _slack_action(out: Writer, index: int, given: SlackAction) -> Json:
    path = f"actions[{index}]"
    for name in ("type", "text"):
        out.need(getattr(given, name), f"{path}.{name}", "is missing: give a text")
    out.need(given.url or given.name, f"{path}.url", "is missing, and so is name: set one of them")
    action = {key: value for key in ("type", "text", "url", "style", "name", "value") if (value := getattr(given, key))}
    if given.confirm is not None:
        out.need(given.confirm.text, f"{path}.confirm.text", "is missing: give a text")
        names = ("text", "title", "ok_text", "dismiss_text")
        action["confirm"] = {name: value for name in names if (value := getattr(given.confirm, name))}
    return action


def msteams(out: Writer, given: MSTeamsConfig) -> None:
    """An entry of msteams_configs."""
    out.known_since("0.26.0")
    out.start(given)
    out.http(given.http_config)
    out.need(given.webhook_url, "webhookUrl", "is missing: name the key of a Secret that holds the webhook URL")
    if given.webhook_url:
        out.secret_url("webhook_url", given.webhook_url, "webhookUrl")
    out.texts(title=given.title, text=given.text)
    out.since("0.27.0", "summary", given.summary, "summary")


def msteamsv2(out: Writer, given: MSTeamsV2Config) -> None:
    """An entry of msteamsv2_configs."""
    out.known_since("0.28.0")
    out.start(given)
    out.http(given.http_config)
    out.need(given.webhook_url, "webhookURL", "is missing: name the key of a Secret that holds the webhook URL")
    if given.webhook_url:
        out.secret_url("webhook_url", given.webhook_url, "webhookURL")
    out.texts(title=given.title, text=given.text)


def telegram(out: Writer, given: TelegramConfig) -> None:
    """An entry of telegram_configs."""
    out.start(given)
    out.http(given.http_config)
    out.url("api_url", given.api_url, "apiURL")
    out.need(not (given.bot_token and given.bot_token_file), "botTokenFile", "can't go with botToken: keep one of them")
    token = out.secret("bot_token", given.bot_token, "botToken")
    out.need(token or not given.bot_token, "botToken", "is empty: put the token under the key that it names")
    out.file("bot_token_file", given.bot_token_file, "botTokenFile")
    out.need(
        out.config.keys() & {"bot_token", "bot_token_file"} or out.facts.set & {"telegram_bot_token", "telegram_bot_token_file"},
        "botToken",
        "is missing: name the key of a Secret that holds the bot's token",
    )
    out.need(given.chat_id, "chatID", "is missing: give the number of the chat")
    out.filled("chat_id", given.chat_id)
    out.since("0.26.0", "message_thread_id", given.message_thread_id or None, "messageThreadID")
    out.texts(message=given.message, parse_mode=given.parse_mode)
    out.filled("disable_notifications", given.disable_notifications)


def wechat(out: Writer, given: WeChatConfig) -> None:
    """An entry of wechat_configs."""
    out.start(given)
    out.http(given.http_config)
    secret = out.secret("api_secret", given.api_secret, "apiSecret")
    known = out.facts.set
    out.need(
        secret or known & {"wechat_api_secret", "wechat_api_secret_file"},
        "apiSecret",
        "is missing, and there is no global one: name the key of a Secret that holds it",
    )
    out.url("api_url", given.api_url, "apiURL")
    out.need(given.corp_id or "wechat_api_corp_id" in known, "corpID", "is missing, and there is no global one: set it")
    out.need(given.message_type in (None, "", "text", "markdown"), "messageType", "must be text or markdown")
    out.texts(
        corp_id=given.corp_id, agent_id=given.agent_id, to_user=given.to_user, to_party=given.to_party, to_tag=given.to_tag,
        message=given.message, message_type=given.message_type,
    )  # fmt: skip


def webex(out: Writer, given: WebexConfig) -> None:
    """An entry of webex_configs."""
    out.start(given)
    out.http(given.http_config)
    authorized = out.config.get("http_config", {}).keys() & {"authorization", "bearer_token"}
    out.need(authorized, "httpConfig.authorization", "is missing or empty: Webex needs the bot's token there")
    out.url("api_url", given.api_url, "apiURL")
    out.need(given.room_id, "roomID", "is missing: give the ID of the room")
    out.texts(message=given.message, room_id=given.room_id)


def rocketchat(out: Writer, given: RocketChatConfig) -> None:
    """An entry of rocketchat_configs. Upstream also writes flags of actions that Alertmanager refuses: those are left out."""
    out.known_since("0.28.0")
    out.start(given)
    out.http(given.http_config)
    out.url("api_url", given.api_url, "apiURL")
    for key, name, selector in (("token", "token", given.token), ("token_id", "tokenID", given.token_id)):
        out.need(selector, name, "is missing: name the key of a Secret that holds it")
        if selector:
            out.given(key, out.context.secret(selector, f"{out.path}.{name}"))
    out.texts(
        channel=given.channel, color=given.color, title=given.title, title_link=given.title_link, text=given.text,
        emoji=given.emoji,
    )  # fmt: skip
    out.template_url("icon_url", given.icon_url, "iconURL")
    out.template_url("image_url", given.image_url, "imageURL")
    out.template_url("thumb_url", given.thumb_url, "thumbURL")
    out.filled("short_fields", given.short_fields)
    out.filled("link_names", given.link_names)
    fields = [{key: getattr(item, key) for key in ("title", "value", "short")} for item in given.fields or ()]
    out.filled("fields", [{key: value for key, value in item.items() if value not in (None, "")} for item in fields])
    actions = []
    for index, item in enumerate(given.actions or ()):
        nested = Writer(out.context, out.facts, f"{out.path}.actions[{index}]")
        nested.texts(text=item.text, msg=item.msg)
        nested.template_url("url", item.url, "url")
        actions.append(nested.config)
    out.filled("actions", actions)
