"""Discovery without a registry: written down, from files, over HTTP, from DNS."""

from __future__ import annotations

from typing import Annotated

from davit.monitoring.types import Spec, schema
from pydantic import Field

from davit_prometheus.api.discovery.base import SET, AuthClient, Port, Refreshed, Texts, TextSet, Url

SdFile = Annotated[str, Field(json_schema_extra={"pattern": r"^[^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML)$"})]
RecordType = Annotated[str, Field(json_schema_extra={"enum": ["A", "AAAA", "MX", "NS", "SRV"]})]


class StaticConfig(Spec):
    """Targets that are written down."""

    model_config = schema("targets")
    targets: TextSet | None = Field(default=None, description="Addresses to scrape, as host:port.")
    labels: Annotated[dict[str, str], Field(json_schema_extra={"x-kubernetes-map-type": "atomic"})] | None = Field(
        default=None, description="Labels of all metrics of these targets."
    )


class FileSDConfig(Refreshed):
    """Targets from files in the Prometheus container."""

    model_config = schema("files")
    files: Annotated[list[SdFile], Field(json_schema_extra={**SET, "minItems": 1})] | None = Field(
        default=None,
        description="Absolute paths of JSON or YAML files, mounted with the Prometheus' secrets or configMaps; the last part may "
        "contain one *.",
    )


class HTTPSDConfig(AuthClient, Refreshed):
    """Targets from an HTTP endpoint."""

    model_config = schema("url")
    url: Url = Field(default="", description="URL that answers with the targets.")


class DNSSDConfig(Refreshed):
    """Targets from DNS records."""

    model_config = schema("names")
    names: Texts | None = Field(default=None, description="Names to look up.")
    type: RecordType | None = Field(default=None, description="Record type. Default SRV. NS needs Prometheus 2.49.0, MX 2.38.0.")
    port: Port | None = Field(default=None, description="Port to scrape; needed for all types except SRV.")
