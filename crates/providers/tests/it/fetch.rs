//! Fetching files over real sockets: what arrives, what does not, and where nobody is let in.

mod addresses;
mod bodies;
mod hops;
mod kinds;
mod webhooks;

use domain::port::FetchLimits;
use providers::{FetchError, FetchSettings, Fetcher, Network};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::{
    collections::VecDeque,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

/// The one address that counts as public where servers of these tests stand for the open internet.
const HOME: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Short times, so that what hangs is found out soon.
fn quick() -> FetchSettings {
    FetchSettings { connect_timeout_ms: 500, total_timeout_ms: 1_500, idle_timeout_ms: 300, max_redirects: 3 }
}

/// A fetcher for which [`HOME`] is public, and nothing else; `answers` are what names resolve to, one after the other.
fn at_home(answers: &[&[&str]]) -> Fetcher {
    let answers = answers.iter().map(|list| list.iter().map(|ip| ip.parse().unwrap()).collect());
    let resolver = Arc::new(Script(Mutex::new(answers.collect())));
    Fetcher::with_network(quick(), Network { resolver, is_public: |address| address == HOME }).unwrap()
}

/// A resolver that gives prepared answers, and knows no name when they are used up.
struct Script(Mutex<VecDeque<Vec<IpAddr>>>);

impl Resolve for Script {
    fn resolve(&self, _: Name) -> Resolving {
        let answer = self.0.lock().unwrap().pop_front().ok_or("no such name".into());
        let addresses =
            |list: Vec<IpAddr>| Box::new(list.into_iter().map(|ip| SocketAddr::new(ip, 0))) as Addrs;
        Box::pin(async move { answer.map(addresses) })
    }
}

/// Fetches, and gives back what is on disk.
async fn fetch(fetcher: &Fetcher, url: &str, limits: FetchLimits) -> Result<Vec<u8>, FetchError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fetcher.fetch(url, limits, file.path()).await?;
    Ok(std::fs::read(file.path()).unwrap())
}

const STRICT: FetchLimits = FetchLimits { max_bytes: 1_000, allow_private: false };
const OPEN: FetchLimits = FetchLimits { max_bytes: 1_000, allow_private: true };
