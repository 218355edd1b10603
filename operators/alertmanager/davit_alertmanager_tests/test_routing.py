"""Where alerts go: nobody gets what is another's, nothing is swallowed, and a broken object hurts only itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from davit.model import Manifest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from davit_alertmanager_tests.routing import notified, receivers
from davit_alertmanager_tests.strategies import Draw
from davit_alertmanager_tests.world import HOME, Json, alertmanager, base_secret, config, world

BASE = """
route:
  receiver: default
  routes:
  - {receiver: pager, matchers: ['severity="critical"'], continue: true}
  - {receiver: silent, matchers: ['team="none"']}
  - {receiver: chat, matchers: ['team=~"a|b"']}
receivers:
- {name: default, webhook_configs: [{url: 'http://default'}]}
- {name: pager, webhook_configs: [{url: 'http://pager'}]}
- {name: chat, webhook_configs: [{url: 'http://chat'}]}
- {name: silent}
"""
OF_BASE = {"default", "pager", "chat", "silent"}
NAMESPACES = ("shop", "bank", HOME)
NAMES = ("one", "two", "three", "silent")
GOOD: Json = {"webhookConfigs": [{"url": "http://good"}]}
BROKEN: Json = {"slackConfigs": [{"apiURL": {"name": "missing", "key": "url"}}]}

alerts = st.fixed_dictionaries(
    {"severity": st.sampled_from(["critical", "info"]), "team": st.sampled_from(["a", "b", "c", "none"])},
    optional={"namespace": st.sampled_from([*NAMESPACES, "other"])},
)
matchers = st.lists(
    st.builds(
        lambda name, value, kind: {"name": name, "value": value, "matchType": kind},
        st.sampled_from(["severity", "team"]),
        st.sampled_from(["critical", "info", "a", "b|c"]),
        st.sampled_from(["=", "!=", "=~", "!~"]),
    ),
    max_size=2,
)


@st.composite
def routes(draw: Draw, depth: int = 0) -> Json:
    """A route of a team, three levels at most."""
    found: Json = {"matchers": draw(matchers), "continue": draw(st.booleans())}
    if depth == 0 or draw(st.booleans()):
        found["receiver"] = draw(st.sampled_from(NAMES))
    if depth < 2:
        found["routes"] = draw(st.lists(routes(depth + 1), max_size=2))
    return found


def team(name: str, namespace: str, route: Json, broken: frozenset[str] = frozenset()) -> Manifest:
    """An AlertmanagerConfig whose named receivers can't be used."""
    declared = [{"name": one, **({} if one == "silent" else BROKEN if one in broken else GOOD)} for one in NAMES]
    return config(name, namespace, route=route, receivers=declared)


@st.composite
def teams(draw: Draw) -> list[Manifest]:
    """Up to three objects, whole or broken."""
    number = draw(st.integers(0, 3))
    broken = st.frozensets(st.sampled_from(NAMES[:3]))
    return [team(f"t{index}", draw(st.sampled_from(NAMESPACES)), draw(routes()), draw(broken)) for index in range(number)]


def rendered(configs: list[Manifest], **spec: Any) -> Json:
    found = world(alertmanager(**spec), base_secret(BASE), *configs).rendered().config
    assert found is not None
    return found


def of(configs: list[Manifest]) -> set[str]:
    """The prefixes of the receivers of these objects."""
    return {f"{one['metadata']['namespace']}/{one['metadata']['name']}/" for one in configs}


def belongs(name: str, configs: list[Manifest]) -> bool:
    return any(name.startswith(prefix) for prefix in of(configs))


many = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60)


@many
@given(teams(), alerts)
def test_a_team_never_gets_another_namespaces_alerts(configs: list[Manifest], alert: Mapping[str, str]) -> None:
    for name in receivers(rendered(configs), alert):
        assert name in OF_BASE or name.split("/")[0] == alert.get("namespace")


@many
@given(teams(), alerts)
def test_beside_the_alertmanager_a_team_may_get_all_alerts(configs: list[Manifest], alert: Mapping[str, str]) -> None:
    strategy = {"type": "OnNamespaceExceptForAlertmanagerNamespace"}
    for name in receivers(rendered(configs, alertmanagerConfigMatcherStrategy=strategy), alert):
        assert name in OF_BASE or name.split("/")[0] in (alert.get("namespace"), HOME)


@many
@given(teams(), routes(), st.sampled_from(NAMESPACES), st.frozensets(st.sampled_from(NAMES[:3])), alerts)
def test_one_more_object_changes_nothing_for_the_others(
    configs: list[Manifest], route: Json, namespace: str, broken: frozenset[str], alert: Mapping[str, str]
) -> None:
    more = team("new", namespace, route, broken)
    before, after = (receivers(rendered(some), alert) for some in (configs, [*configs, more]))
    others = [name for name in after if not belongs(name, [more]) and name != "default"]
    assert others == [name for name in before if name != "default"]
    if alert.get("namespace") != namespace:
        assert after == before


@many
@given(teams(), routes(), st.frozensets(st.sampled_from(NAMES[:3]), min_size=1), alerts)
def test_what_breaks_in_one_object_changes_nothing_for_the_others(
    configs: list[Manifest], route: Json, broken: frozenset[str], alert: Mapping[str, str]
) -> None:
    whole, hurt = team("new", "shop", route), team("new", "shop", route, broken)
    before, after = (receivers(rendered([*configs, one]), alert) for one in (whole, hurt))
    assert [name for name in after if not belongs(name, [hurt]) and name != "default"] == [
        name for name in before if not belongs(name, [whole]) and name != "default"
    ]


@many
@given(routes(), st.frozensets(st.sampled_from(NAMES[:3]), min_size=1), alerts)
def test_alerts_of_a_broken_receiver_still_notify_somebody_who_may_know(
    route: Json, broken: frozenset[str], alert: Mapping[str, str]
) -> None:
    whole, hurt = team("t", "shop", route), team("t", "shop", route, broken)
    lost = {f"shop/t/{name}" for name in broken}
    before, after = receivers(rendered([whole]), alert), receivers(rendered([hurt]), alert)
    without = receivers(rendered([]), alert)
    if lost & set(before):
        assert notified(rendered([hurt]), alert) or after == without
        assert set(after) <= (set(before) - lost) | {f"shop/t/{name}" for name in NAMES if name not in broken} | {
            "default",
            *without,
        }
        assert "shop/t/silent" in before or "shop/t/silent" not in after
    elif any(f"shop/t/{name}" in rendered_names(hurt) for name in NAMES):
        assert after == before


def rendered_names(one: Manifest) -> set[str]:
    """The receivers that the configuration of one object has."""
    return {receiver["name"] for receiver in rendered([one])["receivers"]}


@many
@given(teams(), alerts)
def test_exactly_the_routes_of_the_base_stay_reachable(configs: list[Manifest], alert: Mapping[str, str]) -> None:
    alone, together = receivers(rendered([]), alert), receivers(rendered(configs), alert)
    own = [name for name in together if name in OF_BASE]
    assert [name for name in own if name != "default"] == [name for name in alone if name != "default"]
    if not any(name not in OF_BASE for name in together) and "default" not in own:
        assert own == alone


def test_a_lost_child_notifies_the_parents_receiver() -> None:
    route = {"receiver": "one", "routes": [{"receiver": "two", "matchers": [{"name": "team", "value": "a"}]}]}
    found = rendered([team("t", "shop", route, frozenset({"two"}))])
    assert notified(found, {"namespace": "shop", "team": "a"}) == ["shop/t/one", "chat"]


def test_a_lost_child_of_a_silent_parent_notifies_the_default_receiver() -> None:
    route = {"receiver": "silent", "routes": [{"receiver": "two", "matchers": [{"name": "team", "value": "c"}]}]}
    found = rendered([team("t", "shop", route, frozenset({"two"}))])
    assert receivers(found, {"namespace": "shop", "team": "c"}) == ["default"]
    assert receivers(found, {"namespace": "shop", "team": "d"}) == ["shop/t/silent"]


def test_a_lost_child_still_keeps_its_alerts_from_later_siblings() -> None:
    routes = [{"receiver": "two", "matchers": [{"name": "team", "value": "c"}]}, {"receiver": "silent"}]
    found = rendered([team("t", "shop", {"receiver": "one", "routes": routes}, frozenset({"two"}))])
    assert receivers(found, {"namespace": "shop", "team": "c"}) == ["shop/t/one"]


def test_children_of_a_lost_parent_go_on() -> None:
    route = {"receiver": "one", "routes": [{"receiver": "two", "matchers": [{"name": "team", "value": "c"}]}]}
    found = rendered([team("t", "shop", route, frozenset({"one"}))])
    assert receivers(found, {"namespace": "shop", "team": "c"}) == ["shop/t/two"]
    assert receivers(found, {"namespace": "shop", "team": "d"}) == ["default"]
    assert receivers(found, {"namespace": "shop", "severity": "critical"}) == ["default", "pager"]


def test_without_any_usable_receiver_alerts_go_where_they_go_without_the_object() -> None:
    route = {"receiver": "one", "routes": [{"receiver": "two"}]}
    hurt = team("t", "shop", route, frozenset({"one", "two"}))
    assert rendered([hurt])["route"] == rendered([])["route"]
