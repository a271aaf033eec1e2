//! The writes admit changes themselves. Locks keep others away as well, so nothing but this would notice a guard that is gone.

use super::*;
use crate::{DbSettings, NewAccount, Storage};
use domain::{
    catalog::Category,
    id::{AccountId, CycleId, GenerationId, GrantId, NodeId},
    ledger::{Command, Cycle, Failure, HoldRequest, OpenCycle, RateLimits, Reason, Wallet, WalletChange},
    port::Clock,
};
use std::sync::Arc;
use tempfile::TempDir;

struct StandingClock;

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(1_000)
    }

    fn monotonic_ms(&self) -> i64 {
        1_000
    }
}

/// An account with a cycle of ten tokens and five permanent ones.
async fn opened(folder: &TempDir) -> (Storage, AccountId) {
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("test.db").display());
    let (acquire_timeout_ms, statement_timeout_ms) = (10_000, 10_000);
    let settings = DbSettings { url, max_connections: 2, acquire_timeout_ms, statement_timeout_ms };
    let storage = Storage::connect(&settings, Arc::new(StandingClock)).await.unwrap();
    storage.migrate().await.unwrap();
    let (account_id, ends_at) = (AccountId(1), Timestamp::from_unix_ms(9_000));
    let (id, starts_at) = (CycleId(2), Timestamp::from_unix_ms(1_000));
    let cycle = Cycle { id, plan: "vip".to_owned(), starts_at, ends_at, plan_until: ends_at };
    let (grant_id, reason) = (GrantId(3), Reason::Grant);
    let opening = vec![
        Command::OpenCycle(OpenCycle { account_id, cycle, allowance_tokens: 10, paid_by: None }),
        Command::Grant { account_id, grant_id, reason, amount_tokens: 5 },
    ];
    let account = NewAccount::of_email(account_id, "ann@example.org".to_owned());
    storage.create_account(account, None, opening).await.unwrap();
    (storage, account_id)
}

fn nothing() -> Changes<Completion> {
    Changes {
        wallets: Vec::new(),
        holds: Vec::new(),
        resolutions: Vec::new(),
        refunds: Vec::new(),
        cycles: Vec::new(),
        entries: Vec::new(),
        key_uses: Vec::new(),
        notices: Vec::new(),
    }
}

/// Writes, and takes it back.
async fn tried(storage: &Storage, changes: Changes<Completion>) -> Result<(), DbErr> {
    let transaction = storage.db.begin().await.unwrap();
    run(&transaction, Timestamp::from_unix_ms(1_000), changes).await
}

/// Something that a decision depends on, and how it may have moved since.
type Move = (&'static str, fn(&mut Wallet));

#[tokio::test]
async fn a_wallet_that_has_moved_is_not_written() {
    let folder = TempDir::new().unwrap();
    let (storage, account_id) = opened(&folder).await;
    let wallet = storage.ledger().wallet(account_id).await.unwrap();
    let after = Wallet { permanent_available: 4, permanent_held: 1, ..wallet.clone() };
    let decided_on = |before: Wallet| Changes {
        wallets: vec![WalletChange { before, after: after.clone() }],
        ..nothing()
    };
    tried(&storage, decided_on(wallet.clone())).await.unwrap();
    let other_cycle = wallet.cycle.clone().map(|cycle| Cycle { id: CycleId(9), ..cycle });
    let moved: [Move; 11] = [
        ("plan_available", |wallet| wallet.plan_available += 1),
        ("permanent_available", |wallet| wallet.permanent_available += 1),
        ("plan_held", |wallet| wallet.plan_held += 1),
        ("permanent_held", |wallet| wallet.permanent_held += 1),
        ("owed_tokens", |wallet| wallet.owed_tokens += 1),
        ("hour_started_at_ms", |wallet| wallet.rate.hour.started_at = Timestamp::from_unix_ms(7)),
        ("hour_count", |wallet| wallet.rate.hour.count += 1),
        ("day_started_at_ms", |wallet| wallet.rate.day.started_at = Timestamp::from_unix_ms(7)),
        ("day_count", |wallet| wallet.rate.day.count += 1),
        ("listens", |wallet| wallet.listens = true),
        ("is_closed", |wallet| wallet.is_closed = true),
    ];
    for (what, change) in moved {
        let mut before = wallet.clone();
        change(&mut before);
        let written = tried(&storage, decided_on(before)).await;
        assert!(matches!(written, Err(DbErr::RecordNotUpdated)), "{what}: {written:?}");
    }
    let shorter =
        wallet.cycle.clone().map(|cycle| Cycle { ends_at: Timestamp::from_unix_ms(8_000), ..cycle });
    for cycle in [None, other_cycle, shorter] {
        let written = tried(&storage, decided_on(Wallet { cycle, ..wallet.clone() })).await;
        assert!(matches!(written, Err(DbErr::RecordNotUpdated)), "cycle: {written:?}");
    }
    assert_eq!(storage.ledger().wallet(account_id).await.unwrap(), wallet);
}

#[tokio::test]
async fn a_hold_that_has_ended_is_not_ended() {
    let folder = TempDir::new().unwrap();
    let (storage, account_id) = opened(&folder).await;
    let generation_id = GenerationId(4);
    let request = HoldRequest {
        account_id,
        generation_id,
        price_tokens: 2,
        model_slug: "gpt-5".to_owned(),
        category: Category::Text,
        key_id: None,
        node_id: NodeId(5),
        created_at: Timestamp::from_unix_ms(1_000),
        deadline_at: Timestamp::from_unix_ms(2_000),
        limits: RateLimits::default(),
        key_budget_tokens: None,
        binding: None,
        vendor_cost_micro_usd: None,
        webhook_url: None,
        is_told: false,
    };
    let hold = storage.ledger().hold(request).await.unwrap();
    let (error_code, message) = ("provider_error".to_owned(), "the vendor failed".to_owned());
    let failure = Failure { error_code, message, details: None, is_free: true };
    let (resolution, ended_at) = (Resolution::Failed(failure), Timestamp::from_unix_ms(1_000));
    let ended = EndedHold { account_id, generation_id, ended_at, resolution: resolution.clone() };
    let settled = || Changes {
        resolutions: vec![SettledHold { ended: ended.clone(), balance_tokens: 15 }],
        ..nothing()
    };
    tried(&storage, settled()).await.unwrap();
    storage.ledger().resolve(hold, resolution, ended_at).await.unwrap();
    let written = tried(&storage, settled()).await;
    assert!(matches!(written, Err(DbErr::RecordNotUpdated)), "{written:?}");
}
