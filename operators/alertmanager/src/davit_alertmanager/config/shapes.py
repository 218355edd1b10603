"""Which types the fields of alertmanager.yaml have, so that a user's own text can be read as Alertmanager reads it. Data.

`name` is a text that means nothing when empty, `name!` one that is kept then since it replaces a default; `name:type` has
another type (see `Shape`), or is of a section of that name, in a list with `[]`; `@0.28.0` came with that version.
Source: Alertmanager config/config.go and config/notifiers.go, 0.25 to 0.34.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Literal

Type = Literal["text", "bool", "flag", "int", "span", "go", "texts", "map", "any", "section"]
"""bool is kept when false, flag is not; span and go are durations, as Prometheus and as Go writes them."""

_FIELD = re.compile(r"(\w+)(!?)(?::(\w+)(\[\])?)?(?:@([\d.]+))?")
_TYPES: dict[str | None, Type] = {
    None: "text", "bool": "bool", "flag": "flag", "int": "int", "span": "span", "go": "go", "texts": "texts", "map": "map",
    "any": "any",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """One field: its type, whether an empty text is kept, the section and whether in a list, the version it came with."""

    type: Type = "text"
    keep: bool = False
    section: str = ""
    many: bool = False
    since: str = ""


_HTTP = "send_resolved:bool http_config:http"
_SECTIONS = {
    "root": "global:global route:route inhibit_rules:inhibit_rule[] receivers:receiver[] mute_time_intervals:interval[] "
    "time_intervals:interval[] templates:texts",
    "global": "resolve_timeout:span http_config:http smtp_from smtp_hello! smtp_smarthost smtp_auth_username smtp_auth_password "
    "smtp_auth_password_file smtp_auth_secret smtp_auth_secret_file@0.31.0 smtp_auth_identity smtp_require_tls:bool "
    "smtp_tls_config:tls@0.28.0 smtp_force_implicit_tls:bool@0.31.0 slack_api_url slack_api_url_file slack_app_token@0.30.0 "
    "slack_app_token_file@0.30.0 slack_app_url@0.30.0 pagerduty_url opsgenie_api_url opsgenie_api_key opsgenie_api_key_file "
    "wechat_api_url wechat_api_secret wechat_api_secret_file@0.31.0 wechat_api_corp_id victorops_api_url victorops_api_key "
    "victorops_api_key_file telegram_api_url telegram_bot_token@0.31.0 telegram_bot_token_file@0.31.0 webex_api_url jira_api_url "
    "rocketchat_api_url rocketchat_token! rocketchat_token_file rocketchat_token_id! rocketchat_token_id_file "
    "mattermost_webhook_url@0.32.0 mattermost_webhook_url_file@0.32.0",
    "http": "authorization:authorization basic_auth:basic_auth oauth2:oauth2 bearer_token bearer_token_file tls_config:tls "
    "follow_redirects:bool enable_http2:bool http_headers:any@0.28.0 proxy_url no_proxy@0.26.0 "
    "proxy_from_environment:flag@0.26.0 proxy_connect_header:any@0.26.0",
    "authorization": "type credentials credentials_file",
    "basic_auth": "username username_file password password_file",
    "oauth2": "client_id! client_secret! client_secret_file scopes:texts token_url! endpoint_params:map tls_config:tls proxy_url "
    "no_proxy@0.26.0 proxy_from_environment:flag@0.26.0 proxy_connect_header:any@0.26.0",
    "tls": "ca_file cert_file key_file server_name insecure_skip_verify:bool min_version max_version",
    "route": "receiver group_by:texts match:map match_re:map matchers:texts continue:flag routes:route[] group_wait "
    "group_interval repeat_interval mute_time_intervals:texts active_time_intervals:texts",
    "inhibit_rule": "target_match:map target_match_re:map target_matchers:texts source_match:map source_match_re:map "
    "source_matchers:texts equal:texts",
    "interval": "name! time_intervals:period[]",
    "period": "times:times[] weekdays:texts days_of_month:texts months:texts years:texts location",
    "times": "start_time end_time",
    "receiver": "name! opsgenie_configs:opsgenie[] pagerduty_configs:pagerduty[] slack_configs:slack[] webhook_configs:webhook[] "
    "wechat_configs:wechat[] email_configs:email[] pushover_configs:pushover[] victorops_configs:victorops[] sns_configs:sns[] "
    "telegram_configs:telegram[] discord_configs:discord[] webex_configs:webex[] msteams_configs:msteams[] "
    "msteamsv2_configs:msteamsv2[] jira_configs:jira[] rocketchat_configs:rocketchat[] mattermost_configs:mattermost[] "
    "incidentio_configs:incidentio[]",
    "opsgenie": f"{_HTTP} api_key api_key_file api_url message! description! source! details:map responders:any tags note "
    "priority update_alerts:bool entity actions",
    "pagerduty": f"{_HTTP} service_key service_key_file routing_key routing_key_file url client! client_url! "
    "description! details:any images:any links:any severity class component group source timeout:go@0.30.0",
    "slack": f"{_HTTP} api_url api_url_file app_token@0.30.0 app_token_file@0.30.0 app_url@0.30.0 channel username! color! "
    "title! title_link! pretext! text! fields:slack_field[] short_fields:flag footer! fallback! callback_id! icon_emoji! "
    "icon_url! image_url thumb_url link_names:flag mrkdwn_in:texts actions:any timeout:go@0.30.0 message_text@0.31.0 "
    "update_message:bool@0.32.0",
    "slack_field": "title value short:bool",
    "webhook": f"{_HTTP} url url_file@0.26.0 max_alerts:int timeout:go@0.28.0 payload:any@0.32.0",
    "wechat": f"{_HTTP} api_secret api_secret_file@0.31.0 api_url corp_id agent_id! to_user! to_party! to_tag! message! "
    "message_type",
    "email": "send_resolved:bool to from hello smarthost auth_username auth_password auth_password_file auth_secret "
    "auth_secret_file@0.31.0 auth_identity headers:map html! text! require_tls:bool tls_config:tls "
    "force_implicit_tls:bool@0.31.0 threading:threading@0.30.0",
    "threading": "enabled:bool thread_by_date",
    "pushover": f"{_HTTP} user_key user_key_file@0.26.0 token token_file@0.26.0 title! message! url! url_title ttl@0.27.0 "
    "device@0.26.0 sound priority! retry:go expire:go html:bool monospace:bool@0.29.0",
    "victorops": f"{_HTTP} api_key api_key_file api_url routing_key message_type! state_message! entity_display_name! "
    "monitoring_tool! custom_fields:map",
    "sns": f"{_HTTP} api_url sigv4:sigv4 topic_arn phone_number target_arn subject! message! attributes:map "
    "use_aws_http_client:flag@0.33.0",
    "sigv4": "region access_key secret_key profile role_arn external_id@0.33.0",
    "telegram": f"{_HTTP} api_url bot_token bot_token_file@0.26.0 chat_id:int chat_id_file@0.31.0 message_thread_id:int@0.26.0 "
    "message! disable_notifications:flag parse_mode!",
    "discord": f"{_HTTP} webhook_url webhook_url_file title! message! content@0.28.0 username@0.28.0 avatar_url@0.28.0",
    "webex": f"{_HTTP} api_url message! room_id!",
    "msteams": f"{_HTTP} webhook_url! webhook_url_file title! summary!@0.27.0 text!",
    "msteamsv2": f"{_HTTP} webhook_url webhook_url_file title! text!",
    "jira": f"{_HTTP} api_url project summary:any description:any labels:texts priority! issue_type reopen_transition "
    "resolve_transition wont_fix_resolution reopen_duration:span fields:any api_type@0.29.0",
    "rocketchat": f"{_HTTP} api_url token_id! token_id_file token! token_file channel color! title! title_link! text! fields:any "
    "short_fields:flag emoji! icon_url! image_url thumb_url link_names:flag actions:any",
    "mattermost": f"{_HTTP} webhook_url webhook_url_file channel username! text! icon_url icon_emoji attachments:any props:any "
    "priority:any fallback!@0.32.0 color!@0.32.0 pretext@0.32.0 author_name@0.32.0 author_link@0.32.0 author_icon@0.32.0 "
    "title!@0.32.0 title_link!@0.32.0 fields:any@0.32.0 thumb_url@0.32.0 footer@0.32.0 footer_icon@0.32.0 image_url@0.32.0",
    "incidentio": f"{_HTTP} url url_file alert_source_token alert_source_token_file max_alerts:int timeout:go",
}


@functools.cache
def shapes(section: str) -> dict[str, Shape]:
    """The fields of a section."""
    return dict(_shape(text) for text in _SECTIONS[section].split())


def _shape(text: str) -> tuple[str, Shape]:
    found = _FIELD.fullmatch(text)
    if found is None:
        raise ValueError(text)
    name, keep, kind, many, since = found.groups()
    if kind in _TYPES:
        return name, Shape(_TYPES[kind], bool(keep), since=since or "")
    return name, Shape("section", section=kind, many=bool(many), since=since or "")
