//! From names to addresses.

use super::address;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

/// How names are resolved, and which addresses are public. By default, as the system does, and [`super::is_public`].
#[derive(Clone)]
pub struct Network {
    /// Turns names into addresses.
    pub resolver: Arc<dyn Resolve>,
    /// Whether an address may be reached for anybody.
    pub is_public: fn(IpAddr) -> bool,
}

impl Default for Network {
    fn default() -> Self {
        Self { resolver: Arc::new(System), is_public: address::is_public }
    }
}

/// The system's own resolver.
struct System;

impl Resolve for System {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // The port is set by who connects.
            let addresses: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// A host all of whose addresses are forbidden.
#[derive(Debug, thiserror::Error)]
#[error("no address of the host is public")]
pub(super) struct NotPublic;

/// Passes on public addresses only. A connection is made to nothing else, as the client asks nobody but this.
#[derive(Clone)]
pub(super) struct PublicOnly {
    pub(super) inner: Arc<dyn Resolve>,
    pub(super) is_public: fn(IpAddr) -> bool,
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let (resolving, is_public) = (self.inner.resolve(name), self.is_public);
        Box::pin(async move {
            let mut addresses = resolving.await?.filter(move |address| is_public(address.ip())).peekable();
            if addresses.peek().is_none() {
                return Err(NotPublic.into());
            }
            Ok(Box::new(addresses) as Addrs)
        })
    }
}
