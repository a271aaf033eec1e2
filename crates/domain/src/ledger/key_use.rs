//! What a key may spend in a month.

use crate::{
    id::{AccountId, KeyId},
    time::Month,
};

/// What a key with a budget has used of a month: spent, or held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyUse {
    /// The calendar month.
    pub month: Month,
    /// NeuralBox tokens.
    pub used_tokens: i64,
}

/// What a key has used from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUseChange {
    /// Whose.
    pub account_id: AccountId,
    /// Which key.
    pub key_id: KeyId,
    /// As it must become.
    pub after: KeyUse,
}

impl KeyUse {
    /// What counts in `month`: nothing of an earlier one.
    #[must_use]
    pub fn at(self, month: Month) -> Self {
        // A clock that is a little ahead has begun the next month; one that is further ahead was wrong.
        let counts = self.month == month || self.month == month.next();
        if counts { self } else { Self { month, used_tokens: 0 } }
    }

    /// With `price_tokens` more, if a budget covers them; else what is left of it.
    ///
    /// # Errors
    /// NeuralBox tokens that are left.
    pub fn using(self, price_tokens: i64, budget_tokens: i64) -> Result<Self, i64> {
        let left = budget_tokens.saturating_sub(self.used_tokens).max(0);
        if price_tokens > left {
            return Err(left);
        }
        Ok(Self { used_tokens: self.used_tokens.saturating_add(price_tokens), ..self })
    }

    /// Without `price_tokens` that were held in `month` and come back; nothing of another month does.
    #[must_use]
    pub fn returning(self, price_tokens: i64, month: Month) -> Self {
        let returned = if self.month == month { price_tokens } else { 0 };
        Self { used_tokens: self.used_tokens.saturating_sub(returned).max(0), ..self }
    }
}
