//! Which addresses lie in the open internet.

use ipnet::{Ipv4Net, Ipv6Net};
use reqwest::Url;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(first: u16, second: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, 0, 0, 0, 0, 0, 0), prefix)
}

/// After IANA's registry of special-purpose addresses:
/// <https://www.iana.org/assignments/iana-ipv4-special-registry>
const V4_NOT_PUBLIC: [Ipv4Net; 16] = [
    v4(0, 0, 0, 0, 8),        // this network; the unspecified address
    v4(10, 0, 0, 0, 8),       // private
    v4(100, 64, 0, 0, 10),    // carriers' NAT; a cloud's metadata
    v4(127, 0, 0, 0, 8),      // loopback
    v4(168, 63, 129, 16, 32), // Azure's host, reached from within every machine there
    v4(169, 254, 0, 0, 16),   // link-local; clouds' metadata
    v4(172, 16, 0, 0, 12),    // private
    v4(192, 0, 0, 0, 24),     // protocol assignments; a cloud's metadata
    v4(192, 0, 2, 0, 24),     // documentation
    v4(192, 88, 99, 0, 24),   // 6to4 relays
    v4(192, 168, 0, 0, 16),   // private
    v4(198, 18, 0, 0, 15),    // benchmarks
    v4(198, 51, 100, 0, 24),  // documentation
    v4(203, 0, 113, 0, 24),   // documentation
    v4(224, 0, 0, 0, 4),      // multicast
    v4(240, 0, 0, 0, 4),      // reserved; broadcast
];

/// Outside it lie loopback, link-local, unique local, site-local and multicast, and the forms that wrap an IPv4 address:
/// mapped, compatible, NAT64.
const V6_GLOBAL_UNICAST: Ipv6Net = v6(0x2000, 0, 3);

/// Within global unicast, after <https://www.iana.org/assignments/iana-ipv6-special-registry>
const V6_NOT_PUBLIC: [Ipv6Net; 4] = [
    v6(0x2001, 0, 23),      // protocol assignments: Teredo, benchmarks, ORCHID
    v6(0x2001, 0x0db8, 32), // documentation
    v6(0x2002, 0, 16),      // 6to4, which wraps an IPv4 address
    v6(0x3fff, 0, 20),      // documentation
];

/// Whether an address lies in the open internet, where anybody may reach it.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !V4_NOT_PUBLIC.iter().any(|net| net.contains(&address)),
        IpAddr::V6(address) => {
            V6_GLOBAL_UNICAST.contains(&address) && !V6_NOT_PUBLIC.iter().any(|net| net.contains(&address))
        }
    }
}

/// Endings of names that nobody outside of a network can resolve: <https://www.rfc-editor.org/rfc/rfc6762#appendix-G>,
/// <https://www.rfc-editor.org/rfc/rfc6761>, and `internal`, which ICANN reserves for this.
const PRIVATE_ENDINGS: [&str; 10] =
    ["localhost", "local", "internal", "lan", "home.arpa", "home", "intranet", "corp", "private", "test"];

/// Whether a URL leads to this machine or its own network, as far as it says: another name with dots in it counts as the
/// outside world's.
pub fn leads_to_private(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let Some(host) = url.host_str().map(|host| host.trim_matches(['[', ']'])) else { return false };
    if let Ok(address) = host.parse::<IpAddr>() {
        return !is_public(address);
    }
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let ends_so = |ending: &str| host.strip_suffix(ending).is_some_and(|rest| rest.ends_with('.'));
    !host.contains('.') || PRIVATE_ENDINGS.iter().any(|ending| ends_so(ending))
}
