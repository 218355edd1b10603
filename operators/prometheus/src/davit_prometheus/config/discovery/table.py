"""How one entry of a service discovery becomes configuration: a table of steps, each of which adds its keys. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from davit.monitoring import http, urls
from davit.monitoring.http import Context, Unusable
from davit.monitoring.units import parse_duration
from pydantic import BaseModel

from davit_prometheus.model import Json

Step = Callable[[Context, Any, str], Json]
"""(context, entry, path of the entry) -> keys to add, in upstream's order; raises `Unusable` for what can't be rendered.

Checks are steps that add nothing. Entries' attributes are named like Prometheus' keys, unless a step says otherwise.
"""


@dataclass(frozen=True, slots=True)
class Discovery:
    """A kind of service discovery: its list in the spec, its list in prometheus.yaml, an entry's model and steps.

    since: the version that brought it.
    """

    field: str
    key: str
    model: type[BaseModel]
    steps: tuple[Step, ...]
    since: str = "2.0.0"

    def render(self, context: Context, entry: BaseModel, path: str) -> Json:
        """The configuration of one entry; raises `Unusable`."""
        if not context.gate.at_least(self.since):
            raise Unusable(path, f"is unknown to Prometheus {context.gate.version}: run {self.since} or newer")
        config: Json = {}
        for step in self.steps:
            config |= step(context, entry, path)
        http.check_client(config, path)
        return config


def where(entry: BaseModel, attribute: str, path: str) -> str:
    """The path of an entry's field, in the user's spelling."""
    return f"{path}.{type(entry).model_fields[attribute].alias or attribute}"


def put(*attributes: str) -> Step:
    """The values that are given, even empty ones."""

    def step(_: Context, entry: Any, __: str) -> Json:
        values = {attribute: getattr(entry, attribute) for attribute in attributes}
        return {key: value for key, value in values.items() if value is not None}

    return step


def every(attribute: str = "refresh_interval", shortest: int = 1) -> Step:
    """An interval, of which Prometheus makes a ticker: at less than `shortest` milliseconds it panics when it loads."""

    def step(_: Context, entry: Any, path: str) -> Json:
        text = getattr(entry, attribute)
        if text and parse_duration(text) < shortest:
            raise Unusable(where(entry, attribute, path), f"{text} would crash Prometheus: write for example 30s")
        return {attribute: text} if text else {}

    return step


def filled(*attributes: str) -> Step:
    """The values that are not empty; maps in the order of their keys."""

    def step(_: Context, entry: Any, __: str) -> Json:
        values = {attribute: getattr(entry, attribute) for attribute in attributes}
        return {
            key: dict(sorted(value.items())) if isinstance(value, Mapping) else value for key, value in values.items() if value
        }

    return step


def required(*attributes: str) -> Step:
    """Values without which Prometheus does not load."""

    def step(_: Context, entry: Any, path: str) -> Json:
        values = {attribute: getattr(entry, attribute) for attribute in attributes}
        for attribute, value in values.items():
            if not value or (isinstance(value, str) and not value.strip()):
                raise Unusable(where(entry, attribute, path), "is missing: set it")
        return values

    return step


def choice(attribute: str, options: Mapping[str, str] | tuple[str, ...], needed: Mapping[str, str] | None = None) -> Step:
    """One of few values, in any case: options in lower case, as Prometheus writes them; needed: option -> version."""
    spellings = options if isinstance(options, Mapping) else {option: option for option in options}

    def step(context: Context, entry: Any, path: str) -> Json:
        given = getattr(entry, attribute)
        if given is None:
            return {}
        value = spellings.get(given.lower())
        if value is None:
            raise Unusable(where(entry, attribute, path), f"{given!r} is unknown: write one of {', '.join(spellings)}")
        minimum = (needed or {}).get(given.lower(), "")
        if minimum and not context.gate.at_least(minimum):
            now = f"Prometheus {minimum}, this is {context.gate.version}"
            raise Unusable(where(entry, attribute, path), f"{given!r} needs {now}: choose another or upgrade")
        return {attribute: value}

    return step


def since(minimum: str, step: Step) -> Step:
    """Values that older versions refuse and whose absence would discover something else: no entry without them."""

    def guarded(context: Context, entry: Any, path: str) -> Json:
        rendered = step(context, entry, path)
        for attribute in rendered:
            if not context.gate.at_least(minimum):
                now = f"Prometheus {minimum}, this is {context.gate.version}"
                raise Unusable(where(entry, attribute, path), f"needs {now}: remove it or upgrade")
        return rendered

    return guarded


def gated(minimum: str, step: Step) -> Step:
    """A step whose keys older versions do without."""

    def guarded(context: Context, entry: Any, path: str) -> Json:
        rendered = step(context, entry, path)
        return {key: value for key, value in rendered.items() if context.gate.since(minimum, where(entry, key, path))}

    return guarded


def secret(attribute: str, key: str = "") -> Step:
    """The text of a Secret's key, when one is named."""

    def step(context: Context, entry: Any, path: str) -> Json:
        selector = getattr(entry, attribute)
        return {} if selector is None else {key or attribute: context.secret(selector, where(entry, attribute, path))}

    return step


def required_secret(attribute: str) -> Step:
    """The text of a Secret's key, without which Prometheus does not load."""

    def step(context: Context, entry: Any, path: str) -> Json:
        text = context.secret(getattr(entry, attribute), where(entry, attribute, path))
        if not text:
            raise Unusable(where(entry, attribute, path), "is empty: put a value in the Secret")
        return {attribute: text}

    return step


def url(attribute: str, *schemes: str, hosted: bool = True) -> Step:
    """A URL: of one of these schemes, any when none; hosted: it must have a scheme and a host."""

    def step(_: Context, entry: Any, path: str) -> Json:
        text, field = getattr(entry, attribute), where(entry, attribute, path)
        if not text.strip():
            raise Unusable(field, "is missing: give the URL")
        try:
            parsed = urls.parse(text)
        except urls.NotAUrl as error:
            raise Unusable(field, f"{text!r} is not a URL: {error}") from None
        example = f"{schemes[0] if schemes else 'http'}://host:port"
        if hosted and not (parsed.scheme and parsed.host):
            raise Unusable(field, f"{text!r} lacks its scheme or host: write it as {example}")
        if schemes and parsed.scheme not in schemes:
            raise Unusable(field, f"{text!r} is not of {' or '.join(schemes)}: write it as {example}")
        return {attribute: text}

    return step


def basic_auth(context: Context, entry: Any, path: str) -> Json:
    """`basic_auth`."""
    return http.basic_auth(context, entry.basic_auth, f"{path}.basicAuth")


def authorization(context: Context, entry: Any, path: str) -> Json:
    """`authorization`."""
    return http.authorization(context, entry.authorization, f"{path}.authorization")


def oauth2(context: Context, entry: Any, path: str) -> Json:
    """`oauth2`."""
    return http.oauth2(context, entry.oauth2, f"{path}.oauth2")


def proxy(context: Context, entry: Any, path: str) -> Json:
    """`proxy_url` and its like."""
    return http.proxy(context, entry, path)


def tls(context: Context, entry: Any, path: str) -> Json:
    """`tls_config`."""
    return http.safe_tls(context, entry.tls_config, f"{path}.tlsConfig")


def filters(_: Context, entry: Any, path: str) -> Json:
    """`filters`, by name."""
    given = sorted(entry.filters or (), key=lambda each: each.name)
    for each in given:
        if not each.values:
            raise Unusable(f"{path}.filters", f"{each.name!r} has no values: give one or remove the filter")
    return {"filters": [{"name": each.name, "values": each.values} for each in given]} if given else {}


REDIRECTS = put("follow_redirects", "enable_http2")
TOKEN = (authorization, oauth2, proxy)
AUTH = (basic_auth, *TOKEN)
"""In the order of most discoveries."""
