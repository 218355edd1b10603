"""Hypothesis strategies of AlertmanagerConfigs and Alertmanagers that the API server would accept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from davit_alertmanager_tests.world import Json

VERSIONS = ("0.25.0", "0.27.0", "0.28.1", "0.31.0", "0.33.1")
SECRET = "keys"
"""The Secret of every namespace, with these keys:"""
KEYS = {
    "token": "s3cr3t",
    "user": "me",
    "url": "https://hooks.example.com/T0/B0",
    "slack": "https://slack.com/api/chat.postMessage",
}
CONFIG_MAP = "settings"
CONFIG_KEYS = {"client": "client-id"}

Draw = Callable[[st.SearchStrategy[Any]], Any]
words = st.sampled_from(["alpha", "b-1", "c d", '{{ template "x" . }}', "ü", "7", "yes", "line\nbreak", 'quo"te'])
flags = st.booleans()
urls = st.sampled_from(["https://a.example.com/x", "http://b:8080/?q=1#f", "https://u:p@c.example.com"])
template_urls = st.one_of(urls, st.just("https://x/{{ .CommonLabels.team }}"))
durations = st.sampled_from(["30s", "90s", "5m", "1h30m", "2h", "750ms", "0s"])
labels = st.sampled_from(["job", "severity", "team", "instance"])
tokens = st.just({"name": SECRET, "key": "token"})
hooks = st.just({"name": SECRET, "key": "url"})


def objects(required: dict[str, st.SearchStrategy[Any]], **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    """Objects with these fields; few of the optional ones at a time, so that examples stay readable."""
    names = sorted(optional)

    @st.composite
    def build(draw: Draw) -> Json:
        chosen = draw(st.lists(st.sampled_from(names), max_size=5, unique=True)) if names else []
        return {**{name: draw(one) for name, one in required.items()}, **{name: draw(optional[name]) for name in chosen}}

    return build()


pairs = st.lists(
    st.builds(lambda key, value: {"key": key, "value": value}, st.sampled_from(["k1", "k2"]), words),
    max_size=2,
    unique_by=lambda one: one["key"],
)
proxies: dict[str, st.SearchStrategy[Any]] = {"proxyUrl": st.just("http://proxy:3128")}
oauth2 = objects(
    {
        "clientId": st.just({"configMap": {"name": CONFIG_MAP, "key": "client"}}),
        "clientSecret": tokens,
        "tokenUrl": st.just("https://id.example.com/token"),
    },
    scopes=st.just(["a", "b"]),
    endpointParams=st.just({"p": "v"}),
    **proxies,
)
tls = objects({}, serverName=st.just("name"), insecureSkipVerify=flags, minVersion=st.just("TLS12"), maxVersion=st.just("TLS13"))
auth = st.sampled_from([
    {},
    {"authorization": {"credentials": {"name": SECRET, "key": "token"}}},
    {"authorization": {"type": "Token", "credentials": {"name": SECRET, "key": "token"}}},
    {"basicAuth": {"username": {"name": SECRET, "key": "user"}, "password": {"name": SECRET, "key": "token"}}},
    {"bearerTokenSecret": {"name": SECRET, "key": "token"}},
])  # fmt: skip


@st.composite
def http_configs(draw: Draw, authorized: bool = False) -> Json:
    """`httpConfig`."""
    chosen: Json = draw(auth)
    if authorized:
        chosen = {"authorization": {"credentials": {"name": SECRET, "key": "token"}}}
    elif not chosen and draw(flags):
        chosen = {"oauth2": draw(oauth2)}
    through = draw(st.sampled_from([
        {}, {"proxyUrl": "http://p:1"}, {"proxyURL": "http://o:2"}, {"proxyURL": "http://o:2", "proxyUrl": "http://p:1"},
        {"proxyUrl": "http://p:1", "noProxy": "a,b"}, {"proxyFromEnvironment": True},
        {"proxyUrl": "http://p:1", "proxyConnectHeader": {"X": [{"name": SECRET, "key": "token"}]}},
    ]))  # fmt: skip
    return {**chosen, **through, **draw(objects({}, tlsConfig=tls, followRedirects=flags, enableHttp2=flags))}


def integration(required: dict[str, st.SearchStrategy[Any]], **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    """An integration with what nearly all have."""
    return objects(required, **{"sendResolved": flags, "httpConfig": http_configs(), **optional})


def texts(*names: str) -> dict[str, st.SearchStrategy[Any]]:
    """Fields of any text."""
    return dict.fromkeys(names, words)


slack_actions = st.lists(
    objects({"type": st.just("button"), "text": words, "url": urls}, **texts("style", "name", "value"),
            confirm=objects({"text": words}, **texts("title", "okText", "dismissText"))), min_size=1, max_size=1,
)  # fmt: skip
INTEGRATIONS: dict[str, st.SearchStrategy[Json]] = {
    "opsgenieConfigs": integration(
        {"apiKey": tokens}, apiURL=urls,
        **texts("message", "description", "source", "tags", "note", "priority", "entity", "actions"),
        updateAlerts=flags, details=pairs,
        responders=st.lists(objects({"type": st.sampled_from(["team", "teams", "user", "escalation", "schedule"]), "name": words},
                                    **texts("id", "username")), max_size=2),
    ),
    "pagerdutyConfigs": integration(
        {"routingKey": tokens}, serviceKey=tokens, url=urls, clientURL=template_urls, details=pairs,
        **texts("client", "description", "severity", "class", "group", "component", "source"), timeout=durations,
        pagerDutyImageConfigs=st.lists(objects({}, src=words, alt=words, href=template_urls), max_size=2),
        pagerDutyLinkConfigs=st.lists(objects({}, alt=words, href=template_urls), max_size=2),
    ),
    "discordConfigs": integration({"apiURL": hooks}, **texts("title", "message", "content", "username"), avatarURL=urls),
    "slackConfigs": integration(
        {"apiURL": st.just({"name": SECRET, "key": "slack"})},
        **texts("channel", "username", "color", "title", "titleLink", "pretext", "text", "footer"),
        **texts("fallback", "callbackId", "iconEmoji", "iconURL", "imageURL", "thumbURL", "messageText"),
        shortFields=flags, linkNames=flags,
        mrkdwnIn=st.just(["text"]), actions=slack_actions, timeout=durations, updateMessage=flags,
        fields=st.lists(objects({"title": words, "value": words}, short=flags), min_size=1, max_size=2),
    ),
    "webhookConfigs": integration(
        {"url": template_urls}, urlSecret=hooks, maxAlerts=st.sampled_from([0, 5]), timeout=durations, payload=words
    ),
    "wechatConfigs": integration(
        {"apiSecret": tokens, "corpID": words}, apiURL=urls, **texts("agentID", "toUser", "toParty", "toTag", "message"),
        messageType=st.sampled_from(["text", "markdown"]),
    ),
    "emailConfigs": objects(
        {"to": words, "from": words, "smarthost": st.sampled_from(["mail:25", "[::1]:465"])}, sendResolved=flags,
        **texts("hello", "authUsername", "authIdentity", "html", "text"), authPassword=tokens, authSecret=tokens, headers=pairs,
        requireTLS=flags, tlsConfig=tls, forceImplicitTLS=flags,
        threading=st.sampled_from([{"threadByDate": "Daily"}, {"threadByDate": "None"}]),
    ),
    "victoropsConfigs": integration(
        {"apiKey": tokens, "routingKey": words}, apiUrl=urls,
        **texts("messageType", "entityDisplayName", "stateMessage", "monitoringTool"),
        customFields=pairs,
    ),
    "pushoverConfigs": integration(
        {"userKey": tokens, "token": tokens},
        **texts("title", "message", "urlTitle", "priority", "device", "sound"),
        url=template_urls,
        ttl=durations, retry=durations, expire=durations, html=flags,
    ),
    "snsConfigs": integration(
        {"topicARN": words}, **texts("subject", "message"), apiURL=template_urls, attributes=st.just({"a": "b"}),
        useAWSHTTPClient=flags,
        sigv4=objects({"roleArn": words}, **texts("region", "profile", "externalId"),),
    ),
    "telegramConfigs": integration(
        {"botToken": tokens, "chatID": st.sampled_from([-100, 42])}, apiURL=urls, messageThreadID=st.just(7), message=words,
        disableNotifications=flags, parseMode=st.sampled_from(["MarkdownV2", "Markdown", "HTML"]),
    ),
    "webexConfigs": objects(
        {"roomID": words, "httpConfig": http_configs(authorized=True)}, sendResolved=flags, apiURL=urls, message=words
    ),
    "msteamsConfigs": integration({"webhookUrl": hooks}, **texts("title", "summary", "text")),
    "msteamsv2Configs": integration({"webhookURL": hooks}, **texts("title", "text")),
    "rocketchatConfigs": integration(
        {"token": tokens, "tokenID": tokens}, apiURL=urls, **texts("channel", "color", "emoji", "text", "title", "titleLink"),
        **dict.fromkeys(("iconURL", "imageURL", "thumbURL"), template_urls), shortFields=flags, linkNames=flags,
        fields=st.lists(objects({}, title=words, value=words, short=flags), min_size=1, max_size=2),
        actions=st.lists(objects({}, text=words, url=template_urls, msg=words), min_size=1, max_size=2),
    ),
}  # fmt: skip

values = st.sampled_from(["a", "b", "x.*", 'q"uote', "back\\\\slash", "new\nline", ""])
matchers = st.one_of(
    st.builds(
        lambda name, value, kind: {"name": name, "value": value, "matchType": kind},
        labels,
        values,
        st.sampled_from(["=", "!=", "=~", "!~"]),
    ),
    st.builds(lambda name, value, regex: {"name": name, "value": value, "regex": regex}, labels, values, flags),
    st.builds(lambda name, value: {"name": name, "value": value}, labels, values),
)
matcher_lists = st.lists(matchers, max_size=2)
inhibit_rules = objects({}, sourceMatch=matcher_lists, targetMatch=matcher_lists, equal=st.lists(labels, max_size=2, unique=True))
periods = objects(
    {},
    times=st.just([{"startTime": "09:00", "endTime": "17:30"}, {"startTime": "20:00", "endTime": "24:00"}]),
    weekdays=st.sampled_from([["monday:friday"], ["Saturday", "sunday"]]),
    daysOfMonth=st.sampled_from([[{"start": 1, "end": 5}], [{"start": -3, "end": -1}, {"start": 7, "end": 7}]]),
    months=st.sampled_from([["january:march"], ["1", "May:8"]]),
    years=st.sampled_from([["2026"], ["2026:2030"]]),
)
TIMES = ("nights", "weekends")
RECEIVERS = ("one", "two", "silent")


@st.composite
def receivers(draw: Draw, name: str) -> Json:
    """A receiver of a few integrations, or of none for the silent one."""
    found: Json = {"name": name}
    if name != "silent":
        for kind in draw(st.lists(st.sampled_from(sorted(INTEGRATIONS)), min_size=1, max_size=2, unique=True)):
            found[kind] = draw(st.lists(INTEGRATIONS[kind], min_size=1, max_size=2))
    return found


def routes(depth: int = 0, top: bool = True) -> st.SearchStrategy[Json]:
    """Routes of at most three levels."""
    below = {} if depth > 1 else {"routes": st.lists(routes(depth + 1, top=False), max_size=2)}
    required = {"receiver": st.sampled_from(RECEIVERS)} if top else {}
    return objects(
        required,
        **({} if top else {"receiver": st.sampled_from(RECEIVERS)}),
        groupBy=st.one_of(st.just(["..."]), st.lists(labels, max_size=2, unique=True)),
        groupWait=durations,
        groupInterval=st.sampled_from(["1m", "300s"]),
        repeatInterval=st.sampled_from(["4h", "1d", "1w"]),
        matchers=matcher_lists,
        muteTimeIntervals=st.lists(st.sampled_from(TIMES), max_size=2, unique=True),
        activeTimeIntervals=st.lists(st.sampled_from(TIMES), max_size=2, unique=True),
        **{"continue": flags},
        **below,
    )


@st.composite
def specs(draw: Draw, beta: bool = False) -> Json:
    """The spec of an AlertmanagerConfig, v1alpha1; `beta` without what upstream loses, or dies of, on its way to v1beta1."""
    found = [draw(receivers(name)) for name in RECEIVERS]
    for receiver in found if beta else ():
        for one in receiver.get("opsgenieConfigs", ()):
            one.pop("updateAlerts", None)
        for one in receiver.get("pushoverConfigs", ()):
            one.pop("ttl", None)
        for one in receiver.get("emailConfigs", ()):
            one.setdefault("threading", {"threadByDate": "Daily"})
    return {
        "route": draw(routes()),
        "receivers": found,
        "inhibitRules": draw(st.lists(inhibit_rules, max_size=2)),
        "muteTimeIntervals": [{"name": name, "timeIntervals": draw(st.lists(periods, min_size=1, max_size=2))} for name in TIMES],
    }


strategies_of_matching = st.sampled_from([None, "OnNamespace", "OnNamespaceExceptForAlertmanagerNamespace", "None"])
global_urls = st.sampled_from(["https://a.example.com/x", "http://b:8080/?q=1#f"])
"""Without passwords, for which upstream writes xxxxx."""
api_urls = objects({}, apiURL=global_urls)
global_configs = objects(
    {},
    resolveTimeout=st.sampled_from(["300s", "1d", "90m"]),
    httpConfig=http_configs().map(lambda one: {key: value for key, value in one.items() if key != "proxyURL"}),
    slackApiUrl=hooks,
    opsGenieApiUrl=hooks,
    opsGenieApiKey=tokens,
    pagerdutyUrl=global_urls,
    telegram=api_urls,
    jira=api_urls,
    webex=api_urls,
    victorops=objects({}, apiURL=global_urls, apiKey=tokens),
    rocketChat=objects({}, apiURL=global_urls, token=tokens, tokenID=tokens),
    wechat=objects({}, apiURL=global_urls, apiSecret=tokens, apiCorpID=words),
    mattermost=objects({}, webhookURL=hooks),
    smtp=objects(
        {},
        **{"from": words},
        **texts("hello", "authUsername", "authIdentity"),
        smartHost=st.sampled_from([{"host": "mail", "port": "25"}, {"host": "::1", "port": "465"}]),
        authPassword=tokens,
        authSecret=tokens,
        requireTLS=flags,
        tlsConfig=tls,
        forceImplicitTLS=flags,
    ),
)
