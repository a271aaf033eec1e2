//! Where a request comes from.

use axum::{
    extract::{ConnectInfo, Request},
    http::{HeaderMap, HeaderName},
};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Proxies whose word on where a request comes from is believed.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    /// Reads addresses and networks, parted by commas: `127.0.0.1, 10.0.0.0/8, fd00::/8`.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let network = |part: &str| {
            let network = part.parse().or_else(|_| part.parse::<IpAddr>().map(IpNet::from));
            network.map_err(|_| format!("{part} is neither an address nor a network such as 10.0.0.0/8"))
        };
        Ok(Self(parts.map(network).collect::<Result<_, _>>()?))
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client's address; `None` when the request did not come over a socket.
    pub(crate) fn client(&self, request: &Request) -> Option<IpAddr> {
        let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
        Some(self.behind(peer.ip().to_canonical(), request.headers()))
    }

    /// Each proxy adds to the right end of the list whom it heard from: the last one that is no trusted proxy is the client,
    /// and what stands further left is only that client's word.
    fn behind(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lists = headers.get_all(FORWARDED_FOR).iter().rev();
        let mut named = lists.flat_map(|list| list.to_str().unwrap_or_default().rsplit(','));
        let mut address = peer;
        while self.trust(address) {
            let Some(next) = named.next().and_then(|name| name.trim().parse::<IpAddr>().ok()) else { break };
            address = next.to_canonical();
        }
        address
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn only_trusted_proxies_are_believed() {
        let behind = |proxies: &str, peer: &str, forwarded: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for list in forwarded {
                headers.append(FORWARDED_FOR, HeaderValue::from_static(list));
            }
            TrustedProxies::parse(proxies).unwrap().behind(peer.parse().unwrap(), &headers).to_string()
        };
        assert_eq!(behind("", "10.0.0.1", &["1.1.1.1"]), "10.0.0.1");
        assert_eq!(behind("10.0.0.0/8", "10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(behind("10.0.0.0/8", "10.0.0.1", &["9.9.9.9, 1.1.1.1"]), "1.1.1.1");
        assert_eq!(behind("10.0.0.0/8", "10.0.0.1", &["9.9.9.9, 1.1.1.1, 10.0.0.2"]), "1.1.1.1");
        assert_eq!(behind("10.0.0.1, fd00::/8", "10.0.0.1", &["9.9.9.9", "1.1.1.1,fd00::7"]), "1.1.1.1");
        assert_eq!(behind("10.0.0.1", "10.0.0.1", &["1.1.1.1, unknown"]), "10.0.0.1");
        assert_eq!(behind("10.0.0.1", "8.8.8.8", &["1.1.1.1"]), "8.8.8.8");
        for wrong in ["10.0.0.0/40", "localhost", "10.0.0.1;10.0.0.2"] {
            assert!(TrustedProxies::parse(wrong).is_err(), "{wrong}");
        }
    }
}
