"""How an edition is told again, whatever the user's own text looks like."""

from __future__ import annotations

import pytest
import yaml
from davit.monitoring import workload
from davit_alertmanager.edition import edition, loaded, mark, marked_text, published
from davit_alertmanager.model import CONFIG_FILE

ROUTE = "route: {receiver: x}\nreceivers: [{name: x}]\n"
TEXTS = [
    ROUTE,
    f"{ROUTE}templates:\n- a.tmpl\n- b.tmpl\n",
    f"templates:\n   - a.tmpl # the first\n   - b.tmpl\n{ROUTE}",
    f"templates: []\n{ROUTE}",
    f"templates: [a.tmpl, 'b.tmpl']\n{ROUTE}",
    f"templates: [\n  a.tmpl,\n  ]\n{ROUTE}",
    f"# comment: templates\n---\n{ROUTE}",
    '{"route": {"receiver": "x"}, "receivers": [{"name": "x"}]}',
    '{"templates": ["a.tmpl"], "route": {"receiver": "x"}, "receivers": [{"name": "x"}]}',
    ROUTE.rstrip(),
]


@pytest.mark.parametrize("text", TEXTS)
def test_the_users_text_says_the_same_and_carries_the_mark(text: str) -> None:
    changed = marked_text(text)
    assert changed is not None
    before, after = yaml.safe_load(text), yaml.safe_load(changed)
    assert sorted(after["templates"]) == sorted([*before.get("templates", []), mark()])
    assert {**after, "templates": 0} == {**before, "templates": 0}


@pytest.mark.parametrize("text", ["", "- a\n", "a: [", "templates: 5\n", "a: 1\n---\nb: 2\n", "a: |\n  text without an end"])
def test_a_text_that_can_only_be_written_anew_is_left_alone(text: str) -> None:
    assert marked_text(text) is None


def test_comments_and_spelling_of_the_users_text_stay() -> None:
    text = "# our pager\nroute: {receiver: on}  # yes\nreceivers:\n- name: 'on'\n"
    assert text in str(marked_text(text))


def test_the_digest_tells_text_files_and_assets_apart() -> None:
    text = str(marked_text(ROUTE))
    editions = [
        edition(text),
        edition(text, {"a": b"1"}),
        edition(text, {}, {"a": b"1"}),
        edition(text, {"a": b"2"}),
        edition(text + "# changed\n"),
    ]
    assert len({one.digest for one in editions}) == len(editions)
    assert edition(text).digest == edition(text).digest
    assert edition(text, salt="a").digest != edition(text, salt="b").digest


def test_the_loaded_configuration_shows_the_digest_in_its_templates_only() -> None:
    made = edition(str(marked_text(ROUTE)))
    told = yaml.safe_dump(yaml.safe_load(made.text), sort_keys=False)
    assert loaded(told) == made.digest
    spoofed = f"receivers:\n- name: |\n    templates:\n    - {mark('f' * 16)}\n" + "templates:\n- other\nmute_time_intervals:\n"
    assert loaded(spoofed + f"- name: {mark('e' * 16)}\n") == ""
    assert loaded("route: {}\n") == ""


def test_what_is_published_is_read_back_whole_or_not_at_all() -> None:
    made = edition(str(marked_text(ROUTE)), {"a.tmpl": b"x"}, {"0_ns_tls_ca": b"y"})
    secret = workload.secret({"name": "generated"}, {CONFIG_FILE: made.text.encode(), **made.beside})
    tls = workload.secret({"name": "tls"}, made.assets)
    assert published(secret, [tls]) == made
    assert published(secret, []) is None
    assert published(workload.secret({"name": "g"}, {CONFIG_FILE: made.text.replace("receiver", "x").encode()}), [tls]) is None
    assert published(workload.secret({"name": "g"}, {"alertmanager.yaml.gz": b"\x1f\x8b"}), []) is None
    assert published(None, []) is None
