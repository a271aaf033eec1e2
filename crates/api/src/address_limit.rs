//! What one address may ask for without a key. Kept by each process for itself.

use crate::{HttpSettings, error::ApiError};
use app::App;
use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use governor::{
    Quota, RateLimiter, clock::Clock, middleware::NoOpMiddleware, state::keyed::HashMapStateStore,
};
use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

/// Requests after which addresses are forgotten that have not been heard of for a while.
const SWEEP: u32 = 1_000;

/// The application's clock, as the limiter reads it.
struct AppClock(App);

impl Clock for AppClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_millis(self.0.clock().monotonic_ms().try_into().unwrap_or_default())
    }
}

/// A limit on the requests of each address.
pub(crate) struct AddressLimit {
    http: HttpSettings,
    clock: AppClock,
    limiter: RateLimiter<IpAddr, HashMapStateStore<IpAddr>, AppClock, NoOpMiddleware<Duration>>,
    requests: AtomicU32,
}

impl AddressLimit {
    /// So many requests in a minute, which may come all at once.
    pub(crate) fn new(app: &App, http: &HttpSettings, per_minute: u32) -> Arc<Self> {
        let quota = Quota::per_minute(NonZeroU32::new(per_minute).unwrap_or(NonZeroU32::MIN));
        let clock = || AppClock(app.clone());
        let limiter = RateLimiter::hashmap_with_clock(quota, clock());
        Arc::new(Self { http: http.clone(), clock: clock(), limiter, requests: AtomicU32::new(0) })
    }

    /// Counts a request.
    ///
    /// # Errors
    /// When there were too many.
    fn count(&self, address: IpAddr) -> Result<(), ApiError> {
        // This machine itself: its operator, or a proxy that we were not told of, behind which everybody would be one.
        if address.is_loopback() {
            return Ok(());
        }
        if self.requests.fetch_add(1, Ordering::Relaxed) % SWEEP == SWEEP - 1 {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&household(address)).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now());
            app::Error::TooManyAttempts {
                retry_after_s: u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX),
            }
            .into()
        })
    }
}

/// Whoever has one address of the sixth version has all 2^64 beside it.
fn household(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let network = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
    }
}

/// Turns away those that ask for too much.
pub(crate) async fn layer(State(limit): State<Arc<AddressLimit>>, request: Request, next: Next) -> Response {
    let address = limit.http.trusted_proxies.client(&request);
    match address.map_or(Ok(()), |address| limit.count(address)) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}
