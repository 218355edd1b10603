"""What an earlier pass, or an earlier process, has published: read back from the children. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping

from davit.model import Manifest

from davit_prometheus.assembly import LIVE, Configuration, RuleMap
from davit_prometheus.manifests import CONFIG_DIR, CONFIG_KEY, config_secret, rules_config_map, scrape_secrets
from davit_prometheus.model import Scope

Edition = tuple[tuple[Configuration, ...], tuple[RuleMap, ...]]
_MARKER = re.compile(re.escape(f"{CONFIG_DIR}/digest-") + r"([0-9a-f]{16})\.\*")
_LIMIT = re.compile(r"^ +limit: ([0-9]+)$", re.MULTILINE)


def published(scope: Scope, shards: int, children: Iterable[Manifest]) -> Edition | None:
    """The configurations by shard and the rules that are written; None where a part is missing or not ours."""
    found = {(one["kind"], one["metadata"]["name"]): one.get("data") or {} for one in children}
    configurations = [_configuration(scope, shard, found) for shard in range(shards)]
    whole = [one for one in configurations if one is not None]
    rules: list[RuleMap] = []
    while not scope.agent and (data := found.get(("ConfigMap", rules_config_map(scope, len(rules))))) is not None:
        limit = _LIMIT.search(data.get(f"{LIVE}.yaml", ""))
        if limit is None:
            return None
        rules.append(RuleMap(dict(data), int(limit[1])))
    return (tuple(whole), tuple(rules)) if len(whole) == shards else None


def _configuration(scope: Scope, shard: int, found: Mapping[tuple[str, str], Mapping[str, str]]) -> Configuration | None:
    main = _text(found.get(("Secret", config_secret(scope, shard)), {}).get(CONFIG_KEY, ""))
    marker = _MARKER.search(main)
    if marker is None:
        return None
    buckets: dict[int, tuple[str, str]] = {}
    for number, name in enumerate(scrape_secrets(scope, shard)):
        for file, content in found.get(("Secret", name), {}).items():
            if f"{CONFIG_DIR}/{file}" in main:
                buckets[number] = (file, _text(content))
    if main.count(f"{CONFIG_DIR}/jobs-") != len(buckets):
        return None
    return Configuration(marker[1], main, buckets)


def _text(content: str) -> str:
    return base64.b64decode(content).decode()
