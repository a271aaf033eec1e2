//! What payment services know our payments by. It says enough to take a payment in again that our own books have lost, after
//! a restore from a backup.

use crate::Error;
use domain::{billing::PaymentKind, id::AccountId};

/// What a reference says of its payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    /// Whose it is.
    pub(super) account_id: AccountId,
    /// What it buys.
    pub(super) kind: PaymentKind,
    /// The slug of the plan or package.
    pub(super) item: String,
    /// Which cycle, for a renewal.
    pub(super) cycle_index: i64,
}

impl Reference {
    /// A fresh reference: `<account>.<kind><cycle>.<item>.<96 random bits>`, of digits, letters, `-` and `.` alone, at most
    /// 64 of them.
    pub(super) fn mint(&self) -> Result<String, Error> {
        let internal = |error: getrandom::Error| Error::Internal(error.to_string());
        let random = (u64::from(getrandom::u32().map_err(internal)?), getrandom::u64().map_err(internal)?);
        let kind = letter(self.kind);
        let item: String = self.item.chars().take(MAX_ITEM_CHARS).collect();
        let Self { account_id, cycle_index, .. } = self;
        Ok(format!("{account_id}.{kind}{cycle_index}.{item}.{:08x}{:016x}", random.0, random.1))
    }

    /// Reads one; `None` when it is none of ours.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let account_id = AccountId(parts.next()?.parse().ok()?);
        let kind_and_cycle = parts.next()?;
        let kind = PaymentKind::ALL.into_iter().find(|kind| kind_and_cycle.starts_with(letter(*kind)))?;
        let cycle_index = kind_and_cycle.get(1..)?.parse().ok()?;
        let item = parts.next()?.to_owned();
        let random = parts.next()?;
        let is_whole = parts.next().is_none() && random.len() == 24;
        is_whole.then_some(Self { account_id, kind, item, cycle_index })
    }
}

/// Account, cycle and random bits need at most 46 characters.
const MAX_ITEM_CHARS: usize = 18;

const fn letter(kind: PaymentKind) -> char {
    match kind {
        PaymentKind::Subscription => 's',
        PaymentKind::Renewal => 'r',
        PaymentKind::Package => 'p',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_says_what_it_was_made_of_and_fits() {
        for (account_id, kind, item, cycle_index) in [
            (1, PaymentKind::Package, "pro-pack", 0),
            (9_007_199_254_740_991, PaymentKind::Renewal, "elite", 9_999),
            (42, PaymentKind::Subscription, "vip", 0),
        ] {
            let reference =
                Reference { account_id: AccountId(account_id), kind, item: item.to_owned(), cycle_index };
            let text = reference.mint().unwrap();
            assert!(text.len() <= 64, "{text}");
            assert_eq!(Reference::parse(&text), Some(reference.clone()));
            assert_ne!(reference.mint().unwrap(), text);
        }
        for text in
            ["", "1", "1.s0.vip", "1.x0.vip.000000000000000000000000", "a.s0.vip.000000000000000000000000"]
        {
            assert_eq!(Reference::parse(text), None, "{text}");
        }
    }
}
