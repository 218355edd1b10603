"""`monitoring.coreos.com/v1` Alertmanager: what users write and read. Descriptions are what `kubectl explain` shows."""

from __future__ import annotations

from typing import Annotated, Literal

from davit.crd import Column, Crd, Model
from davit.model import Kind
from davit.monitoring.types import (
    ByteSize,
    Duration,
    EmbeddedObjectMetadata,
    GoDuration,
    HTTPAuth,
    IntOrString,
    Items,
    LabelSelector,
    Object,
    Objects,
    SafeTLSConfig,
    SecretKeySelector,
    SecretOrConfigMap,
    Spec,
    Strings,
    by,
    schema,
)
from pydantic import Field

from davit_alertmanager.api.parts import GROUP, URL, Conditions, Integer

ALERTMANAGER = Kind(GROUP, "v1", "Alertmanager", "alertmanagers")

Natural = Annotated[int, Field(ge=0, json_schema_extra={"format": "int64"})]


class Argument(Spec):
    """A flag of Alertmanager."""

    model_config = schema("name")
    name: str = Field(default="", description="Name without the leading dashes.", json_schema_extra={"minLength": 1})
    value: str | None = Field(default=None, description="Value; none for a flag without one.")


class HostAlias(Spec):
    """A line of /etc/hosts."""

    model_config = schema("hostnames", "ip")
    ip: str = Field(default="", description="IP address.")
    hostnames: Items[str] | None = Field(default=None, description="Names of the address.")


class DNSOption(Spec):
    """An option of the resolver."""

    model_config = schema("name")
    name: str = Field(default="", description="Name of the option.")
    value: str | None = Field(default=None, description="Value of the option.")


class PodDNSConfig(Spec):
    """DNS settings of the pods."""

    nameservers: Items[str] | None = Field(default=None, description="Name servers.")
    searches: Items[str] | None = Field(default=None, description="Search domains.")
    options: Annotated[list[DNSOption], Field(json_schema_extra=by("name"))] | None = Field(
        default=None, description="Options of the resolver."
    )


class RollingUpdate(Spec):
    """How pods are updated one after the other."""

    max_unavailable: IntOrString | None = Field(default=None, description="How many pods may be down at once, or which share.")


class UpdateStrategy(Spec):
    """How pods are updated."""

    model_config = schema(
        "type",
        **{
            "x-kubernetes-validations": [
                {
                    "rule": "!(self.type != 'RollingUpdate' && has(self.rollingUpdate))",
                    "message": "rollingUpdate requires type to be RollingUpdate",
                }
            ]
        },
    )
    type: Literal["OnDelete", "RollingUpdate"] = Field(default="RollingUpdate", description="OnDelete or RollingUpdate.")
    rolling_update: RollingUpdate | None = Field(default=None, description="Details of RollingUpdate.")


class VolumeClaimTemplate(Spec):
    """The claim of each pod."""

    api_version: str | None = Field(default=None, description="Has no effect.")
    kind: str | None = Field(default=None, description="Has no effect.")
    metadata: EmbeddedObjectMetadata | None = Field(default=None, description="Name, labels and annotations of the claims.")
    spec: Object | None = Field(default=None, description="As in a PersistentVolumeClaim.")
    status: Object | None = Field(default=None, description="Has no effect.")


class StorageSpec(Spec):
    """Where silences and the notification log are kept; an emptyDir without."""

    disable_mount_sub_path: bool | None = Field(
        default=None, description="True mounts the volume's root. Deprecated: volumes made before 2018 need it."
    )
    empty_dir: Object | None = Field(default=None, description="An emptyDir volume; wins over the others.")
    ephemeral: Object | None = Field(default=None, description="An ephemeral volume; wins over volumeClaimTemplate.")
    volume_claim_template: VolumeClaimTemplate | None = Field(default=None, description="A claim for each pod.")


class WebTLSConfig(Spec):
    """TLS of a server."""

    cert: SecretOrConfigMap | None = Field(default=None, description="Server certificate; cert or certFile is required.")
    cert_file: str | None = Field(default=None, description="File in the container with the server certificate.")
    key_secret: SecretKeySelector | None = Field(default=None, description="Its key; keySecret or keyFile is required.")
    key_file: str | None = Field(default=None, description="File in the container with the key.")
    client_ca: SecretOrConfigMap | None = Field(default=None, alias="client_ca", description="CA of client certificates.")
    client_ca_file: str | None = Field(default=None, alias="clientCAFile", description="File with the CA of client certificates.")
    client_auth_type: str | None = Field(default=None, description="Which client certificates are asked for, as Go names it.")
    min_version: str | None = Field(default=None, description="Oldest TLS version to accept.")
    max_version: str | None = Field(default=None, description="Newest TLS version to accept.")
    cipher_suites: Items[str] | None = Field(default=None, description="Cipher suites up to TLS 1.2.")
    prefer_server_cipher_suites: bool | None = Field(default=None, description="Whether the order of cipherSuites decides.")
    curve_preferences: Items[str] | None = Field(default=None, description="Elliptic curves, in order of preference.")


class WebHTTPHeaders(Spec):
    """Headers of every response."""

    content_security_policy: str | None = Field(default=None, description="Content-Security-Policy.")
    x_frame_options: Literal["", "Deny", "SameOrigin"] | None = Field(default=None, description="X-Frame-Options.")
    x_content_type_options: Literal["", "NoSniff"] | None = Field(default=None, description="X-Content-Type-Options.")
    x_xss_protection: str | None = Field(default=None, alias="xXSSProtection", description="X-XSS-Protection.")
    strict_transport_security: str | None = Field(default=None, description="Strict-Transport-Security.")


class WebHTTPConfig(Spec):
    """HTTP of a server."""

    http2: bool | None = Field(default=None, description="Whether HTTP/2 is spoken; needs TLS.")
    headers: WebHTTPHeaders | None = Field(default=None, description="Headers of every response.")


class WebSpec(Spec):
    """The web server of Alertmanager."""

    tls_config: WebTLSConfig | None = Field(default=None, description="TLS of the server.")
    http_config: WebHTTPConfig | None = Field(default=None, description="HTTP of the server.")
    get_concurrency: Natural | None = Field(default=None, description="Most GET requests at once.")
    timeout: Natural | None = Field(default=None, description="Longest time of a request in seconds.")


class LimitsSpec(Spec):
    """Limits of Alertmanager."""

    max_silences: Natural | None = Field(default=None, description="Most silences (0.28).")
    max_per_silence_bytes: ByteSize | None = Field(default=None, description="Largest silence (0.28).")


class ClusterTLSConfig(Spec):
    """Mutual TLS between the members of the cluster."""

    model_config = schema("client", "server")
    server: WebTLSConfig | None = Field(default=None, description="What members accept.")
    client: SafeTLSConfig | None = Field(default=None, description="How members connect.")


class MatcherStrategy(Spec):
    """Which alerts AlertmanagerConfigs get."""

    type: Literal["OnNamespace", "OnNamespaceExceptForAlertmanagerNamespace", "None"] | None = Field(
        default=None,
        description="OnNamespace (the default): alerts of their own namespace. OnNamespaceExceptForAlertmanagerNamespace: the "
        "same, but all alerts for those beside the Alertmanager. None: all alerts.",
    )


class HostPort(Spec):
    """An address."""

    model_config = schema("host", "port")
    host: str = Field(default="", description="Host name or IP address.")
    port: str = Field(default="", description="Port number or name.")


class GlobalSMTP(Spec):
    """Defaults of mail receivers."""

    from_: str | None = Field(default=None, alias="from", description="Sender.")
    smart_host: HostPort | None = Field(default=None, description="SMTP server.")
    hello: str | None = Field(default=None, description="Host name to greet the server with.")
    auth_username: str | None = Field(default=None, description="User name.")
    auth_password: SecretKeySelector | None = Field(default=None, description="Where the password is kept.")
    auth_identity: str | None = Field(default=None, description="Identity for PLAIN.")
    auth_secret: SecretKeySelector | None = Field(default=None, description="Where the CRAM-MD5 secret is kept.")
    require_tls: bool | None = Field(default=None, alias="requireTLS", description="Whether TLS is required.")
    tls_config: SafeTLSConfig | None = Field(default=None, description="TLS towards the server (0.28).")
    force_implicit_tls: bool | None = Field(
        default=None, alias="forceImplicitTLS", description="Whether TLS starts at once (0.31)."
    )


class GlobalHTTPConfig(HTTPAuth):
    """Default of how requests are made."""

    tls_config: SafeTLSConfig | None = Field(default=None, description="TLS towards servers.")


class GlobalURL(Spec):
    """Default of an API's URL."""

    api_url: URL | None = Field(default=None, alias="apiURL", description="URL of the API.")


class GlobalRocketChat(GlobalURL):
    """Defaults of Rocket.Chat receivers."""

    token: SecretKeySelector | None = Field(default=None, description="Where the token is kept.")
    token_id: SecretKeySelector | None = Field(default=None, alias="tokenID", description="Where the token's ID is kept.")


class GlobalWeChat(GlobalURL):
    """Defaults of WeChat receivers."""

    api_secret: SecretKeySelector | None = Field(default=None, description="Where the API secret is kept.")
    api_corp_id: str | None = Field(default=None, alias="apiCorpID", description="Corporate ID.")


class GlobalVictorOps(GlobalURL):
    """Defaults of VictorOps receivers."""

    api_key: SecretKeySelector | None = Field(default=None, description="Where the API key is kept.")


class GlobalMattermost(Spec):
    """Defaults of Mattermost receivers."""

    webhook_url: SecretKeySelector | None = Field(default=None, alias="webhookURL", description="Where the webhook URL is kept.")


class GlobalConfig(Spec):
    """Defaults of all receivers."""

    smtp: GlobalSMTP | None = Field(default=None, description="Of mail.")
    resolve_timeout: Duration | None = Field(default=None, description="When alerts without an end count as resolved.")
    http_config: GlobalHTTPConfig | None = Field(default=None, description="Of HTTP requests.")
    slack_api_url: SecretKeySelector | None = Field(default=None, description="Where the webhook URL of Slack is kept.")
    ops_genie_api_url: SecretKeySelector | None = Field(default=None, description="Where the API URL of OpsGenie is kept.")
    ops_genie_api_key: SecretKeySelector | None = Field(default=None, description="Where the API key of OpsGenie is kept.")
    pagerduty_url: URL | None = Field(default=None, description="URL of PagerDuty.")
    telegram: GlobalURL | None = Field(default=None, description="Of Telegram (0.24).")
    jira: GlobalURL | None = Field(default=None, description="Of Jira (0.28).")
    victorops: GlobalVictorOps | None = Field(default=None, description="Of VictorOps.")
    rocket_chat: GlobalRocketChat | None = Field(default=None, description="Of Rocket.Chat (0.28).")
    webex: GlobalURL | None = Field(default=None, description="Of Webex (0.25).")
    wechat: GlobalWeChat | None = Field(default=None, description="Of WeChat.")
    mattermost: GlobalMattermost | None = Field(default=None, description="Of Mattermost (0.32).")


class Configuration(Spec):
    """Where the configuration comes from, instead of configSecret."""

    name: str | None = Field(
        default=None, description="AlertmanagerConfig in the same namespace that is the base, for all alerts."
    )
    global_: GlobalConfig | None = Field(default=None, alias="global", description="Defaults of all receivers.")
    templates: Items[SecretOrConfigMap] | None = Field(default=None, description="Notification templates.")


class AlertmanagerSpec(Spec):
    """The Alertmanagers that you want."""

    pod_metadata: EmbeddedObjectMetadata | None = Field(default=None, description="Labels and annotations for the pods.")
    image: str | None = Field(default=None, description="Image to run; it must hold the version that spec.version says.")
    image_pull_policy: Literal["", "Always", "Never", "IfNotPresent"] | None = Field(
        default=None, description="When to pull the image."
    )
    version: str | None = Field(default=None, description="Version of Alertmanager, 0.25.0 or newer. Default: 0.33.1.")
    tag: str | None = Field(default=None, description="Tag of the image. Deprecated: use image.")
    sha: str | None = Field(default=None, description="SHA-256 digest of the image. Deprecated: use image.")
    base_image: str | None = Field(default=None, description="Image without its tag. Deprecated: use image.")
    image_pull_secrets: Objects | None = Field(default=None, description="References to Secrets for pulling images.")
    secrets: Items[str] | None = Field(default=None, description="Secrets to mount below /etc/alertmanager/secrets.")
    config_maps: Items[str] | None = Field(default=None, description="ConfigMaps to mount below /etc/alertmanager/configmaps.")
    config_secret: str | None = Field(
        default=None,
        description="Secret with the configuration in the key alertmanager.yaml; its other keys are mounted beside it, in "
        "/etc/alertmanager/config. Default: alertmanager-<name>. Without it, alerts notify nobody.",
    )
    log_level: Literal["", "debug", "info", "warn", "error"] | None = Field(
        default=None, description="What is logged. Default: info."
    )
    log_format: Literal["", "logfmt", "json"] | None = Field(default=None, description="How is logged. Default: logfmt.")
    replicas: Annotated[int, Field(json_schema_extra={"format": "int32"})] | None = Field(
        default=None, description="Number of pods; more than one form a cluster. Default: 1."
    )
    retention: GoDuration | None = Field(default=None, description="How long data are kept. Default: 120h.")
    storage: StorageSpec | None = Field(default=None, description="Where data are kept. Default: an emptyDir.")
    volumes: Objects | None = Field(default=None, description="Further volumes of the pods.")
    volume_mounts: Objects | None = Field(default=None, description="Further mounts of the alertmanager container.")
    persistent_volume_claim_retention_policy: Object | None = Field(
        default=None, description="What becomes of the claims when pods or the StatefulSet go."
    )
    external_url: str | None = Field(default=None, description="URL at which people reach Alertmanager.")
    route_prefix: str | None = Field(default=None, description="Path below which Alertmanager serves. Default: /.")
    paused: bool | None = Field(default=None, description="True stops the operator from changing anything of this Alertmanager.")
    node_selector: Strings | None = Field(default=None, description="Labels that a node must have.")
    scheduler_name: str | None = Field(default=None, description="Scheduler of the pods.")
    resources: Object | None = Field(default=None, description="Resources of the container. Default: a request of 200Mi memory.")
    affinity: Object | None = Field(default=None, description="Scheduling affinity of the pods.")
    tolerations: Objects | None = Field(default=None, description="Taints that the pods tolerate.")
    topology_spread_constraints: Objects | None = Field(default=None, description="How the pods spread.")
    security_context: Object | None = Field(
        default=None, description="Security context of the pods. Default: not root, as user 65534."
    )
    dns_policy: Literal["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"] | None = Field(
        default=None, description="DNS policy of the pods."
    )
    dns_config: PodDNSConfig | None = Field(default=None, description="DNS settings of the pods.")
    enable_service_links: bool | None = Field(default=None, description="Whether Services are in the pods' environment.")
    service_name: str | None = Field(
        default=None,
        description="An existing headless Service of the pods. Default: alertmanager-operated, made by the operator.",
    )
    service_account_name: str | None = Field(default=None, description="ServiceAccount of the pods.")
    listen_local: bool | None = Field(default=None, description="True lets only the pod itself reach the web port.")
    pod_management_policy: Literal["OrderedReady", "Parallel"] | None = Field(default=None, description="Default: Parallel.")
    update_strategy: UpdateStrategy | None = Field(default=None, description="How pods are updated. Default: RollingUpdate.")
    containers: Objects | None = Field(
        default=None, description="Further containers, or changes to the container named alertmanager."
    )
    init_containers: Objects | None = Field(default=None, description="Init containers.")
    priority_class_name: str | None = Field(default=None, description="PriorityClass of the pods.")
    additional_peers: Items[str] | None = Field(default=None, description="Further members of the cluster, as host:port.")
    cluster_advertise_address: str | None = Field(default=None, description="Address to tell the other members.")
    cluster_gossip_interval: GoDuration | None = Field(default=None, description="Time between gossip messages.")
    cluster_label: str | None = Field(default=None, description="Name of the cluster (0.26). Default: <namespace>/<name>.")
    cluster_pushpull_interval: GoDuration | None = Field(default=None, description="Time between exchanges of the whole state.")
    cluster_peer_timeout: GoDuration | None = Field(default=None, description="Time to wait between members' notifications.")
    port_name: str | None = Field(default=None, description="Name of the web port. Default: web.")
    force_enable_cluster_mode: bool | None = Field(default=None, description="True gossips with one replica too.")
    alertmanager_config_selector: LabelSelector | None = Field(
        default=None, description="Labels of the AlertmanagerConfigs to merge; none are without it."
    )
    alertmanager_config_namespace_selector: LabelSelector | None = Field(
        default=None, description="Labels of the namespaces to look for them in; the own one without it."
    )
    alertmanager_config_matcher_strategy: MatcherStrategy | None = Field(
        default=None, description="Which alerts AlertmanagerConfigs get."
    )
    min_ready_seconds: Natural | None = Field(
        default=None, description="Seconds that a pod must be ready before it counts; also delays the first notifications (0.30)."
    )
    host_aliases: Annotated[list[HostAlias], Field(json_schema_extra=by("ip"))] | None = Field(
        default=None, description="Lines of /etc/hosts."
    )
    host_network: bool | None = Field(default=None, description="True uses the node's network.")
    web: WebSpec | None = Field(default=None, description="The web server.")
    limits: LimitsSpec | None = Field(default=None, description="Limits of Alertmanager.")
    cluster_tls: ClusterTLSConfig | None = Field(
        default=None, alias="clusterTLS", description="Mutual TLS between the members of the cluster."
    )
    alertmanager_configuration: Configuration | None = Field(
        default=None, description="Where the configuration comes from, instead of configSecret."
    )
    automount_service_account_token: bool | None = Field(
        default=None, description="Whether pods get a ServiceAccount token. Default: false."
    )
    enable_features: Items[str] | None = Field(default=None, description="Feature flags (0.27).")
    additional_args: Items[Argument] | None = Field(default=None, description="Further flags.")
    termination_grace_period_seconds: Natural | None = Field(default=None, description="Default: 120.")
    host_users: bool | None = Field(default=None, description="False runs the pods in a user namespace.")


class ConfigurationStatus(Model):
    """The configuration, as written and as loaded."""

    digest: str | None = Field(default=None, description="SHA-256 of the configuration that is written, its first digits.")
    live: str | None = Field(default=None, description="The same of the configuration that every ready pod has loaded.")
    loaded_at: str | None = Field(default=None, description="When it became so.", json_schema_extra={"format": "date-time"})
    observed_generation: Integer | None = Field(default=None, description="Generation of the spec that the loaded one is of.")


class Quarantined(Model):
    """A part of an AlertmanagerConfig, or of the spec, that is left out."""

    kind: str | None = Field(default=None, description="AlertmanagerConfig, or Alertmanager for parts of its own spec.")
    namespace: str | None = Field(default=None, description="Namespace of the resource.")
    name: str | None = Field(default=None, description="Name of the resource.")
    path: str = Field(description="Which part, such as spec.receivers[0].")
    message: str = Field(description="Why, and what to do about it.")


class AlertmanagerStatus(Model):
    """What the operator last saw."""

    observed_generation: Integer | None = Field(
        default=None, description="Generation of the spec that the operator has acted on."
    )
    paused: bool | None = Field(default=None, description="Whether the operator changes nothing.")
    replicas: int | None = Field(default=None, description="Number of pods.")
    updated_replicas: int | None = Field(default=None, description="Pods of the latest revision.")
    available_replicas: int | None = Field(default=None, description="Pods that serve.")
    unavailable_replicas: int | None = Field(default=None, description="Pods that don't.")
    selector: str | None = Field(default=None, description="Label selector of the pods.")
    conditions: Conditions | None = Field(
        default=None, description="Available, Reconciled; Ready, Reconciling, Stalled for kstatus; ConfigLive."
    )
    config: ConfigurationStatus | None = Field(default=None, description="The configuration, as written and as loaded.")
    quarantined: Items[Quarantined] | None = Field(default=None, description="What is left out, and why.")
    ignored: Items[str] | None = Field(default=None, description="What this version of Alertmanager can't do.")
    unknown: Items[str] | None = Field(default=None, description="Fields of the spec that have no effect.")


CRD = Crd(
    kind=ALERTMANAGER,
    spec=AlertmanagerSpec,
    status=AlertmanagerStatus,
    description="A cluster of Alertmanagers and where its configuration comes from.",
    short_names=("am",),
    columns=(
        Column("Version", ".spec.version", description="Version of Alertmanager"),
        Column("Replicas", ".spec.replicas", "integer", "Number of pods that are wanted"),
        Column("Ready", ".status.availableReplicas", "integer", "Number of pods that serve"),
        Column("Reconciled", ".status.conditions[?(@.type == 'Reconciled')].status"),
        Column("Available", ".status.conditions[?(@.type == 'Available')].status"),
        Column("Age", ".metadata.creationTimestamp", "date"),
        Column("Paused", ".status.paused", "boolean", "Whether the operator changes nothing", priority=1),
        Column("Message", ".status.conditions[?(@.type == 'Ready')].message", priority=1),
    ),
    scale={
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    },
)
