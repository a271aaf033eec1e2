//! How often a password may be tried.

use super::{PASSWORD, log_in, register};
use crate::refused;
use futures_util::future::join_all;
use testkit::{Service, Setup, TestDatabase};

testkit::on_each_database!(passwords_are_not_tried_without_end);

const QUARTER_MS: i64 = 15 * 60_000;

async fn passwords_are_not_tried_without_end(database: TestDatabase) {
    let service = Service::start_with(&database, Setup { password_attempts: 3, ..Setup::default() }).await;
    for email in ["ann@example.org", "bob@example.org"] {
        register(&service, email).await;
    }
    // A right one in between forgives the wrong ones before it.
    for password in ["wrong one", "wrong two", PASSWORD, "wrong one", "wrong two", PASSWORD] {
        let expected = if password == PASSWORD { 200 } else { 401 };
        assert_eq!(log_in(&service, "ann@example.org", password).await.status, expected);
    }
    // Nobody learns by this whether there is such an account, and many at once are no more than one after the other.
    for email in ["Ann@example.org", "nobody@example.org"] {
        let replies = join_all((0..8).map(|_| log_in(&service, email, "wrong password"))).await;
        assert_eq!(replies.iter().filter(|reply| reply.status == 401).count(), 3);
        for reply in replies.iter().filter(|reply| reply.status != 401) {
            refused(reply, 429, "rate_limit_exceeded");
            assert_eq!(reply.header("retry-after"), Some("901"));
        }
    }
    refused(&log_in(&service, "ann@example.org", PASSWORD).await, 429, "rate_limit_exceeded");
    log_in(&service, "bob@example.org", PASSWORD).await.expect(200);
    service.clock.advance_ms(QUARTER_MS);
    log_in(&service, "ann@example.org", PASSWORD).await.expect(200);
}
