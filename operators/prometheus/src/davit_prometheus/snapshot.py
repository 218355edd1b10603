"""What `observe` finds: the world as far as one Prometheus is concerned. Frozen, no I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from davit.model import Manifest
from davit.monitoring import processes
from davit.monitoring.faults import Fault

from davit_prometheus.assembly import Configuration, RuleMap
from davit_prometheus.inventory import Live
from davit_prometheus.model import Instance


@dataclass(frozen=True, slots=True)
class Pod(processes.Pod):
    """One Prometheus or agent, of a shard."""

    shard: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Children and pods as they are, and the configuration as it should be.

    configurations: by shard; rules: by ConfigMap; assets: TLS files by name; faults: of the Prometheus' own spec, and of
    `Kind namespace/name` those of what it selects; held: why what is published stays as it is, empty when it need not;
    unchecked: why what is published could not be proved before; salt: under the digests of `configurations`; live: what
    containers were proved to have loaded by the pod's uid: a view that follows the actions of the same pass.
    """

    children: Sequence[Manifest] = ()
    pods: tuple[Pod, ...] = ()
    volumes: Sequence[Manifest] = ()
    configurations: tuple[Configuration, ...] = ()
    rules: tuple[RuleMap, ...] = ()
    assets: Mapping[str, bytes] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    ignored: tuple[str, ...] = ()
    quarantined: Mapping[str, tuple[Fault, ...]] = field(default_factory=dict)
    selected: Mapping[str, int] = field(default_factory=dict)
    held: str = ""
    unchecked: str = ""
    refused: str = ""
    foreign: bool = False
    """Whether its user writes the configuration, which then is nobody else's."""
    salt: str = ""
    live: Mapping[str, Live] = field(default_factory=dict)
    strangers: frozenset[str] = frozenset()
    """The kinds of which a user has an object of their own for the pods, so that ours would clash with it."""
    sharers: tuple[Instance, ...] = ()
    """All Prometheus objects of the namespace, which share the governing Service."""
