"""From rendered parts to the files that a process loads. Pure.

Every file set carries its own digest in a place where the loaded process shows it again, so that "live" can be proved
from the process: prometheus.yaml ends its scrape_config_files with a pattern that names the digest and matches no file;
each directory of rules has a file with one group that records nothing and whose `limit`, which nothing exceeds, is the
digest.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import zlib
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from davit.monitoring.emit import text

from davit_prometheus.manifests import CONFIG_DIR, SCRAPE_SECRETS
from davit_prometheus.model import INZONE_SHARD, RULES, SHARD, TOPOLOGY_ZONE, Job, Json, Scope, Top

_NOTHING = {"record": "davit:live", "expr": "vector(0) < 0"}
"""A rule that never records anything: groups without rules are not told by the process."""
SECRET_LIMIT = 1_000_000
"""Bytes in one Secret, of which the API server takes 1 MiB."""
INLINE_LIMIT = 900_000
"""Bytes up to which all jobs are in prometheus.yaml."""
JOB_LIMIT = 450_000
"""Bytes of one job: half a Secret, because while a new file replaces an old one both are there."""
RULES_LIMIT = 900_000
"""Bytes of rules in one ConfigMap."""
LIVE = "davit-live"
"""The name of the rule group, and file, that carries the digest."""
NOTE = (
    "# Written by Davit's Prometheus operator from the objects that this Prometheus selects.\n"
    "# The last of the scrape_config_files names this configuration and matches no file.\n"
)
ALIASED = 100_000
"""Lines in one file that aliases may stand for. go-yaml refuses a file in which they make it decode some 400,000 nodes more,
or ninety-nine of a hundred; a line is at most four. Source: decode.go of go.yaml.in/yaml/v2, allowedAliasRatio."""
_ITEM = re.compile(r"((?:^  - .*\n)(?:^    .*\n){1,15}(?!    ))", re.MULTILINE)
"""A small mapping in a list of a job, mostly a relabeling step; `davit.monitoring.emit` writes each scalar on one line."""
_NAME = re.compile(r"^(?:- |  )job_name: (.*)$", re.MULTILINE)
_TOO_LARGE = f"{{}} would have {{:,}} bytes, and a Secret holds {SECRET_LIMIT:,}: {{}}"


@dataclass(frozen=True, slots=True)
class Block:
    """One entry of scrape_configs; `digest` of its text tells whether it was judged before.

    pieces: the text in parts, where a part that other jobs have too is one string for all; size: bytes of the text.
    """

    name: str
    pieces: tuple[str, ...]
    size: int
    digest: str

    @property
    def text(self) -> str:
        """The lines, as an item of a list."""
        return "".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Configuration:
    """The files of one shard: prometheus.yaml, and by number of the bucket the name and text of what does not fit."""

    digest: str
    main: str
    buckets: Mapping[int, tuple[str, str]]

    @property
    def marker(self) -> str:
        """What the loaded configuration must contain."""
        return marker(self.digest)

    @property
    def excess(self) -> str:
        """Which file no Secret has room for, and the remedy; empty when all fit."""
        if len(self.main.encode()) > SECRET_LIMIT:
            return _TOO_LARGE.format("prometheus.yaml", len(self.main.encode()), "make shorter what the spec itself says")
        for name, lines in self.buckets.values():
            if len(lines.encode()) > SECRET_LIMIT:
                # Shards are no remedy: each has all jobs.
                remedy = f"of {SCRAPE_SECRETS} for scrape jobs: spread the monitors over several objects like this one"
                return _TOO_LARGE.format(name, len(lines.encode()), remedy)
        return ""

    def lacks(self, jobs: Container[str]) -> bool:
        """Whether a process with these jobs did not find one of the files: of that one it has none."""
        return any(not any(_job_name(one[1]) in jobs for one in _NAME.finditer(lines)) for _, lines in self.buckets.values())


@dataclass(frozen=True, slots=True)
class RuleMap:
    """The content of one ConfigMap of rules, the file with its digest included."""

    files: Mapping[str, str]
    limit: int


def block(job: Job) -> Block:
    """The text of a job."""
    lines = text([job.config])
    pieces = tuple(sys.intern(piece) for piece in _ITEM.split(lines) if piece)
    return Block(job.name, pieces, len(lines.encode()), digest_of(lines))


def digest_of(*parts: str) -> str:
    """Sixteen hexadecimal digits that stand for a text."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def marker(digest: str) -> str:
    """The pattern that names a configuration."""
    return f"{CONFIG_DIR}/digest-{digest}.*"


def head(top: Top) -> Json:
    """The top level without what is assembled."""
    return {key: value for key, value in top.config.items() if key not in ("scrape_configs", "scrape_config_files")}


def assemble(
    scope: Scope, shard: int, top: Json, assets: Mapping[str, bytes], blocks: Sequence[Block], *, salt: str = ""
) -> Configuration:
    """The configuration of one shard; `assets` are the TLS files that it reads, which must be live too."""

    def own(lines: str) -> str:
        return placed(scope, shard, lines)

    start = own(text(top))
    inline = len(start.encode()) + sum(one.size for one in blocks) <= INLINE_LIMIT
    jobs = [own(one.text) for one in blocks] if inline else []
    spread = {} if inline else {number: own(_short(some)) for number, some in _spread(blocks).items()}
    buckets = {number: (f"jobs-{number}-{digest_of(salt, lines)}.yaml", lines) for number, lines in spread.items()}
    files = [f"{CONFIG_DIR}/{name}" for name, _ in buckets.values()]
    digest = digest_of(salt, start, *files, *jobs, *_fingerprints(assets))
    body = text({"scrape_config_files": [*files, marker(digest)]})
    if inline:
        body += "".join(("scrape_configs:\n", *jobs)) if jobs else "scrape_configs: []\n"
    return Configuration(digest, NOTE + start + body, buckets)


def _fingerprints(assets: Mapping[str, bytes]) -> list[str]:
    return [part for name in sorted(assets) for part in (name, hashlib.sha256(assets[name]).hexdigest())]


def placed(scope: Scope, shard: int, lines: str) -> str:
    """The text with a shard's own values in the places of the placeholders."""
    if "$(" not in lines:
        return lines
    lines = lines.replace(SHARD, str(shard)).replace(INZONE_SHARD, str(scope.inzone_shard(shard)))
    return lines.replace(TOPOLOGY_ZONE, scope.zone(shard))


def _spread(blocks: Sequence[Block]) -> dict[int, list[Block]]:
    """By a hash of the job's name over always as many Secrets, so that an edit rewrites one of them."""
    found: dict[int, list[Block]] = {}
    for one in blocks:
        found.setdefault(zlib.crc32(one.name.encode()) % SCRAPE_SECRETS, []).append(one)
    return dict(sorted(found.items()))


def _short(blocks: Sequence[Block]) -> str:
    """The jobs, where what several have alike, as is most of a monitor's relabeling, is said once and referred to."""
    counts = Counter(piece for one in blocks for piece in one.pieces)
    known: dict[str, str] = {}
    lines, room = ["scrape_configs:\n"], ALIASED
    for one in blocks:
        for piece in one.pieces:
            if piece in known and room > 0:
                lines.append(known[piece])
                room -= piece.count("\n")
            elif piece not in known and counts[piece] > 1 and _ITEM.fullmatch(piece):
                number = len(known)
                known[piece] = f"  - *{number}\n"
                # On a line of its own: before a key, an anchor would name that key.
                lines.append(f"  - &{number}\n    {piece.removeprefix('  - ')}")
            else:
                lines.append(piece)
    return "".join(lines)


def _job_name(scalar: str) -> str:
    return str(json.loads(scalar)) if scalar.startswith('"') else scalar


def rule_maps(files: Mapping[str, str], before: Sequence[Iterable[str]]) -> list[RuleMap]:
    """Rule files spread over ConfigMaps; `before` are the file names that each holds now.

    A file stays where it is while it fits: the path is part of a group's identity, and alerts of a group that moved
    would lose for how long they have been pending.
    """
    places: list[dict[str, str]] = [{} for _ in before]
    sizes = [0] * len(before)
    homes = {name: number for number, names in enumerate(before) for name in names}

    def fits(number: int, name: str) -> bool:
        return sizes[number] + len(files[name].encode()) + len(name) <= RULES_LIMIT

    def put(number: int, name: str) -> None:
        places[number][name] = files[name]
        sizes[number] += len(files[name].encode()) + len(name)

    moving = []
    for name in sorted(files):
        home = homes.get(name)
        if home is not None and fits(home, name):
            put(home, name)
        else:
            moving.append(name)
    for name in moving:
        number = next((number for number in range(len(places)) if fits(number, name)), len(places))
        if number == len(places):
            places.append({})
            sizes.append(0)
        put(number, name)
    while len(places) > 1 and not places[-1]:
        places.pop()
    return [_with_digest(place) for place in places or [{}]]


def _with_digest(files: Mapping[str, str]) -> RuleMap:
    limit = int(digest_of(*(part for name in sorted(files) for part in (name, files[name])))[:13], 16)
    own = text({"groups": [{"name": LIVE, "limit": limit, "rules": [_NOTHING]}]})
    return RuleMap({**{name: files[name] for name in sorted(files)}, f"{LIVE}.yaml": own}, limit)


def edition(configurations: Sequence[Configuration], rules: Sequence[RuleMap]) -> str:
    """What stands for everything that the processes of a Prometheus load."""
    return digest_of(*(one.digest for one in configurations), *(str(one.limit) for one in rules))


def rules_pattern(prefix: str, number: int) -> str:
    """The rule_files entry of a ConfigMap."""
    return f"{RULES}/{prefix}-rulefiles-{number}/*.yaml"


def live_file(prefix: str, number: int) -> str:
    """The file by which a ConfigMap of rules is proved live."""
    return f"{RULES}/{prefix}-rulefiles-{number}/{LIVE}.yaml"
