from ipaddress import ip_address

import pytest

from headwater.errors import DeliveryError
from headwater.notify import check_target


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "[::1]", "[fc00::1]",
        "[::ffff:10.0.0.1]", "[64:ff9b::10.0.0.1]", "[2002:0a00:0001::]", "localhost", "2130706433", "0x7f.1",
        "[::127.0.0.1]", "[::ffff:0:10.0.0.1]", "[2600::5efe:127.0.0.1]", "[2600::200:5efe:10.0.0.1]", "[fec0::2]",
        "[2001:db8::1]", "[3fff::1]", "[2001::1]", "[4000::1]", "[100::1]",
    ],
)  # fmt: skip
def test_private_addresses_are_refused_however_they_are_written(host: str) -> None:
    with pytest.raises(DeliveryError, match="is not public; set HEADWATER_ALLOW_PRIVATE_WEBHOOKS=true") as raised:
        check_target(f"https://{host}/hook", allow_private=False)

    assert not raised.value.retryable


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("169.254.169.254", "a cloud's metadata service"),
        ("[::ffff:169.254.169.254]", "a cloud's metadata service"),
        ("168.63.129.16", "a cloud's metadata service"),
        ("[::ffff:0:169.254.169.254]", "a cloud's metadata service"),
        ("[::169.254.169.254]", "a cloud's metadata service"),
        ("[fe80::5efe:169.254.169.254]", "link-local, multicast or unspecified"),
        ("[2600::5efe:169.254.169.254]", "a cloud's metadata service"),
        ("[64:ff9b:1::169.254.169.254]", "translated to an address that only its network knows"),
        ("[fd00:ec2::254]", "a cloud's metadata service"),
        ("169.254.1.1", "link-local, multicast or unspecified"),
        ("[fe80::1]", "link-local, multicast or unspecified"),
        ("224.0.0.1", "link-local, multicast or unspecified"),
        ("0.0.0.0", "link-local, multicast or unspecified"),  # noqa: S104 - nothing binds to it
        ("[::]", "link-local, multicast or unspecified"),
    ],
)
def test_some_addresses_are_refused_even_where_private_ones_are_allowed(host: str, reason: str) -> None:
    with pytest.raises(DeliveryError, match=reason):
        check_target(f"http://{host}/", allow_private=True)


@pytest.mark.parametrize("host", ["2600:1406::1", "64:ff9b::8.8.8.8", "::ffff:8.8.8.8"])
def test_public_addresses_of_version_6_are_allowed(host: str) -> None:
    target = check_target(f"https://[{host}]/", allow_private=False)

    assert target.addresses == (ip_address(host),)


def test_a_public_address_is_allowed_and_pinned() -> None:
    target = check_target("https://8.8.8.8:8443/hook?x=1", allow_private=False)

    assert (target.host, target.port, [str(address) for address in target.addresses]) == ("8.8.8.8", 8443, ["8.8.8.8"])


def test_private_addresses_and_plain_http_are_allowed_by_setting() -> None:
    target = check_target("http://127.0.0.1/hook", allow_private=True)

    assert (target.port, str(target.addresses[0])) == (80, "127.0.0.1")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://8.8.8.8/", "'8.8.8.8' is addressed by plain HTTP; use https://, or set HEADWATER_ALLOW_PRIVATE_WEB"),
        ("ftp://8.8.8.8/", "begins with https://"),
        ("https:///path", "names a host"),
        ("https://user:pw@8.8.8.8/", "holds a user name or password; sign deliveries with the webhook's `secret`"),
        ("https://8.8.8.8:99999/", "the port of webhook host '8.8.8.8' is not a number up to 65535"),
    ],
)
def test_urls_that_cannot_be_webhooks_are_refused(url: str, message: str) -> None:
    with pytest.raises(DeliveryError, match=message) as raised:
        check_target(url, allow_private=False)

    assert "pw" not in str(raised.value)


def test_a_name_that_does_not_resolve_may_do_so_later() -> None:
    with pytest.raises(DeliveryError, match=r"'nowhere\.invalid' could not be resolved") as raised:
        check_target("https://nowhere.invalid/", allow_private=False)

    assert raised.value.retryable
