//! What a check must find. A run in which all agrees says nothing of that.

use super::Check;
use crate::crash::{
    books::{Books, Entry, Generation},
    order::{Order, Way},
    record::{Loose, Purchase, Record, Told},
    settle::GRACE_MS,
    shop::Account,
};
use serde_json::Value;

/// Books and what clients were told, which agree until somebody lies.
struct Tale {
    account: Account,
    books: Books,
    records: Vec<Record>,
    purchases: Vec<Purchase>,
}

fn record(id: Option<i64>, told: Told) -> Record {
    let order = Order {
        way: Way::Plain,
        model: "gpt-5.2",
        params: Value::Null,
        body: Value::Null,
        tag: format!("order {id:?}"),
        key: None,
        patience_ms: None,
        is_canceled: false,
    };
    Record { id, told, ..Record::new(order, 4) }
}

fn generation(status: &str, tokens_spent: i64) -> Generation {
    let model = "gpt-5.2".to_owned();
    let (status, completed_at_ms) = (status.to_owned(), Some(1_000));
    Generation { model, status, tokens_spent, created_at_ms: 0, completed_at_ms, file: None }
}

fn entry(reason: &str, source_id: i64, debit: &str, amount_tokens: i64) -> Entry {
    let credit = if reason == "charge" { "spent" } else { "permanent" };
    let owned = str::to_owned;
    Entry { reason: owned(reason), source_id, debit: owned(debit), credit: owned(credit), amount_tokens }
}

fn truth() -> Tale {
    let lost = Loose { unanswered: 1, turned_away: 0 };
    let turned_away = Loose { unanswered: 0, turned_away: 1 };
    let refused = Told::Refused { code: "overloaded".to_owned() };
    Tale {
        account: Account { name: "anna".to_owned(), key: String::new(), granted_tokens: 50, hourly: Some(4) },
        books: Books {
            // The third is of the request that was never answered.
            generations: [
                (1, generation("completed", 4)),
                (2, generation("failed", 0)),
                (3, generation("completed", 4)),
            ]
            .into(),
            entries: vec![
                entry("charge", 1, "plan", 4),
                entry("charge", 3, "plan", 1),
                entry("charge", 3, "permanent", 3),
                entry("package", 9, "issued", 100),
            ],
            payments: [(9, "succeeded".to_owned())].into(),
            balance_tokens: 142,
            held_tokens: 0,
        },
        records: vec![
            record(Some(1), Told::Completed { tokens: 4, balance: 46 }),
            record(Some(2), Told::Failed { code: "provider_error".to_owned() }),
            Record { loose: lost, ..record(None, Told::Nothing) },
            Record { loose: turned_away, ..record(None, refused) },
        ],
        purchases: vec![Purchase { payment_id: 9, is_paid: true }],
    }
}

impl Tale {
    fn disagreements(&self) -> Vec<String> {
        let check = Check {
            account: &self.account,
            books: &self.books,
            records: self.records.iter().collect(),
            purchases: self.purchases.iter().collect(),
            calm_since_ms: 0,
        };
        check.disagreements()
    }

    fn generation(&mut self, id: i64) -> &mut Generation {
        self.books.generations.get_mut(&id).unwrap()
    }
}

#[test]
fn the_truth_agrees() {
    assert_eq!(truth().disagreements(), [] as [String; 0]);
}

type Lie = fn(&mut Tale);

#[test]
fn every_lie_is_found() {
    let lies: [(&str, Lie); 18] = [
        ("charged more than was quoted", |tale| tale.books.entries[0].amount_tokens = 5),
        ("charged twice", |tale| tale.books.entries.push(entry("charge", 1, "permanent", 4))),
        ("charged twice from a bucket", |tale| {
            tale.books.entries[0].amount_tokens = 2;
            tale.books.entries.push(entry("charge", 1, "plan", 2));
        }),
        ("charged what failed", |tale| tale.books.entries.push(entry("charge", 2, "plan", 4))),
        ("completed what was told to fail", |tale| *tale.generation(2) = generation("completed", 4)),
        ("failed what was told to complete", |tale| *tale.generation(1) = generation("failed", 0)),
        ("lost a generation", |tale| drop(tale.books.generations.remove(&2))),
        ("another model", |tale| tale.generation(1).model = "gpt-5".to_owned()),
        ("never ends", |tale| tale.generation(2).completed_at_ms = None),
        ("ends late", |tale| tale.generation(2).completed_at_ms = Some(10 * GRACE_MS)),
        ("told another price", |tale| tale.records[0].told = Told::Completed { tokens: 3, balance: 46 }),
        ("told too much is left", |tale| tale.records[0].told = Told::Completed { tokens: 4, balance: 147 }),
        ("two orders are one generation", |tale| tale.records[2].id = Some(2)),
        ("two generations of one lost request", |tale| {
            tale.books.generations.insert(4, generation("completed", 4));
            tale.books.entries.push(entry("charge", 4, "plan", 4));
            tale.books.balance_tokens -= 4;
        }),
        ("more than the plan admits", |tale| tale.account.hourly = Some(2)),
        ("a payment that gave twice", |tale| {
            tale.books.entries.push(entry("package", 9, "plan", 100));
            tale.books.balance_tokens += 100;
        }),
        ("a payment that was forgotten", |tale| tale.books.payments.clear()),
        ("a hold is left", |tale| tale.books.held_tokens = 1),
    ];
    for (what, lie) in lies {
        let mut tale = truth();
        lie(&mut tale);
        assert_ne!(tale.disagreements(), [] as [String; 0], "{what}");
    }
}
