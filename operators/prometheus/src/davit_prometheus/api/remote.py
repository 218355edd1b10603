"""Where a Prometheus sends to and reads from: remote write and read, Alertmanagers, the API server, tracing."""

from __future__ import annotations

from typing import Annotated, Literal

from davit.monitoring.types import (
    Authorization,
    BasicAuth,
    Duration,
    IntOrString,
    Items,
    OAuth2,
    ProxyConfig,
    Quantity,
    RelabelConfig,
    SafeAuthorization,
    Scheme,
    SecretKeySelector,
    Spec,
    Strings,
    TLSConfig,
    schema,
)
from pydantic import Field
from pydantic.config import JsonDict

MessageVersion = Literal["V1.0", "V2.0"]
_HTTP: JsonDict = {"pattern": "^(http|https)://.+$"}
_TENANT: JsonDict = {"pattern": "^[0-9a-zA-Z-.]+$"}


class Sigv4(Spec):
    """Signing of requests for AWS."""

    model_config = schema(
        **{
            "x-kubernetes-validations": [
                {
                    "rule": "!has(self.externalId) || has(self.roleArn)",
                    "message": "externalId goes with a role: set roleArn, or remove externalId",
                }
            ]
        }
    )
    region: str | None = Field(default=None, description="AWS region; from the credentials chain when absent.")
    access_key: SecretKeySelector | None = Field(default=None, description="Where the access key is kept; with secretKey.")
    secret_key: SecretKeySelector | None = Field(default=None, description="Where the secret key is kept; with accessKey.")
    profile: str | None = Field(default=None, description="Named AWS profile to use.")
    role_arn: str | None = Field(default=None, description="ARN of the role to assume.")
    external_id: str | None = Field(default=None, description="External ID for assuming the role (3.11).")
    use_fips_sts_endpoint: bool | None = Field(
        default=None, alias="useFIPSSTSEndpoint", description="Whether to use the FIPS endpoint of STS (2.54)."
    )


class ManagedIdentity(Spec):
    """A managed identity of Azure."""

    client_id: str | None = Field(default=None, description="Client ID of the identity; may be absent since 3.5.")


class AzureOAuth(Spec):
    """An application of Azure with a client secret."""

    model_config = schema("clientId", "clientSecret", "tenantId")
    client_id: str = Field(default="", description="Client ID of the application, a UUID.")
    client_secret: SecretKeySelector | None = Field(default=None, description="Where the client secret is kept.")
    tenant_id: str = Field(default="", description="Tenant of the application.", json_schema_extra=_TENANT)


class AzureSDK(Spec):
    """The default credentials chain of the Azure SDK."""

    tenant_id: str | None = Field(default=None, description="Tenant to authenticate with.", json_schema_extra=_TENANT)


class AzureWorkloadIdentity(Spec):
    """A workload identity of Azure."""

    model_config = schema("clientId", "tenantId")
    client_id: str = Field(default="", description="Client ID of the application, a UUID.")
    tenant_id: str = Field(default="", description="Tenant of the application, a UUID.")


class AzureAD(Spec):
    """Authentication by Microsoft Entra ID; exactly one way of it."""

    cloud: Literal["AzureChina", "AzureGovernment", "AzurePublic"] | None = Field(
        default=None, description="Azure cloud; AzurePublic when absent."
    )
    managed_identity: ManagedIdentity | None = Field(default=None, description="By a managed identity.")
    oauth: AzureOAuth | None = Field(default=None, description="By a client secret (2.48).")
    sdk: AzureSDK | None = Field(default=None, description="By the Azure SDK's default chain (2.52).")
    workload_identity: AzureWorkloadIdentity | None = Field(default=None, description="By a workload identity (3.7).")
    scope: str | None = Field(
        default=None, description="OAuth scope of the tokens (3.9).", json_schema_extra={"pattern": r"^[\w\s:/.\\-]+$"}
    )


class QueueConfig(Spec):
    """The queue between the write-ahead log and the receiver; 0 takes Prometheus' own value."""

    capacity: int | None = Field(default=None, description="Samples to buffer per shard before reading more of the log.")
    min_shards: int | None = Field(default=None, description="Fewest shards.")
    max_shards: int | None = Field(default=None, description="Most shards.")
    max_samples_per_send: int | None = Field(default=None, description="Most samples of a request.")
    batch_send_deadline: Duration | None = Field(default=None, description="Longest wait of a sample in the buffer.")
    max_retries: int | None = Field(default=None, description="Has no effect since 2.11.")
    min_backoff: Duration | None = Field(default=None, description="First wait before a retry, doubled each time.")
    max_backoff: Duration | None = Field(default=None, description="Longest wait before a retry.")
    retry_on_rate_limit: bool | None = Field(default=None, description="Whether to retry after HTTP status 429.")
    sample_age_limit: Duration | None = Field(default=None, description="Age from which samples are not sent (2.50).")


class MetadataConfig(Spec):
    """The sending of metrics' metadata."""

    send: bool | None = Field(default=None, description="Whether to send metadata.")
    send_interval: Duration | None = Field(default=None, description="How often to send it.")
    max_samples_per_send: Annotated[int, Field(ge=-1)] | None = Field(
        default=None, description="Most metadata samples of a request."
    )


class RemoteWriteSpec(ProxyConfig):
    """An endpoint that samples are written to."""

    model_config = schema("url")
    url: str = Field(default="", description="URL to write to.", json_schema_extra=_HTTP)
    name: str | None = Field(default=None, description="Name of the queue in metrics and logs, unique among remoteWrite.")
    message_version: MessageVersion | None = Field(default=None, description="Remote write protocol; V1.0 when absent (2.54).")
    send_exemplars: bool | None = Field(default=None, description="Whether to send exemplars.")
    send_native_histograms: bool | None = Field(default=None, description="Whether to send native histograms (2.40).")
    remote_timeout: Duration | None = Field(default=None, description="Timeout of a request.")
    headers: Strings | None = Field(default=None, description="Headers to add to each request.")
    write_relabel_configs: Items[RelabelConfig] | None = Field(default=None, description="Relabeling of samples before sending.")
    oauth2: OAuth2 | None = Field(default=None, description="OAuth 2.0 client credentials.")
    basic_auth: BasicAuth | None = Field(default=None, description="HTTP basic authentication.")
    bearer_token_file: str | None = Field(default=None, description="File with the bearer token. Deprecated: use authorization.")
    authorization: Authorization | None = Field(default=None, description="Authorization header.")
    sigv4: Sigv4 | None = Field(default=None, description="Signing of requests for AWS.")
    azure_ad: AzureAD | None = Field(default=None, description="Authentication by Microsoft Entra ID (2.45).")
    bearer_token: str | None = Field(default=None, description="Bearer token in clear text. Deprecated: use authorization.")
    tls_config: TLSConfig | None = Field(default=None, description="TLS of the connection.")
    follow_redirects: bool | None = Field(default=None, description="False stops at HTTP 3xx redirects.")
    queue_config: QueueConfig | None = Field(default=None, description="The queue of samples.")
    metadata_config: MetadataConfig | None = Field(default=None, description="The sending of metadata.")
    enable_http2: bool | None = Field(default=None, alias="enableHTTP2", description="False keeps to HTTP/1.1.")
    round_robin_dns: bool | None = Field(
        default=None, alias="roundRobinDNS", description="Whether to pick one of a name's addresses per connection (3.1)."
    )


class RemoteReadSpec(ProxyConfig):
    """An endpoint that samples are read from."""

    model_config = schema("url")
    url: str = Field(default="", description="URL to read from.", json_schema_extra=_HTTP)
    name: str | None = Field(default=None, description="Name in metrics and logs, unique among remoteRead.")
    required_matchers: Strings | None = Field(default=None, description="Labels that a selector must have to be read here.")
    remote_timeout: Duration | None = Field(default=None, description="Timeout of a request.")
    headers: Strings | None = Field(default=None, description="Headers to add to each request.")
    read_recent: bool | None = Field(default=None, description="Whether to read what local storage should have completely.")
    oauth2: OAuth2 | None = Field(default=None, description="OAuth 2.0 client credentials.")
    basic_auth: BasicAuth | None = Field(default=None, description="HTTP basic authentication.")
    bearer_token_file: str | None = Field(default=None, description="File with the bearer token. Deprecated: use authorization.")
    authorization: Authorization | None = Field(default=None, description="Authorization header.")
    bearer_token: str | None = Field(default=None, description="Bearer token in clear text. Deprecated: use authorization.")
    tls_config: TLSConfig | None = Field(default=None, description="TLS of the connection.")
    follow_redirects: bool | None = Field(default=None, description="False stops at HTTP 3xx redirects.")
    filter_external_labels: bool | None = Field(default=None, description="Whether to ask for this Prometheus' external labels.")


class APIServerConfig(ProxyConfig):
    """How Prometheus reaches the Kubernetes API; from within the pod when absent."""

    model_config = schema("host")
    host: str = Field(default="", description="Host, host and port, or URL of the API server.")
    basic_auth: BasicAuth | None = Field(default=None, description="HTTP basic authentication.")
    bearer_token_file: str | None = Field(default=None, description="File with the bearer token. Deprecated: use authorization.")
    tls_config: TLSConfig | None = Field(default=None, description="TLS of the connection.")
    authorization: Authorization | None = Field(default=None, description="Authorization header.")
    bearer_token: str | None = Field(default=None, description="Bearer token in clear text. Deprecated: use authorization.")


class AlertmanagerEndpoints(ProxyConfig):
    """The Alertmanagers behind a Service."""

    model_config = schema("name", "port")
    namespace: str | None = Field(default=None, description="Namespace of the Service; the Prometheus' own when absent.")
    name: str = Field(default="", description="Name of the Service, such as alertmanager-operated.")
    port: IntOrString = Field(default="", description="Name of the Service's port, or number of the container's port.")
    scheme: Scheme | None = Field(default=None, description="Scheme of the requests; http when absent.")
    path_prefix: str | None = Field(default=None, description="Path prefix of the Alertmanager's API.")
    tls_config: TLSConfig | None = Field(default=None, description="TLS of the connections.")
    basic_auth: BasicAuth | None = Field(default=None, description="HTTP basic authentication.")
    bearer_token_file: str | None = Field(default=None, description="File with the bearer token. Deprecated: use authorization.")
    authorization: SafeAuthorization | None = Field(default=None, description="Authorization header.")
    sigv4: Sigv4 | None = Field(default=None, description="Signing of requests for AWS (2.48).")
    api_version: Literal["v1", "V1", "v2", "V2", ""] | None = Field(
        default=None, description="API to use; V2 when absent, and always since 3.0."
    )
    timeout: Duration | None = Field(default=None, description="Timeout of a request.")
    enable_http2: bool | None = Field(default=None, description="False keeps to HTTP/1.1.")
    relabelings: Items[RelabelConfig] | None = Field(default=None, description="Relabeling of the discovered Alertmanagers.")
    alert_relabelings: Items[RelabelConfig] | None = Field(
        default=None, description="Relabeling of alerts before they are sent here (2.51)."
    )


class AlertingSpec(Spec):
    """Where alerts go."""

    model_config = schema("alertmanagers")
    alertmanagers: Items[AlertmanagerEndpoints] | None = Field(default=None, description="Alertmanagers to send alerts to.")


class TracingConfig(Spec):
    """Where traces of Prometheus itself go."""

    model_config = schema("endpoint")
    client_type: Literal["http", "grpc", "HTTP", "GRPC", ""] | None = Field(
        default=None, description="Protocol of the traces; grpc when absent."
    )
    endpoint: str = Field(default="", description="Host and port to send traces to.")
    sampling_fraction: Quantity | None = Field(default=None, description="Fraction of requests to trace, 0 to 1.")
    insecure: bool | None = Field(default=None, description="True sends without TLS.")
    headers: Strings | None = Field(default=None, description="Headers to add to each request.")
    compression: Literal["gzip", "Gzip", ""] | None = Field(default=None, description="Compression; none when absent.")
    timeout: Duration | None = Field(default=None, description="Timeout of a batch.")
    tls_config: TLSConfig | None = Field(default=None, description="TLS of the connection.")
