"""Discovery of Docker containers and Swarm services. Pure."""

from __future__ import annotations

from davit_prometheus.api.discovery.containers import DockerSDConfig, DockerSwarmSDConfig
from davit_prometheus.config.discovery.table import (
    AUTH,
    REDIRECTS,
    TOKEN,
    Discovery,
    basic_auth,
    choice,
    every,
    filters,
    put,
    required,
    since,
    tls,
    url,
)

DOCKER = Discovery(
    "dockerSDConfigs",
    "docker_sd_configs",
    DockerSDConfig,
    (
        *TOKEN,
        basic_auth,
        filters,
        url("host", hosted=False),
        tls,
        put("port", "host_networking_host"),
        since("2.54.1", put("match_first_network")),
        every(),
        REDIRECTS,
    ),
    since="2.27.0",
)
DOCKER_SWARM = Discovery(
    "dockerSwarmSDConfigs",
    "dockerswarm_sd_configs",
    DockerSwarmSDConfig,
    (
        *AUTH,
        filters,
        url("host", hosted=False),
        tls,
        required("role"),
        choice("role", ("services", "tasks", "nodes")),
        put("port"),
        every(),
        REDIRECTS,
    ),
    since="2.20.0",
)
