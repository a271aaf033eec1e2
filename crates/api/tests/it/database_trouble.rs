//! A database in trouble while the service runs: clients are told so, nothing is charged wrongly, and once the trouble is
//! over all goes on without a restart. `outage` is about one that lets nobody in.

mod commits;
mod connections;
mod locks;
mod refusals;
mod restart;

use crate::refused;
use testkit::{Account, Backend, Reply, Service, TestDatabase};

/// What a generation of these tests costs.
const PRICE_TOKENS: i64 = 2;

/// For trouble that a file cannot have.
async fn postgres() -> Option<TestDatabase> {
    testkit::database(Backend::Postgres).await
}

async fn generate(service: &Service, account: &Account) -> Reply {
    service.generate(&account.key, "gpt-5", "hello").await
}

/// What a client is told while the database is no help: to come back.
fn told_to_come_back(reply: &Reply) {
    refused(reply, 503, "overloaded");
    assert_eq!(reply.header("retry-after"), Some("1"), "{reply:?}");
}

/// Lets so much time pass that holds count as lost on which nobody works, and has the process mind its own.
async fn lost_holds_come_back(service: &Service) {
    service.clock.advance_ms(20_000);
    service.app.heartbeat().await.unwrap();
    service.app.release_own_lost_holds().await.unwrap();
}

/// All is well: so much is left, nothing is held, and the account can spend.
async fn goes_on(service: &Service, account: &Account, left_tokens: i64) {
    assert_eq!(service.balance(&account.key).await, left_tokens);
    assert_eq!(service.assert_verifies().await.open_holds, 0);
    let body = generate(service, account).await.expect(200);
    assert_eq!(body["balance_remaining"], left_tokens - PRICE_TOKENS);
}
