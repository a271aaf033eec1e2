//! Whatever a service sends, adapters answer with a value.

use crate::support::{
    PAYMENT, REFUND, WEBHOOK_SECRET, fixture, order, refund_order, step, telegram, yookassa,
};
use domain::{billing::Money, port::Charge, time::Timestamp};
use http::StatusCode;
use payments::{Adapter, Response};
use proptest::{collection::vec, prelude::*, sample::Index};

const STATUSES: [u16; 7] = [200, 202, 302, 400, 401, 429, 500];
const FIXTURES: [&str; 10] = [
    "telegram/paid_once",
    "telegram/paid_renewal",
    "telegram/pre_checkout",
    "telegram/refunded",
    "telegram/transactions",
    "yookassa/notification_refund",
    "yookassa/notification_succeeded",
    "yookassa/payment_canceled",
    "yookassa/payment_succeeded",
    "yookassa/refund_succeeded",
];

/// Feeds bytes to all that reads them.
fn check(body: &[u8]) {
    let services: [(Box<dyn Adapter>, Money, &str); 2] = [
        (Box::new(yookassa()), Money::kopecks(89_000), PAYMENT),
        (Box::new(telegram()), Money::stars(742), "stxCharge-0001"),
    ];
    let (from, to) = (Timestamp::from_unix_ms(0), Timestamp::from_unix_ms(i64::MAX));
    for (adapter, amount, id) in services {
        let _ = adapter.read_notification(Some(WEBHOOK_SECRET), body);
        for status in STATUSES {
            let _ = step(adapter.create(&order(amount, Charge::Once)).unwrap(), status, body);
            let _ = step(adapter.payment(id).unwrap(), status, body);
            let _ = step(adapter.refund(&refund_order(amount, id)).unwrap(), status, body);
            let _ = step(adapter.refund_status(REFUND, id).unwrap(), status, body);
            let _ = step(adapter.records(from, to), status, body);
            let status = StatusCode::from_u16(status).unwrap();
            adapter.asked_wait(&Response { status, body: body.to_vec() });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(body in vec(any::<u8>(), 0..2_000)) {
        check(&body);
    }

    #[test]
    fn arbitrary_json(body in "[a-z{}\\[\\]\":,0-9.\\-]{0,200}") {
        check(body.as_bytes());
    }

    #[test]
    fn damaged_answers(damage in vec((any::<Index>(), any::<u8>(), any::<bool>()), 1..8)) {
        for name in FIXTURES {
            let mut body = fixture(name);
            for (index, byte, is_removed) in &damage {
                let at = index.index(body.len());
                if *is_removed { body.truncate(at.max(1)) } else { body[at] = *byte }
            }
            check(&body);
        }
    }
}
