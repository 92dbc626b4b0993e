"""The grammar of the operator's rules."""

from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.egress.policy import Policy
from tasks.egress.rules import parse_allowed, parse_ports, parse_rules


def test_a_rule_is_a_network_or_a_host_with_ports_or_without() -> None:
    text = (
        "10.20.0.0/16, 10.0.0.5:443 ,Grafana.Corp.Example:3000-3010,*.wiki.example,"
        "fd00:1::/32,[fd00:2::/32]:8080,fd00::3,[fd00::4]"
    )
    found = [
        (str(rule.network) if rule.network else rule.name, rule.ports) for rule in parse_rules(text)
    ]
    assert found == [
        ("10.20.0.0/16", None),
        ("10.0.0.5/32", range(443, 444)),
        ("grafana.corp.example", range(3000, 3011)),
        ("*.wiki.example", None),
        ("fd00:1::/32", None),
        ("fd00:2::/32", range(8080, 8081)),
        ("fd00::3/128", None),
        ("fd00::4/128", None),
    ]


@pytest.mark.parametrize("text", ["", " ", ",", " , "])
def test_no_rules_are_rules_too(text: str) -> None:
    assert parse_rules(text) == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("*", "does not name a host"),
        ("*:80", "does not name a host"),
        ("*.", "does not name a host"),
        ("a.*.example", "does not name a host"),
        ("-a.example", "does not name a host"),
        ("a..example", "does not name a host"),
        ("10.20.0.5/16", "has host bits set"),
        ("10.20.0.0/33", "is no network"),
        ("10.20", "is no network"),
        ("300.1.1.1", "is no network"),
        ("fd00::/200", "is no network"),
        ("[wiki.example]:80", "neither a network nor a host"),
        ("wiki.example:", "neither a network nor a host"),
        ("wiki.example:http", "neither a network nor a host"),
        ("wiki.example:0", "ports go from 1 to 65535"),
        ("wiki.example:70000", "ports go from 1 to 65535"),
        ("wiki.example:90-80", "the lower one first"),
        ("wiki.example:80-", "is no port"),
        ("http://wiki.example", "neither a network nor a host"),
        ("user@wiki.example", "does not name a host"),
        ("wiki.example/path", "does not name a host"),
        ("::ffff:10.0.0.0/104", "write it as one"),
    ],
)
def test_what_is_no_rule_is_refused_by_name(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as caught:
        parse_rules(f"good.example, {text}")
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0.0.0.0/0", "every address"),
        ("0.0.0.0/0:443", "every address"),
        ("::/0", "every address"),
        ("[::/0]:80", "every address"),
        ("127.0.0.0/8", "name a port"),
        ("127.0.0.10", "name a port"),
        ("0.0.0.0/1", "name a port"),
        ("::1", "name a port"),
        ("::/8", "name a port"),
        ("localhost", "name a port"),
        ("app.localhost", "name a port"),
        ("*.localhost", "name a port"),
    ],
)
def test_52_nobody_opens_everything_or_all_of_this_machine(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        parse_allowed(text)
    with pytest.raises(ValueError, match=why):
        Policy(allow=text)
    assert parse_rules(text)  # To close that much is fine.


def test_ports_are_numbers_and_ranges() -> None:
    assert parse_ports("80, 8000-8002,443") == (range(80, 81), range(8000, 8003), range(443, 444))


@pytest.mark.parametrize(
    "text", ["", ",", "http", "80;443", "0", "65536", "2-1", "8_0", "٨٠", "-1"]
)
def test_what_is_no_port_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"port"):
        parse_ports(text)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(alphabet="0123456789abcdef.:/[]*-, localhost", max_size=40))
def test_any_text_is_either_rules_or_refused(text: str) -> None:
    try:
        rules = parse_allowed(text)
    except ValueError:
        return
    for rule in rules:
        assert (rule.network is None) != (rule.name is None)
        assert rule.network is None or rule.network.prefixlen > 0
        if rule.network is not None and rule.network.overlaps(ip_network("127.0.0.0/8")):
            assert rule.ports
