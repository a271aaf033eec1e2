//! Which addresses are public, in every way to write them.

use super::{OPEN, STRICT, at_home, fetch, quick};
use providers::{FetchError, Fetcher, is_public, leads_to_private};

#[test]
fn addresses() {
    let check = |address: &str, expected: bool| {
        assert_eq!(is_public(address.parse().unwrap()), expected, "{address}");
    };
    for address in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.100.100.200",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.255.254",
        "168.63.129.16",
        "169.254.0.1",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.0.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
    ] {
        check(address, false);
    }
    for address in [
        "::",
        "::1",
        "::127.0.0.1",
        "::8.8.8.8",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::ffff:0:8.8.8.8",
        "64:ff9b::7f00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:0:4136:e378::1",
        "2001:2::1",
        "2001:10::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "2002:808:808::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ] {
        check(address, false);
    }
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.167.255.255",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2000::1",
        "2001:200::1",
        "2001:4860:4860::8888",
        "2003::1",
        "2606:4700:4700::1111",
        "3ffe::1",
    ] {
        check(address, true);
    }
}

/// Networks that are not the open internet, each with its first and its last address: IANA's registries of special-purpose
/// addresses, multicast, and what wraps an IPv4 address.
const NETWORKS: [(&str, &str, &str); 38] = [
    ("this network", "0.0.0.0", "0.255.255.255"),
    ("private", "10.0.0.0", "10.255.255.255"),
    ("carriers' NAT", "100.64.0.0", "100.127.255.255"),
    ("loopback", "127.0.0.0", "127.255.255.255"),
    ("link-local", "169.254.0.0", "169.254.255.255"),
    ("private", "172.16.0.0", "172.31.255.255"),
    ("protocol assignments", "192.0.0.0", "192.0.0.255"),
    ("documentation", "192.0.2.0", "192.0.2.255"),
    ("6to4 relays", "192.88.99.0", "192.88.99.255"),
    ("private", "192.168.0.0", "192.168.255.255"),
    ("benchmarks", "198.18.0.0", "198.19.255.255"),
    ("documentation", "198.51.100.0", "198.51.100.255"),
    ("documentation", "203.0.113.0", "203.0.113.255"),
    ("multicast", "224.0.0.0", "239.255.255.255"),
    ("reserved, broadcast", "240.0.0.0", "255.255.255.255"),
    ("unspecified", "::", "::"),
    ("loopback", "::1", "::1"),
    ("compatible", "::0.0.0.0", "::255.255.255.255"),
    ("mapped", "::ffff:0.0.0.0", "::ffff:255.255.255.255"),
    ("translated", "::ffff:0:0.0.0.0", "::ffff:0:255.255.255.255"),
    ("NAT64", "64:ff9b::0.0.0.0", "64:ff9b::255.255.255.255"),
    ("NAT64 of one's own", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff"),
    ("discarded", "100::", "100::ffff:ffff:ffff:ffff"),
    ("dummy", "100:0:0:1::", "100:0:0:1:ffff:ffff:ffff:ffff"),
    ("protocol assignments", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("Teredo", "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("benchmarks", "2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff"),
    ("ORCHID", "2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("ORCHID, second", "2001:20::", "2001:2f:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("documentation", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("6to4", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("documentation", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("segment routing", "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("unique local", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("link-local", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("site-local", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("multicast", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("never given out", "4000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
];

#[test]
fn no_address_of_a_special_network_is_public() {
    for (what, first, last) in NETWORKS {
        for address in [first, last] {
            assert!(!is_public(address.parse().unwrap()), "{what}: {address}");
        }
    }
    // Some of them wrap an IPv4 address, whichever that is.
    for inner in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "8.8.8.8"] {
        let [a, b, c, d] = inner.parse::<std::net::Ipv4Addr>().unwrap().octets();
        for outer in [
            format!("::{inner}"),
            format!("::ffff:{inner}"),
            format!("64:ff9b::{inner}"),
            format!("64:ff9b:1::{inner}"),
            format!("2002:{a:02x}{b:02x}:{c:02x}{d:02x}::1"),
        ] {
            assert!(!is_public(outer.parse().unwrap()), "{outer}");
        }
    }
}

/// Ways to write an address of this machine or its network.
pub(super) const INSIDE: [&str; 40] = [
    "http://127.0.0.1/",
    "HTTP://127.0.0.1/",
    "https://127.0.0.1:8443/",
    "http://127.0.0.1./",
    "http://127.1/",
    "http://127.0.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0X7F.0.0.1/",
    "http://0x7f.1/",
    "http://017700000001/",
    "http://0177.0.0.01/",
    "http://0300.0250.0.1/",
    "http://3232235777/",
    "http://0/",
    "http://0.0.0.0/",
    "http://%31%32%37.0.0.1/",
    "http://①②⑦.0.0.1/",
    "http://１２７.0.0.1/",
    "http://127。0。0。1/",
    "http:127.0.0.1",
    "http:/127.0.0.1/",
    "http:\\\\127.0.0.1\\",
    "http://127.0.0.1\\@example.org/",
    "\thttp://127.0.0.1/",
    "http://12\n7.0.0.1/",
    "http://127.0.0.1#@example.org/",
    "http://127.0.0.1?@example.org/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[::1]/",
    "http://[::]/",
    "http://[0:0:0:0:0:0:0:1]:80/",
    "http://[::127.0.0.1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[fd00:ec2::254]/",
    "http://localhost/",
    "http://LOCALHOST:8080/",
];

#[tokio::test]
async fn addresses_in_urls() {
    let fetcher = Fetcher::new(quick()).unwrap();
    for url in INSIDE {
        let error = fetch(&fetcher, url, STRICT).await.unwrap_err();
        assert!(matches!(error, FetchError::Forbidden), "{url}: {error}");
    }
}

#[tokio::test]
async fn what_is_no_url_of_the_web() {
    let fetcher = Fetcher::new(quick()).unwrap();
    for url in [
        "",
        "picture.png",
        "//example.com/",
        "http://",
        "http://[::1",
        "http://256.1.1.1/",
        "http://exa mple.com/",
        "file:///etc/passwd",
        "ftp://example.com/",
        "gopher://example.com/",
        "data:image/png;base64,AAAA",
        "javascript:1",
        "http://user@example.com/",
        "http://user:secret@example.com/",
        "http://:secret@example.com/",
        "http://example.com@127.0.0.1/",
        "http://127.0.0.1:80@example.com/",
        "http://[fe80::1%25eth0]/",
        "http://[::1/",
        "http://127.0.0.1:99999/",
    ] {
        for policy in [STRICT, OPEN] {
            let error = fetch(&fetcher, url, policy).await.unwrap_err();
            assert!(matches!(error, FetchError::BadUrl(_)), "{url}: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}

#[tokio::test]
async fn names_are_as_public_as_what_they_resolve_to() {
    let check = async |addresses: &[&str]| {
        let error = fetch(&at_home(&[addresses]), "http://files.test/", STRICT).await.unwrap_err();
        assert!(matches!(error, FetchError::Forbidden), "{addresses:?}: {error}");
    };
    check(&["127.0.0.2"]).await;
    check(&["10.0.0.1", "169.254.169.254"]).await;
    check(&["::1"]).await;
    check(&["::ffff:127.0.0.1"]).await;
}

#[tokio::test]
async fn unknown_names_and_closed_ports() {
    let error = fetch(&at_home(&[]), "http://files.test/", STRICT).await.unwrap_err();
    assert!(matches!(error, FetchError::Unreachable(_)), "{error}");
    // Port 1 is nobody's.
    let error = fetch(&at_home(&[]), "http://127.0.0.1:1/secret", STRICT).await.unwrap_err();
    assert!(matches!(error, FetchError::Unreachable(_)), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn names_of_networks_of_ones_own_are_private() {
    for private in [
        "http://localhost",
        "http://box",
        "https://box.internal/files",
        "http://Box.Local:8080",
        "http://box.lan",
        "http://a.b.home.arpa",
        "http://api.localhost",
        "http://box.internal.",
        "http://[::1]:80",
        "http://10.0.0.1",
    ] {
        assert!(leads_to_private(private), "{private}");
    }
    for public in
        ["https://example.org", "https://internal.example.org", "https://my-local.org", "http://8.8.8.8"]
    {
        assert!(!leads_to_private(public), "{public}");
    }
}
