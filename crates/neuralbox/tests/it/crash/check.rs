//! What clients were told, held against the books.

mod lies;

use super::{
    books::{Books, Generation},
    client::{Diary, PACKAGE},
    record::{Purchase, Record, Told},
    settle::{GRACE_MS, time_of},
    shop::Account,
};
use std::collections::{BTreeMap, BTreeSet};

/// What does not agree, of one account.
pub(super) struct Check<'a> {
    pub(super) account: &'a Account,
    pub(super) books: &'a Books,
    pub(super) records: Vec<&'a Record>,
    pub(super) purchases: Vec<&'a Purchase>,
    /// When everything ran again, in Unix milliseconds.
    pub(super) calm_since_ms: i64,
}

/// What does not agree within what clients were told.
pub(super) fn contradictions(diaries: &[(usize, Diary)]) -> Vec<String> {
    let diaries = diaries.iter().map(|(_, diary)| diary);
    diaries
        .flat_map(|diary| {
            let of_records = diary.records.iter().flat_map(|record| &record.contradictions);
            diary.nonsense.iter().chain(of_records).cloned()
        })
        .collect()
}

impl Check<'_> {
    pub(super) fn disagreements(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.check_records(&mut found);
        self.check_unheard(&mut found);
        self.check_generations(&mut found);
        self.check_purchases(&mut found);
        self.check_balance(&mut found);
        let name = &self.account.name;
        found.into_iter().map(|problem| format!("{name}: {problem}")).collect()
    }

    /// Each record against the generation that it names; no two name the same.
    fn check_records(&self, found: &mut Vec<String>) {
        let mut named = BTreeSet::new();
        for record in &self.records {
            let tag = &record.order.tag;
            if record.told == Told::NoEnd {
                found.push(format!("{tag} was never told an end"));
            }
            let Some(id) = record.id else { continue };
            if !named.insert(id) {
                found.push(format!("{tag} is generation {id}, and so is another"));
            }
            let Some(generation) = self.books.generations.get(&id) else {
                found.push(format!("{tag} was told of generation {id}, which is not in the history"));
                continue;
            };
            let charged: i64 = self.books.charges(id).map(|entry| entry.amount_tokens).sum();
            let agrees = match &record.told {
                Told::Completed { tokens, balance } => {
                    generation.status == "completed"
                        && *tokens == record.quoted_tokens
                        && charged == record.quoted_tokens
                        && (0..=self.granted_tokens() - charged).contains(balance)
                }
                Told::Failed { .. } => generation.status == "failed" && charged == 0,
                Told::Refused { .. } => false,
                Told::Nothing | Told::NoEnd => true,
            };
            if !agrees || generation.model != record.order.model {
                let Record { quoted_tokens, told, .. } = record;
                found.push(format!(
                    "{tag} was quoted {quoted_tokens} and told {told:?}; {id} is {generation:?}, charged {charged}"
                ));
            }
        }
    }

    /// Generations that no client has heard of come from requests whose answer was lost, one from each at most.
    fn check_unheard(&self, found: &mut Vec<String>) {
        let heard: BTreeSet<i64> = self.records.iter().filter_map(|record| record.id).collect();
        let mut unheard: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
        for (_, generation) in self.books.generations.iter().filter(|(id, _)| !heard.contains(id)) {
            let (all, completed) = unheard.entry(&generation.model).or_default();
            *all += 1;
            *completed += u64::from(generation.status == "completed");
        }
        for (model, (all, completed)) in unheard {
            let of_model = self.records.iter().filter(|record| record.order.model == model);
            let (unanswered, turned_away) = of_model.fold((0, 0), |(unanswered, turned_away), record| {
                (unanswered + record.loose.unanswered, turned_away + record.loose.turned_away)
            });
            if all > unanswered + turned_away || completed > unanswered {
                found.push(format!(
                    "{all} generations of {model} are nobody's, {completed} of them charged; {unanswered} requests had no \
                     answer, {turned_away} were turned away"
                ));
            }
        }
    }

    /// Each generation has ended in its time, and was charged its price once, or nothing.
    fn check_generations(&self, found: &mut Vec<String>) {
        for (id, generation) in &self.books.generations {
            let Generation { model, status, tokens_spent, completed_at_ms, .. } = generation;
            let charged: i64 = self.books.charges(*id).map(|entry| entry.amount_tokens).sum();
            let buckets: BTreeSet<&str> = self.books.charges(*id).map(|entry| entry.debit.as_str()).collect();
            if buckets.len() != self.books.charges(*id).count() {
                found.push(format!("{id} was charged twice from the same bucket"));
            }
            if charged != *tokens_spent || (status == "completed") != (charged > 0) {
                found.push(format!("{id} is {status} at {tokens_spent}, and {charged} were charged"));
            }
            let deadline_ms = (generation.created_at_ms + time_of(model)).max(self.calm_since_ms);
            match completed_at_ms {
                None => found.push(format!("{id} of {model} has not ended")),
                Some(at_ms) if *at_ms > deadline_ms + GRACE_MS => {
                    let late_ms = at_ms - deadline_ms;
                    found.push(format!(
                        "{id} of {model} ended {late_ms} ms after its deadline or the last start"
                    ));
                }
                Some(_) => {}
            }
        }
        let generations: BTreeSet<i64> = self.books.generations.keys().copied().collect();
        let charges = self.books.entries.iter().filter(|entry| entry.reason == "charge");
        let strays = charges.filter(|entry| !generations.contains(&entry.source_id));
        found.extend(strays.map(|entry| format!("a charge is no generation's: {entry:?}")));
        if let Some(hourly) = self.account.hourly
            && self.books.generations.len() > hourly
        {
            found.push(format!(
                "{} generations in an hour are more than {hourly}",
                self.books.generations.len()
            ));
        }
    }

    /// Each payment gave its tokens once, if it was paid.
    fn check_purchases(&self, found: &mut Vec<String>) {
        let mut granted: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for entry in self.books.entries.iter().filter(|entry| entry.reason == "package") {
            granted.entry(entry.source_id).or_default().push(entry.amount_tokens);
        }
        let ordered: BTreeSet<i64> = self.purchases.iter().map(|purchase| purchase.payment_id).collect();
        if ordered.len() != self.purchases.len() {
            found.push("two orders became one payment".to_owned());
        }
        for purchase in &self.purchases {
            let id = purchase.payment_id;
            let status = self.books.payments.get(&id).map(String::as_str);
            let tokens = granted.get(&id).map(Vec::as_slice);
            if purchase.is_paid && (status, tokens) != (Some("succeeded"), Some(&[PACKAGE.1])) {
                found.push(format!("payment {id} was paid, is {status:?}, and gave {tokens:?}"));
            }
        }
        // An order that was never answered may have become a payment, but nobody has paid that.
        let strays = granted.keys().filter(|id| !ordered.contains(id));
        found.extend(strays.map(|id| format!("payment {id} gave tokens, and nobody has paid it")));
    }

    /// What is left is what was given less what was charged.
    fn check_balance(&self, found: &mut Vec<String>) {
        let spent = self.books.entries.iter().filter(|entry| entry.credit == "spent");
        let spent: i64 = spent.map(|entry| entry.amount_tokens).sum();
        let left = self.granted_tokens() - spent;
        let Books { balance_tokens, held_tokens, .. } = self.books;
        if (*balance_tokens, *held_tokens) != (left, 0) || left < 0 {
            found.push(format!(
                "{left} tokens should be left; {balance_tokens} are, and {held_tokens} are held"
            ));
        }
    }

    /// NeuralBox tokens that it was ever given.
    fn granted_tokens(&self) -> i64 {
        let paid = self.purchases.iter().filter(|purchase| purchase.is_paid).count();
        self.account.granted_tokens + PACKAGE.1 * i64::try_from(paid).expect("a few")
    }
}
