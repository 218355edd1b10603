"""Discovery of Kubernetes objects."""

from __future__ import annotations

from typing import Annotated

from davit.monitoring.types import Spec, by, schema
from pydantic import Field

from davit_prometheus.api.discovery.base import SET, AuthClient, Text

Role = Annotated[str, Field(json_schema_extra={"enum": ["Pod", "Endpoints", "Ingress", "Service", "Node", "EndpointSlice"]})]


class NamespaceDiscovery(Spec):
    """Namespaces to look in."""

    own_namespace: bool | None = Field(default=None, description="Whether to look in the namespace of the Prometheus.")
    names: Annotated[list[str], Field(json_schema_extra=SET)] | None = Field(
        default=None, description="Namespaces to look in. Default: all, unless ownNamespace is true."
    )


class AttachMetadata(Spec):
    """Metadata of other objects to attach."""

    node: bool | None = Field(
        default=None, description="Whether to attach the labels of the node: roles Pod, Endpoints, EndpointSlice."
    )


class K8SSelectorConfig(Spec):
    """Limits the objects of one role."""

    model_config = schema("role")
    role: Role = Field(default="", description="Role that is limited.")
    label: Text | None = Field(default=None, description="Label selector, as of kubectl.")
    field: Text | None = Field(default=None, description="Field selector, as of kubectl.")


class KubernetesSDConfig(AuthClient):
    """Targets from the Kubernetes API."""

    model_config = schema("role")
    api_server: Text | None = Field(
        default=None, description="URL of the API server. Default: that of the cluster, with the Prometheus' service account."
    )
    role: Role = Field(default="", description="Kind of object that becomes a target.")
    namespaces: NamespaceDiscovery | None = Field(default=None, description="Namespaces to look in. Default: all.")
    attach_metadata: AttachMetadata | None = Field(default=None, description="Metadata of other objects to attach to targets.")
    selectors: Annotated[list[K8SSelectorConfig], Field(json_schema_extra=by("role"))] | None = Field(
        default=None, description="Label and field selectors, at most one per role."
    )
