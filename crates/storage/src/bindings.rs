//! Names that clients gave their requests, and what came of them.

use crate::{Error, Storage, entity::idempotency_key};
use domain::{
    id::{AccountId, GenerationId, PaymentId},
    ledger::{Binding, Bound},
    time::Timestamp,
};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, Statement, Value};

/// A request that was made under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoundRequest {
    /// The SHA-256 of what was asked for.
    pub fingerprint: [u8; 32],
    /// The generation that it began.
    pub generation_id: Option<GenerationId>,
    /// The payment that it asked for.
    pub payment_id: Option<PaymentId>,
    /// Milliseconds for which its client waits for the answer; `None` when it waits for the end.
    pub wait_ms: Option<i64>,
    /// What an order was answered: the HTTP status and the body.
    pub answer: Option<(u16, String)>,
}

impl Storage {
    /// What stands under a name.
    ///
    /// # Errors
    /// The database's.
    pub async fn bound_request(
        &self,
        account_id: AccountId,
        key: &str,
    ) -> Result<Option<BoundRequest>, Error> {
        let found = idempotency_key::Entity::find_by_id((account_id.0, key.to_owned()));
        let Some(row) = found.one(self.db.reader()).await? else { return Ok(None) };
        let status = row.answer_status.and_then(|status| u16::try_from(status).ok());
        Ok(Some(BoundRequest {
            fingerprint: bound_from(&row)?.fingerprint,
            generation_id: row.generation_id.map(GenerationId),
            payment_id: row.payment_id.map(PaymentId),
            wait_ms: row.wait_ms,
            answer: status.zip(row.answer_body),
        }))
    }

    /// Keeps the answer to an order; the first one stays. One that `failed` is kept where its payment was asked for under
    /// the name; one that did not binds the name to it where nothing stands under it yet. `false` when another answer, or
    /// another request, stands there.
    ///
    /// # Errors
    /// The database's.
    pub async fn keep_answer(
        &self,
        account_id: AccountId,
        binding: &Binding,
        (status, body): (u16, String),
        failed: Option<PaymentId>,
    ) -> Result<bool, Error> {
        let row = new_row(account_id, binding, self.clock.now());
        let mut values: Vec<Value> =
            vec![row.account_id.into(), row.key.into(), i64::from(status).into(), body.into()];
        let sql = if let Some(payment_id) = failed {
            values.push(payment_id.0.into());
            "UPDATE idempotency_keys SET answer_status = $3, answer_body = $4
            WHERE account_id = $1 AND key = $2 AND payment_id = $5 AND answer_status IS NULL"
        } else {
            values.extend([row.fingerprint.into(), row.created_at_ms.into()]);
            "INSERT INTO idempotency_keys
                (account_id, key, answer_status, answer_body, fingerprint, created_at_ms)
            VALUES ($1, $2, $3, $4, $5, $6)
            ON CONFLICT (account_id, key) DO UPDATE
                SET answer_status = excluded.answer_status, answer_body = excluded.answer_body
                WHERE idempotency_keys.answer_status IS NULL
                    AND idempotency_keys.fingerprint = excluded.fingerprint"
        };
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
        Ok(self.db.writer().execute_raw(statement).await?.rows_affected() == 1)
    }

    /// Forgets up to `limit` names that were given before `before`, and says how many it were.
    ///
    /// # Errors
    /// The database's.
    pub async fn forget_bindings(&self, before: Timestamp, limit: u32) -> Result<u64, Error> {
        let sql = "DELETE FROM idempotency_keys WHERE (account_id, key) IN
            (SELECT account_id, key FROM idempotency_keys WHERE created_at_ms < $1 LIMIT $2)";
        let values = [before.unix_ms().into(), i64::from(limit).into()];
        let statement = Statement::from_sql_and_values(self.db.backend(), sql, values);
        Ok(self.db.background().execute_raw(statement).await?.rows_affected())
    }
}

/// Binds a name to the payment that its request asks for.
pub(crate) async fn bind_payment<C: ConnectionTrait>(
    db: &C,
    account_id: AccountId,
    binding: &Binding,
    payment_id: PaymentId,
    now: Timestamp,
) -> Result<(), DbErr> {
    let row = new_row(account_id, binding, now);
    let row = idempotency_key::Model { payment_id: Some(payment_id.0), ..row };
    idempotency_key::Entity::insert(row.into_active_model()).exec_without_returning(db).await?;
    Ok(())
}

/// The row of a name that is bound to nothing yet.
pub(crate) fn new_row(
    account_id: AccountId,
    binding: &Binding,
    created_at: Timestamp,
) -> idempotency_key::Model {
    idempotency_key::Model {
        account_id: account_id.0,
        key: binding.key.clone(),
        fingerprint: hex::encode(binding.fingerprint),
        generation_id: None,
        payment_id: None,
        wait_ms: binding.wait_ms,
        answer_status: None,
        answer_body: None,
        created_at_ms: created_at.unix_ms(),
    }
}

pub(crate) fn bound_from(row: &idempotency_key::Model) -> Result<Bound, DbErr> {
    let mut fingerprint = [0_u8; 32];
    for (place, byte) in fingerprint.iter_mut().enumerate() {
        let digits = row.fingerprint.get(2 * place..2 * place + 2);
        *byte = digits
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .ok_or_else(|| DbErr::Custom(format!("idempotency_keys, account {}", row.account_id)))?;
    }
    Ok(Bound { fingerprint, generation_id: row.generation_id.map(GenerationId) })
}
