//! Accounts that can pay for all of it.

use crate::{Result, clock::SystemClock};
use domain::{
    id::{AccountId, CycleId, EndpointId, KeyId},
    ledger::{Command, Cycle, OpenCycle},
    port::Clock,
};
use sha2::{Digest, Sha256};
use storage::{NewAccount, NewEndpoint, NewKey, Storage};

/// What each of them has to spend.
const TOKENS: i64 = 1_000_000_000;
/// The plan that they are on. It limits rates, and has access to the API.
const PLAN: &str = "vip";

/// An account with its key.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    pub(crate) cycle_id: CycleId,
    pub(crate) key_id: KeyId,
    pub(crate) key: String,
}

/// What not every account has.
#[derive(Clone, Copy, Default)]
pub(crate) struct Extras<'a> {
    /// Of its key, in a month; never reached.
    pub(crate) budget_tokens: Option<i64>,
    /// Where it is told of the end of each generation.
    pub(crate) webhook_url: Option<&'a str>,
}

/// Opens so many.
pub(crate) async fn open(storage: &Storage, count: usize, extras: Extras<'_>) -> Result<Vec<Account>> {
    let mut accounts = Vec::with_capacity(count);
    for _ in 0..count {
        let account = open_one(storage, extras.budget_tokens).await?;
        if let Some(url) = extras.webhook_url {
            listen(storage, account.id, url).await?;
        }
        accounts.push(account);
    }
    Ok(accounts)
}

async fn listen(storage: &Storage, account_id: AccountId, url: &str) -> Result<()> {
    let endpoint = NewEndpoint {
        account_id,
        id: EndpointId(storage.next_id().await?),
        url: url.to_owned(),
        events: None,
        created_at: SystemClock::new().now(),
    };
    storage.create_endpoint(endpoint, 1).await?;
    Ok(())
}

async fn open_one(storage: &Storage, monthly_budget_tokens: Option<i64>) -> Result<Account> {
    let now = SystemClock::new().now();
    let (id, key_id) = (AccountId(storage.next_id().await?), KeyId(storage.next_id().await?));
    let cycle_id = CycleId(storage.next_id().await?);
    let ends_at = now.plus_months(1).ok_or("the calendar ends")?;
    let cycle = Cycle { id: cycle_id, plan: PLAN.to_owned(), starts_at: now, ends_at, plan_until: ends_at };
    let opening = OpenCycle { account_id: id, cycle, allowance_tokens: TOKENS, paid_by: None };
    // The form of a key, but nothing to guess: nobody else is there.
    let key = format!("nb_{:0>45}", key_id.0);
    let new_key = NewKey {
        account_id: id,
        id: key_id,
        name: "bench".to_owned(),
        prefix: key.chars().take(10).collect(),
        key_hash: hex::encode(Sha256::digest(&key)),
        monthly_budget_tokens,
        expires_at: None,
        created_at: now,
    };
    let account = NewAccount::of_email(id, format!("{id}@example.org"));
    storage.create_account(account, Some(new_key), vec![Command::OpenCycle(opening)]).await?;
    Ok(Account { id, cycle_id, key_id, key })
}
