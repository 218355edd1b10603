"""What the service discoveries of a ScrapeConfig share. Descriptions are what `kubectl explain` shows."""

from __future__ import annotations

from typing import Annotated

from davit.crd import structural, without_descriptions
from davit.monitoring.types import (
    ATOMIC,
    BasicAuth,
    Duration,
    OAuth2,
    ProxyConfig,
    SafeAuthorization,
    SafeTLSConfig,
    SecretKeySelector,
    Spec,
    by,
    schema,
)
from pydantic import BaseModel, Field, WithJsonSchema

SET = {"x-kubernetes-list-type": "set"}


def _lean(model: type[BaseModel]) -> WithJsonSchema:
    """The model's schema without texts: inlined in twenty discoveries, they would be half of the definition."""
    return WithJsonSchema(without_descriptions(structural(model)))


# Limits of the API are written as schema only: an object that an older or foreign schema let through is judged by what
# Prometheus accepts, entry by entry, and not refused as a whole.
Text = Annotated[str, Field(json_schema_extra={"minLength": 1})]
Url = Annotated[str, Field(json_schema_extra={"pattern": "^https?://.+$"})]
DaemonUrl = Annotated[str, Field(json_schema_extra={"pattern": "^[a-zA-Z][a-zA-Z0-9+.-]*://.+$", "minLength": 1})]
Port = Annotated[int, Field(json_schema_extra={"minimum": 0, "maximum": 65535, "format": "int32"})]
TextSet = Annotated[list[Text], Field(json_schema_extra={**SET, "minItems": 1})]
Texts = Annotated[list[Text], Field(json_schema_extra={**ATOMIC, "minItems": 1})]

SecretKey = Annotated[SecretKeySelector, _lean(SecretKeySelector)]
Tls = Annotated[SafeTLSConfig, _lean(SafeTLSConfig)]
Basic = Annotated[BasicAuth, _lean(BasicAuth)]
Token = Annotated[SafeAuthorization, _lean(SafeAuthorization)]
Oauth = Annotated[OAuth2, _lean(OAuth2)]


class Filter(Spec):
    """A filter of the API that is asked."""

    model_config = schema("name", "values")
    name: Text = Field(default="", description="Name of the filter.")
    values: TextSet | None = Field(default=None, description="Values that pass the filter.")


Filters = Annotated[list[Filter], Field(json_schema_extra=by("name"))]


class Refreshed(Spec):
    """A discovery that asks again and again."""

    refresh_interval: Duration | None = Field(default=None, description="How often to ask again. Default: Prometheus' own.")


class Ported(Spec):
    """A discovery that finds hosts, not ports."""

    port: Port | None = Field(
        default=None, description="Port to scrape. Default: Prometheus' own, 80. For a public address use relabelings instead."
    )


class Connection(ProxyConfig):
    """How to connect."""

    tls_config: Tls | None = Field(default=None, description="TLS of the connection.")
    enable_http2: bool | None = Field(default=None, alias="enableHTTP2", description="Whether to use HTTP/2. Default true.")


class TokenConnection(Connection):
    """A connection that authenticates with a token."""

    authorization: Token | None = Field(default=None, description="Authorization header. Not together with oauth2 or basicAuth.")
    oauth2: Oauth | None = Field(default=None, description="OAuth 2.0 client. Not together with authorization or basicAuth.")


class AuthConnection(TokenConnection):
    """A connection that authenticates with a token or a password."""

    basic_auth: Basic | None = Field(default=None, description="Basic authentication. Not together with authorization or oauth2.")


class Client(Connection):
    """How the API of a discovery is asked."""

    follow_redirects: bool | None = Field(default=None, description="Whether to follow HTTP redirects. Default true.")


class TokenClient(TokenConnection, Client):
    """A client that authenticates with a token."""


class AuthClient(AuthConnection, Client):
    """A client that authenticates with a token or a password."""
