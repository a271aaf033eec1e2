//! The payment services, one file each, with what they share.
//!
//! They keep books, which `GET /_control/payments` shows whole.

mod clock;
mod ids;
mod mischief;
mod outbox;
mod page;
mod query;
mod roll;
mod telegram;
mod till;
mod time;
mod yookassa;

use crate::{journal::Past, service::Ground};
use axum::Router;
use clock::SystemClock;
use domain::port::Clock;
use mischief::{Mischief, PaymentFault};
use outbox::{Manner, Outbox, Target};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};
use telegram::Bot;
use till::Till;
use yookassa::Shop;

/// How often what is due is done, when nobody else says when.
const TICK: Duration = Duration::from_secs(1);

/// Where payment services tell of what has happened. Only `http` is spoken here.
#[derive(Clone, Debug, Default)]
pub struct NotificationTargets {
    /// Where `YooKassa` posts.
    pub yookassa: Option<String>,
    /// Where Telegram posts, and the secret that it proves itself with.
    pub telegram: Option<(String, String)>,
}

impl NotificationTargets {
    /// Those of YooKassa and Telegram.
    fn split(self) -> (Option<Target>, Option<Target>) {
        let yookassa = self.yookassa.map(|url| Target { url, secret: None });
        let telegram = self.telegram.map(|(url, secret)| Target { url, secret: Some(secret) });
        (yookassa, telegram)
    }
}

/// All payment services.
#[derive(Clone)]
pub(crate) struct Payments {
    yookassa: Arc<Shop>,
    telegram: Arc<Bot>,
}

impl Payments {
    /// The names of the services.
    pub(crate) const NAMES: [&str; 2] = ["yookassa", "telegram"];

    /// Opens all services. What is due is done each second, unless there is a `clock`, whose owner then says when by
    /// [`Self::tick`]. Must be called within a tokio runtime.
    pub(crate) fn start(
        ground: &Ground,
        clock: Option<Arc<dyn Clock>>,
        notifications: NotificationTargets,
    ) -> Self {
        let is_own_clock = clock.is_none();
        let clock = clock.unwrap_or_else(|| Arc::new(SystemClock::new()));
        let till = |name, manner: Manner, target, unknown: &[PaymentFault]| -> (Till, Past) {
            let (service, mut past) = ground.open(name);
            let outbox = Outbox::start(Arc::clone(&service), manner, target, &mut past);
            (Till::new(service, Arc::clone(&clock), outbox, Mischief::new(unknown)), past)
        };
        let (to_shop, to_bot) = notifications.split();
        let (shop, shop_past) = till("yookassa", yookassa::MANNER, to_shop, yookassa::UNKNOWN_FAULTS);
        let (bot, bot_past) = till("telegram", telegram::MANNER, to_bot, telegram::UNKNOWN_FAULTS);
        let payments = Self {
            yookassa: Arc::new(Shop::open(shop, shop_past)),
            telegram: Arc::new(Bot::open(bot, bot_past)),
        };
        if is_own_clock {
            payments.keep_ticking(ground.stopped.clone());
        }
        payments
    }

    fn keep_ticking(&self, mut stopped: tokio::sync::watch::Receiver<()>) {
        let payments = self.clone();
        tokio::spawn(async move {
            let mut ticks = tokio::time::interval(TICK);
            loop {
                tokio::select! {
                    _ = ticks.tick() => payments.tick(),
                    changed = stopped.changed() => if changed.is_err() { return },
                }
            }
        });
    }

    /// The endpoints and pages of all services.
    pub(crate) fn routes(&self) -> Router {
        yookassa::routes(Arc::clone(&self.yookassa)).merge(telegram::routes(Arc::clone(&self.telegram)))
    }

    /// Where the documented base URL of a service ends, on our listener.
    pub(crate) fn base_path(service: &str) -> Option<&'static str> {
        match service {
            "yookassa" => Some(yookassa::BASE_PATH),
            "telegram" => Some(telegram::BASE_PATH),
            _ => None,
        }
    }

    /// The till of a service.
    pub(crate) fn till(&self, service: &str) -> Option<&Till> {
        match service {
            "yookassa" => Some(&self.yookassa.till),
            "telegram" => Some(&self.telegram.till),
            _ => None,
        }
    }

    /// Does what is due by the clock, and sends what was held back.
    pub(crate) fn tick(&self) {
        self.yookassa.tick();
        self.telegram.tick();
    }

    /// Waits until no notification is under way.
    pub(crate) async fn delivered(&self) {
        self.yookassa.till.outbox.delivered().await;
        self.telegram.till.outbox.delivered().await;
    }

    /// Sets where all services tell of what happens.
    pub(crate) fn set_notifications(&self, targets: NotificationTargets) {
        let (yookassa, telegram) = targets.split();
        self.yookassa.till.outbox.set_target(yookassa);
        self.telegram.till.outbox.set_target(telegram);
    }

    /// What a test looks at, by service.
    pub(crate) fn shown(&self) -> Vec<(String, Value)> {
        let yookassa = (&self.yookassa.till, self.yookassa.listed());
        let telegram = (&self.telegram.till, self.telegram.listed());
        [yookassa, telegram]
            .into_iter()
            .map(|(till, (payments, refunds))| {
                let mut shown = till.shown();
                let counts = [("payments", by_status(&payments)), ("refunds", by_status(&refunds))];
                insert_all(&mut shown, counts);
                (till.service.name.to_owned(), shown)
            })
            .collect()
    }

    /// Every payment and refund of all services.
    pub(crate) fn listed(&self) -> Value {
        let (mut payments, mut refunds) = self.yookassa.listed();
        let (more_payments, more_refunds) = self.telegram.listed();
        payments.extend(more_payments);
        refunds.extend(more_refunds);
        json!({"payments": payments, "refunds": refunds})
    }
}

impl fmt::Debug for Payments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Payments").finish_non_exhaustive()
    }
}

/// How many entries there are of each status.
fn by_status(entries: &[Value]) -> Value {
    let mut counts = BTreeMap::<&str, usize>::new();
    for status in entries.iter().filter_map(|entry| entry.get("status")?.as_str()) {
        let count = counts.entry(status).or_default();
        *count = count.saturating_add(1);
    }
    json!(counts)
}

/// Adds fields to an object.
fn insert_all(object: &mut Value, fields: impl IntoIterator<Item = (&'static str, Value)>) {
    if let Some(object) = object.as_object_mut() {
        object.extend(fields.into_iter().map(|(name, value)| (name.to_owned(), value)));
    }
}
