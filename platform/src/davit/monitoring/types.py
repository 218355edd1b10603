"""Types that several kinds of monitoring.coreos.com share: selectors, credentials, TLS, proxies, relabeling.

Absent, null and empty mean the same, as they do to clients written in Go: what is required is checked by the rooms that
need it, so that one bad part never spoils the rest of an object.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, ConfigDict, Field

from davit.crd import Json, Model
from davit.kube.quantity import parse_quantity
from davit.monitoring.units import BYTE_SIZE, DURATION, GO_DURATION, parse_byte_size, parse_duration, parse_go_duration

ANY = {"x-kubernetes-preserve-unknown-fields": True}
ATOMIC = {"x-kubernetes-list-type": "atomic"}

T = TypeVar("T")
Items = Annotated[list[T], Field(json_schema_extra=ATOMIC)]
"""A list that is replaced as a whole."""
Object = Annotated[dict[str, Any], Field(json_schema_extra=ANY)]
"""An embedded part of a pod or another core type: kept as it is."""
Objects = Annotated[list[Object], Field(json_schema_extra=ATOMIC)]
Strings = dict[str, str]


def schema(*required: str, **more: Any) -> ConfigDict:
    """Configuration of a `Spec`: fields that the schema requires though the model does without, further schema words."""
    extra: Json = {**ANY, **more}
    if required:
        extra["required"] = list(required)
    return ConfigDict(json_schema_extra=extra)


def by(*keys: str) -> Json:
    """Schema words of a list whose items are told apart by these fields."""
    return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)}


class Spec(Model):
    """A part of a monitoring resource: fields that we do not know are kept by the API server and told in status."""

    model_config = schema()


def _checked(parse: Any) -> AfterValidator:
    def check(text: str) -> str:
        if text:
            parse(text)
        return text

    return AfterValidator(check)


def _quantity(text: int | float | str) -> int | float | str:
    parse_quantity(text)
    return text


Duration = Annotated[str, _checked(parse_duration), Field(json_schema_extra={"pattern": DURATION})]
"""A duration as Prometheus writes it, such as 1h30m; kept as written."""
GoDuration = Annotated[str, _checked(parse_go_duration), Field(json_schema_extra={"pattern": GO_DURATION})]
"""A duration of hours and shorter units only."""
ByteSize = Annotated[str, _checked(parse_byte_size), Field(json_schema_extra={"pattern": BYTE_SIZE})]
"""A size in powers of two, such as 512MB or 1GiB; kept as written."""
Quantity = Annotated[
    int | float | str, AfterValidator(_quantity), Field(json_schema_extra={"x-kubernetes-int-or-string": True, "maxLength": 64})
]
IntOrString = Annotated[int | str, Field(json_schema_extra={"x-kubernetes-int-or-string": True})]
Limit = Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})]
"""How many of something are let through; 0 is no limit."""

Scheme = Literal["http", "https", "HTTP", "HTTPS"]
TLSVersion = Literal["TLS10", "TLS11", "TLS12", "TLS13"]
ScrapeProtocol = Literal[
    "PrometheusProto", "OpenMetricsText0.0.1", "OpenMetricsText1.0.0", "PrometheusText0.0.4", "PrometheusText1.0.0"
]
ServiceDiscoveryRole = Literal["Endpoints", "EndpointSlice"]
RelabelAction = Literal[
    "replace", "Replace", "keep", "Keep", "drop", "Drop", "hashmod", "HashMod", "labelmap", "LabelMap", "labeldrop", "LabelDrop",
    "labelkeep", "LabelKeep", "lowercase", "Lowercase", "uppercase", "Uppercase", "keepequal", "KeepEqual",
    "dropequal", "DropEqual",
]  # fmt: skip


class SecretKeySelector(Spec):
    """A key of a Secret in the namespace of the resource."""

    model_config = schema("key")
    name: str = Field(default="", description="Name of the Secret.")
    key: str = Field(default="", description="Key in the Secret.")
    optional: bool | None = Field(default=None, description="Has no effect: what is referred to must exist.")


class ConfigMapKeySelector(Spec):
    """A key of a ConfigMap in the namespace of the resource."""

    model_config = schema("key")
    name: str = Field(default="", description="Name of the ConfigMap.")
    key: str = Field(default="", description="Key in the ConfigMap.")
    optional: bool | None = Field(default=None, description="Has no effect: what is referred to must exist.")


class SecretOrConfigMap(Spec):
    """A key of either a Secret or a ConfigMap."""

    secret: SecretKeySelector | None = Field(default=None, description="Key of a Secret.")
    config_map: ConfigMapKeySelector | None = Field(default=None, description="Key of a ConfigMap.")

    @property
    def empty(self) -> bool:
        """Whether it refers to nothing."""
        return self.secret is None and self.config_map is None


class BasicAuth(Spec):
    """HTTP basic authentication."""

    username: SecretKeySelector | None = Field(default=None, description="Where the user name is kept.")
    password: SecretKeySelector | None = Field(default=None, description="Where the password is kept.")


class SafeAuthorization(Spec):
    """Credentials of an Authorization header."""

    type: str | None = Field(default=None, description="Authentication scheme; Bearer when absent. Basic goes to basicAuth.")
    credentials: SecretKeySelector | None = Field(default=None, description="Where the credentials are kept.")


class Authorization(SafeAuthorization):
    """Credentials of an Authorization header, from a Secret or a file."""

    credentials_file: str | None = Field(default=None, description="File in the container that holds the credentials.")


class SafeTLSConfig(Spec):
    """TLS of a client, with certificates from Secrets and ConfigMaps."""

    ca: SecretOrConfigMap | None = Field(default=None, description="CA certificate that the server's is checked by.")
    cert: SecretOrConfigMap | None = Field(default=None, description="Client certificate.")
    key_secret: SecretKeySelector | None = Field(default=None, description="Key of the client certificate.")
    server_name: str | None = Field(default=None, description="Name that the server's certificate must have.")
    insecure_skip_verify: bool | None = Field(default=None, description="True accepts any server certificate.")
    min_version: TLSVersion | None = Field(default=None, description="Oldest TLS version to accept.")
    max_version: TLSVersion | None = Field(default=None, description="Newest TLS version to accept.")


class TLSConfig(SafeTLSConfig):
    """TLS of a client, with certificates from Secrets, ConfigMaps or files in the container."""

    ca_file: str | None = Field(default=None, description="File with the CA certificate.")
    cert_file: str | None = Field(default=None, description="File with the client certificate.")
    key_file: str | None = Field(default=None, description="File with the client certificate's key.")


class ProxyConfig(Spec):
    """Through which proxy requests go; mixed into whatever sends requests."""

    proxy_url: str | None = Field(
        default=None, description="URL of the proxy.", json_schema_extra={"pattern": "^(http|https|socks5)://.+$"}
    )
    no_proxy: str | None = Field(default=None, description="Comma-separated hosts, domains and CIDRs that need no proxy.")
    proxy_from_environment: bool | None = Field(default=None, description="True takes HTTP_PROXY, HTTPS_PROXY and NO_PROXY.")
    proxy_connect_header: dict[str, Items[SecretKeySelector]] | None = Field(
        default=None, description="Headers to send to the proxy in CONNECT requests."
    )


class OAuth2(ProxyConfig):
    """OAuth 2.0 client credentials."""

    model_config = schema("clientId", "clientSecret", "tokenUrl")
    client_id: SecretOrConfigMap | None = Field(default=None, description="Where the client ID is kept.")
    client_secret: SecretKeySelector | None = Field(default=None, description="Where the client secret is kept.")
    token_url: str = Field(
        default="", description="URL to fetch tokens from.", json_schema_extra={"pattern": "^(http|https)://.+$"}
    )
    scopes: Items[str] | None = Field(default=None, description="Scopes of the request.")
    endpoint_params: Strings | None = Field(default=None, description="Parameters to add to the token URL.")
    tls_config: SafeTLSConfig | None = Field(default=None, description="TLS towards the token server.")


class HTTPLogin(Spec):
    """Authentication of a client, without its TLS and proxy."""

    basic_auth: BasicAuth | None = Field(default=None, description="HTTP basic authentication.")
    authorization: SafeAuthorization | None = Field(default=None, description="Authorization header.")
    oauth2: OAuth2 | None = Field(default=None, description="OAuth 2.0 client credentials.")
    bearer_token_secret: SecretKeySelector | None = Field(
        default=None, description="Where the bearer token is kept. Deprecated: use authorization."
    )
    follow_redirects: bool | None = Field(default=None, description="False stops at HTTP 3xx redirects.")
    enable_http2: bool | None = Field(default=None, description="False keeps to HTTP/1.1.")


class HTTPAuth(HTTPLogin, ProxyConfig):
    """Authentication and proxy of a client, without its TLS: the base of every endpoint."""


class LabelSelectorRequirement(Spec):
    """One condition on a label."""

    model_config = schema("key", "operator")
    key: str = Field(default="", description="Label.")
    operator: str = Field(default="", description="In, NotIn, Exists or DoesNotExist.")
    values: Items[str] | None = Field(default=None, description="Values for In and NotIn.")


class LabelSelector(Spec):
    """Conditions on labels, all of which must hold; none select everything."""

    model_config = schema(**{"x-kubernetes-map-type": "atomic"})
    match_labels: Strings | None = Field(default=None, description="Labels with their values.")
    match_expressions: Items[LabelSelectorRequirement] | None = Field(default=None, description="Further conditions.")


class NamespaceSelector(Spec):
    """Which namespaces to look in; the resource's own when empty."""

    any: bool | None = Field(default=None, description="True looks in all namespaces.")
    match_names: Items[str] | None = Field(default=None, description="Names of the namespaces.")


class ObjectReference(Spec):
    """An object of this API group, or all of a kind in a namespace."""

    model_config = schema("resource", "namespace")
    group: Literal["monitoring.coreos.com", ""] | None = Field(default=None, description="API group: monitoring.coreos.com.")
    resource: str = Field(
        default="",
        description="Plural of the kind, such as servicemonitors.",
        json_schema_extra={"enum": ["prometheusrules", "servicemonitors", "podmonitors", "probes", "scrapeconfigs"]},
    )
    namespace: str = Field(default="", description="Namespace of the object.", json_schema_extra={"minLength": 1})
    name: str | None = Field(default=None, description="Name of the object; all when absent.")


class EmbeddedObjectMetadata(Spec):
    """Metadata of an object to be made."""

    name: str | None = Field(default=None, description="Name of the object.")
    labels: Strings | None = Field(default=None, description="Labels to add.")
    annotations: Strings | None = Field(default=None, description="Annotations to add.")


class RelabelConfig(Spec):
    """One relabeling step."""

    source_labels: Items[str] | None = Field(default=None, description="Labels whose values are joined.")
    separator: str | None = Field(default=None, description="What joins them; ';' when absent.")
    target_label: str | None = Field(default=None, description="Label to write to.")
    regex: str | None = Field(default=None, description="What the joined value must match; (.*) when absent.")
    modulus: Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})] | None = Field(
        default=None, description="Modulus of HashMod."
    )
    replacement: str | None = Field(default=None, description="What to write, with $1 for the first group.")
    action: RelabelAction | None = Field(default=None, description="What to do on a match; Replace when absent.")


class AttachMetadata(Spec):
    """Metadata to add to discovered targets."""

    node: bool | None = Field(default=None, description="True adds those of the node. Needs the right to list nodes.")


class NativeHistogramConfig(Spec):
    """How histograms are scraped; mixed into whatever is scraped."""

    scrape_native_histograms: bool | None = Field(default=None, description="Whether to scrape native histograms (3.8).")
    scrape_classic_histograms: bool | None = Field(
        default=None, description="Whether to scrape a classic histogram that is also a native one (2.45)."
    )
    native_histogram_bucket_limit: Limit | None = Field(default=None, description="Most buckets of a native histogram (2.45).")
    native_histogram_min_bucket_factor: Quantity | None = Field(
        default=None, description="Least growth from one bucket to the next (2.50)."
    )
    convert_classic_histograms_to_nhcb: bool | None = Field(
        default=None,
        alias="convertClassicHistogramsToNHCB",
        description="Whether classic histograms become native ones with custom buckets (3.0).",
    )
