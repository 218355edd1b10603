"""Every kind of service discovery, in the order in which upstream writes them. Pure."""

from __future__ import annotations

from davit_prometheus.config.discovery.basic import DNS, FILE, HTTP, STATIC
from davit_prometheus.config.discovery.clouds import AZURE, EC2, GCE, LIGHTSAIL, OPENSTACK
from davit_prometheus.config.discovery.containers import DOCKER, DOCKER_SWARM
from davit_prometheus.config.discovery.hosters import DIGITAL_OCEAN, HETZNER, IONOS, LINODE, OVHCLOUD, SCALEWAY
from davit_prometheus.config.discovery.kubernetes import KUBERNETES
from davit_prometheus.config.discovery.registries import CONSUL, EUREKA, KUMA, NOMAD, PUPPETDB

DISCOVERIES = (
    STATIC, FILE, HTTP, KUBERNETES, CONSUL, DNS, EC2, AZURE, GCE, OPENSTACK, DIGITAL_OCEAN, KUMA, EUREKA, DOCKER, LINODE,
    HETZNER, NOMAD, DOCKER_SWARM, PUPPETDB, LIGHTSAIL, OVHCLOUD, SCALEWAY, IONOS,
)  # fmt: skip
