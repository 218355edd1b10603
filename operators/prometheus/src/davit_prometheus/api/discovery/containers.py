"""Discovery of Docker containers and Swarm services."""

from __future__ import annotations

from typing import Annotated

from davit.monitoring.types import schema
from pydantic import Field

from davit_prometheus.api.discovery.base import AuthClient, DaemonUrl, Filters, Ported, Refreshed, Text

SwarmRole = Annotated[str, Field(json_schema_extra={"enum": ["Services", "Tasks", "Nodes"]})]


class DockerSDConfig(AuthClient, Refreshed, Ported):
    """Targets from a Docker daemon."""

    model_config = schema("host")
    host: DaemonUrl = Field(
        default="", description="URL of the Docker daemon, such as unix:///var/run/docker.sock or tcp://host:2376."
    )
    host_networking_host: Text | None = Field(
        default=None, description="Host of containers in host networking mode. Default localhost."
    )
    match_first_network: bool | None = Field(
        default=None, description="Whether a container of several networks is one target only. Needs Prometheus 2.54.1."
    )
    filters: Filters | None = Field(default=None, description="Filters of Docker's list of containers.")


class DockerSwarmSDConfig(AuthClient, Refreshed, Ported):
    """Targets from a Docker Swarm."""

    model_config = schema("host", "role")
    host: DaemonUrl = Field(default="", description="URL of the Docker daemon, such as tcp://host:2376.")
    role: SwarmRole = Field(default="", description="What becomes a target.")
    filters: Filters | None = Field(default=None, description="Filters of Docker's list of that role.")
