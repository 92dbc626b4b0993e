"""What the gate lets through, as far as rules can say."""

from ipaddress import ip_address

import pytest

from tasks.egress.addresses import unmapped
from tasks.egress.policy import Policy, Zone, literal

PUBLIC = "93.184.216.34"
WIKI = "10.20.0.5"


def zone(policy: Policy, host: str, *addresses: str, port: int = 80) -> Zone | None:
    """Judge ``host``, which is an address itself if it has none."""
    found = [unmapped(ip_address(each)) for each in addresses or (host,)]
    return policy.zone(host, port, found)


@pytest.mark.parametrize(
    "address",
    ["93.184.216.34", "8.8.8.8", "2606:2800:21f:cb07::1", "::ffff:93.184.216.34", "100.63.0.1"],
)
def test_public_addresses_are_public(address: str) -> None:
    assert zone(Policy(), address) is Zone.PUBLIC


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.255.255.254", "::1"),  # 1, 3
        *("::ffff:127.0.0.1", "::ffff:a9fe:a9fe", "::ffff:10.0.0.5"),  # 4
        "169.254.169.254",  # 5
        *("fd00:ec2::254", "fd00::1", "fc00::1", "fe80::1", "fec0::1"),  # 6
        *("10.0.0.5", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1"),  # 9
        *("0.0.0.0", "0.1.2.3", "::"),  # 10
        *("224.0.0.1", "239.0.0.1", "255.255.255.255", "240.0.0.1", "ff02::1"),  # 16
        *("168.63.129.16", "192.0.0.192", "192.0.0.1", "100.100.100.200"),  # clouds
        *("192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "192.88.99.1"),
        *("2001:db8::1", "3fff::1", "2001:2::1", "100::1", "5f00::1"),
        *("64:ff9b::7f00:1", "64:ff9b::5db8:d822", "64:ff9b:1::a00:5"),  # NAT64
        *("2002:7f00:1::", "2002:5db8:d822::1"),  # 6to4
        "2001:0:5db8:d822::1",  # Teredo
        "::127.0.0.1",
    ],
)
def test_1_to_16_what_is_not_public_is_forbidden(address: str) -> None:
    assert zone(Policy(), address) is None


@pytest.mark.parametrize(
    "host",
    [
        *("localhost", "foo.localhost"),  # 2
        "metadata.google.internal",  # 7
        *("2130706433", "0", "0177.0.0.1", "0x7f.1", "127.1", "0x7f000001", "1.2.3"),  # 12, 13
        *("redis", "printer.local", "db.internal", "wiki.intranet", "nas.lan"),
        *("router.home.arpa", "api.default.svc.cluster.local"),
    ],
)
def test_2_7_12_13_no_one_is_asked_for_the_addresses_of_forbidden_names(host: str) -> None:
    assert not Policy().may_look_up(host, 80, internal=True)


def test_public_names_are_looked_up_at_the_usual_ports_alone() -> None:
    asked = [
        port
        for port in (22, 80, 443, 3000, 6379, 8080, 8443)
        if Policy().may_look_up("public.test", port, internal=True)
    ]
    assert asked == [80, 443, 8080, 8443]
    assert Policy(ports="3000-3002").may_look_up("public.test", 3001, internal=False)


def test_public_addresses_are_open_at_the_usual_ports_alone() -> None:
    assert zone(Policy(), PUBLIC, port=443) is Zone.PUBLIC
    assert zone(Policy(), PUBLIC, port=6379) is None
    assert zone(Policy(ports="6379"), PUBLIC, port=6379) is Zone.PUBLIC
    assert zone(Policy(ports="6379"), PUBLIC, port=443) is None


def test_36_one_forbidden_answer_forbids_the_name() -> None:
    assert zone(Policy(), "public.test", PUBLIC, "8.8.8.8") is Zone.PUBLIC
    assert zone(Policy(), "mixed.test", PUBLIC, "10.0.0.5") is None
    assert zone(Policy(), "mixed.test", PUBLIC, "::1") is None
    assert zone(Policy(), "mixed.test", PUBLIC, "::ffff:10.0.0.5") is None
    assert zone(Policy(), "mixed.test", "2606:2800::1", "169.254.169.254") is None


def test_a_name_without_addresses_has_no_zone() -> None:
    assert Policy().zone("public.test", 80, []) is None


class TestAllowed:
    def test_49_a_network_is_open_at_its_port_and_no_other(self) -> None:
        policy = Policy(allow="127.0.0.10:8088")
        assert zone(policy, "127.0.0.10", port=8088) is Zone.INTERNAL
        assert zone(policy, "127.0.0.10", port=80) is None
        assert zone(policy, "127.0.0.20", port=8088) is None

    def test_a_network_without_a_port_is_open_at_all(self) -> None:
        policy = Policy(allow="10.20.0.0/16, fd00:20::/32")
        assert zone(policy, WIKI, port=9999) is Zone.INTERNAL
        assert zone(policy, "fd00:20::5", port=9999) is Zone.INTERNAL
        assert zone(policy, "::ffff:10.20.0.5") is Zone.INTERNAL
        assert zone(policy, "10.21.0.5") is None

    def test_a_host_may_lie_at_a_private_address_which_stays_closed_itself(self) -> None:
        policy = Policy(allow="grafana.corp.example:3000")
        assert zone(policy, "grafana.corp.example", WIKI, port=3000) is Zone.INTERNAL
        assert zone(policy, "grafana.corp.example", WIKI, port=80) is None
        assert zone(policy, "other.corp.example", WIKI, port=3000) is None
        assert zone(policy, WIKI, port=3000) is None

    def test_a_wildcard_is_all_below_and_not_the_name_itself(self) -> None:
        policy = Policy(allow="*.wiki.corp.example")
        assert zone(policy, "a.b.wiki.corp.example", WIKI) is Zone.INTERNAL
        assert zone(policy, "wiki.corp.example", WIKI) is None
        assert zone(policy, "awiki.corp.example", WIKI) is None

    def test_what_is_public_anyway_stays_public(self) -> None:
        policy = Policy(allow="93.184.0.0/16, public.test")
        assert zone(policy, "public.test", PUBLIC) is Zone.PUBLIC
        assert zone(policy, "public.test", PUBLIC, port=3000) is Zone.INTERNAL

    def test_good_answers_of_two_zones_are_internal(self) -> None:
        assert zone(Policy(allow="10.20.0.0/16"), "x.test", PUBLIC, WIKI) is Zone.INTERNAL

    @pytest.mark.parametrize("host", ["wiki", "wiki.internal", "wiki.lan"])
    def test_a_local_name_is_looked_up_if_it_is_named_and_internal_targets_would_do(
        self, host: str
    ) -> None:
        assert Policy(allow=host).may_look_up(host, 80, internal=True)
        assert not Policy(allow=host).may_look_up(host, 80, internal=False)
        assert not Policy(allow="10.20.0.0/16").may_look_up(host, 80, internal=True)
        assert zone(Policy(allow=host), host, WIKI) is Zone.INTERNAL

    def test_another_port_is_looked_up_if_a_network_may_have_it(self) -> None:
        policy = Policy(allow="10.20.0.0/16:3000")
        assert policy.may_look_up("wiki.test", 3000, internal=True)
        assert not policy.may_look_up("wiki.test", 3000, internal=False)
        assert not policy.may_look_up("wiki.test", 3001, internal=True)

    def test_a_name_without_a_port_does_not_open_this_machine(self) -> None:
        assert zone(Policy(allow="grafana.test"), "grafana.test", "127.0.0.1") is None
        policy = Policy(allow="grafana.test:3000")
        assert zone(policy, "grafana.test", "127.0.0.1", port=3000) is Zone.INTERNAL

    @pytest.mark.parametrize(
        ("allow", "address"),
        [
            ("169.254.0.0/16", "169.254.169.254"),
            ("168.63.0.0/16", "168.63.129.16"),
            ("192.0.0.0/24", "192.0.0.192"),
            ("fd00::/8", "fd00:ec2::254"),
            ("fe80::/10", "fe80::1"),
            ("0.0.0.0/8", "0.0.0.0"),
            ("224.0.0.0/4", "224.0.0.1"),
            ("64:ff9b::/96", "64:ff9b::a9fe:a9fe"),
            ("2002::/16", "2002:a9fe:a9fe::"),
            ("2001::/32", "2001:0:a9fe:a9fe::1"),
            ("::/64", "::a9fe:a9fe"),
        ],
    )
    def test_52_nobody_opens_metadata_or_link_local(self, allow: str, address: str) -> None:
        assert (
            zone(Policy(allow=f"[{allow}]:80" if ":" in allow else f"{allow}:80"), address) is None
        )
        assert zone(Policy(allow="x.test:80"), "x.test", address) is None

    def test_a_translated_address_may_be_opened(self) -> None:
        policy = Policy(allow="[64:ff9b::/96]:80")
        assert zone(policy, "64:ff9b::5db8:d822") is Zone.INTERNAL


class TestDenied:
    def test_deny_is_above_allow_and_above_the_default(self) -> None:
        policy = Policy(allow="10.20.0.0/16", deny="10.20.0.5, 93.184.216.34:443")
        assert zone(policy, WIKI) is None
        assert zone(policy, "10.20.0.6") is Zone.INTERNAL
        assert zone(policy, PUBLIC, port=443) is None
        assert zone(policy, PUBLIC) is Zone.PUBLIC

    def test_a_denied_name_is_not_looked_up(self) -> None:
        policy = Policy(allow="www.farm.example", deny="*.farm.example")
        assert not policy.may_look_up("www.farm.example", 80, internal=True)
        assert policy.may_look_up("farm.example", 80, internal=True)

    def test_a_denied_address_cannot_be_had_in_translation(self) -> None:
        policy = Policy(allow="[64:ff9b::/96]:80", deny="93.184.216.34")
        assert zone(policy, "64:ff9b::5db8:d822") is None


class TestOwn:
    def test_the_farms_own_services_are_above_everything(self) -> None:
        policy = Policy(allow="10.20.0.0/16, redis:6379", own="redis:6379, 10.20.0.5:8000")
        assert not policy.may_look_up("redis", 6379, internal=True)
        assert zone(policy, WIKI, port=8000) is None
        assert zone(policy, WIKI, port=8001) is Zone.INTERNAL

    def test_what_their_names_lead_to_is_refused_by_any_name(self) -> None:
        policy = Policy(allow="10.20.0.0/16", own="redis:6379,*.farm.test:6379")
        assert policy.own_names(6379) == ["redis"]
        assert policy.own_names(80) == []
        own = [ip_address(WIKI)]
        assert policy.zone("other.test", 6379, [ip_address(WIKI)], own) is None

    @pytest.mark.parametrize("own", ["127.0.0.1:6379", "localhost:6379", "[::1]:6379"])
    def test_loopback_is_this_machine_by_whatever_address(self, own: str) -> None:
        policy = Policy(allow="127.0.0.0/8:6000-7000, [::1]:6000-7000", own=own)
        for address in ("127.0.0.1", "127.3.2.1", "::1", "::ffff:127.0.0.1"):
            assert zone(policy, address, port=6379) is None
            assert zone(policy, address, port=6380) is Zone.INTERNAL


def test_only_the_strict_spelling_is_an_address() -> None:
    assert literal("10.0.0.5") == ip_address("10.0.0.5")
    assert literal("::ffff:10.0.0.5") == ip_address("10.0.0.5")
    for host in ("0177.0.0.1", "127.1", "2130706433", "010.0.0.5", "1.2.3.4.5", "public.test"):
        assert literal(host) is None
