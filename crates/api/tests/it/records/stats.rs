//! `GET /user/stats`: equal to a plain count at every moment, whatever days are closed and whoever is late.

use super::{MODELS, begin};
use domain::{
    catalog::Category,
    id::GenerationId,
    port::Clock,
    time::{DAY_MS, Day, Timestamp},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use testkit::{Account, Service, Spender, TestDatabase};

testkit::on_each_database!(
    stats_are_a_plain_count,
    a_settle_that_is_late_is_counted_in_its_day,
    a_day_is_closed_once_nothing_can_end_in_it,
    only_the_last_thirty_days_are_recent,
);

const HOUR_MS: i64 = 60 * 60 * 1_000;
const STEPS: usize = 160;

/// What an account has completed, as a plain list.
#[derive(Default)]
struct Completed {
    /// When it ended, what was made, and its price.
    all: Vec<(Timestamp, Category, i64)>,
}

impl Completed {
    fn stats(&self, now: Timestamp) -> Value {
        let sum = |is_meant: &dyn Fn(&(Timestamp, Category, i64)) -> bool| {
            let meant: Vec<_> = self.all.iter().filter(|one| is_meant(one)).collect();
            (meant.len(), meant.iter().map(|(_, _, price)| price).sum::<i64>())
        };
        let of = |categories: &[Category]| {
            let (count, tokens) = sum(&|(_, category, _)| categories.contains(category));
            json!({ "count": count, "tokens": tokens })
        };
        let (count, tokens) = sum(&|_| true);
        let since = Day::of(now).plus_days(-29).starts_at();
        let (recent, recent_tokens) = sum(&|(at, _, _)| *at >= since);
        json!({
            "total_generations": count,
            "tokens_spent_total": tokens,
            "breakdown": {
                "text": of(&[Category::Text]), "image": of(&[Category::Image]), "video": of(&[Category::Video]),
                "audio": of(&[Category::Music, Category::Tts, Category::Stt]), "tools": of(&[Category::Tool]),
            },
            "recent_30d": { "generations": recent, "tokens_spent": recent_tokens },
        })
    }
}

async fn shown(service: &Service, account: &Account) -> Value {
    service.get("/user/stats", &account.key).await.expect(200)
}

/// Something under way, and who runs it.
struct Running {
    id: GenerationId,
    by: usize,
    what: (Category, i64),
    /// When it ended and how, where that is only not written yet.
    ended: Option<(Timestamp, bool)>,
}

/// Processes whose clocks are up to 59 minutes apart run generations that end around midnights, some written down hours
/// later, while two workers close days whenever they like.
async fn stats_are_a_plain_count(database: TestDatabase) {
    const CLOCKS_MS: [i64; 3] = [-29 * 60_000, 0, 30 * 60_000];
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    let account = service.account("elite", 1_000_000).await;
    let spenders = [service.spender().await, service.spender().await, service.spender().await];
    let seed = std::env::var("NEURALBOX_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let mut rng = StdRng::seed_from_u64(seed.unwrap_or(7));
    let mut running: Vec<Running> = Vec::new();
    let mut completed = Completed::default();
    let mut closed = 0;
    for _ in 0..STEPS {
        let by = rng.random_range(0..3);
        let its_now = service.clock.now().plus_ms(CLOCKS_MS[by]);
        match rng.random_range(0..10) {
            0..=3 => {
                let (model, category) = MODELS[rng.random_range(0..MODELS.len())];
                let price = rng.random_range(1..50);
                let id = begin(&spenders[by], &account, (model, category), price, its_now).await;
                running.push(Running { id, by, what: (category, price), ended: None });
            }
            4..=6 if !running.is_empty() => {
                let at = rng.random_range(0..running.len());
                let ended = running[at].ended.unwrap_or_else(|| (its_now, rng.random_bool(0.8)));
                if running[at].ended.is_none() && rng.random_bool(0.4) {
                    // Ended, and slow to be written.
                    running[at].ended = Some(ended);
                } else {
                    let Running { id, by, what, .. } = running.swap_remove(at);
                    spenders[by].end_at(account.id, id, ended.1, ended.0).await;
                    completed.all.extend(ended.1.then_some((ended.0, what.0, what.1)));
                }
            }
            7 => service.clock.advance_ms(rng.random_range(0..2 * HOUR_MS)),
            8 => service.clock.advance_ms(rng.random_range(0..DAY_MS + 12 * HOUR_MS)),
            _ => {
                let (first, second) = tokio::join!(service.app.close_days(), other.app.close_days());
                closed += first.unwrap().unwrap_or(0) + second.unwrap().unwrap_or(0);
            }
        }
        assert_eq!(shown(&service, &account).await, completed.stats(service.clock.now()));
    }
    finish(&spenders[0], &account, running, &mut completed, service.clock.now()).await;
    service.clock.advance_ms(2 * DAY_MS);
    closed += service.app.close_days().await.unwrap().unwrap_or(0);
    assert!(closed > 0, "no day was ever closed");
    assert_eq!(shown(&service, &account).await, completed.stats(service.clock.now()));
    let auditor = database.auditor().await;
    let rows = auditor.read("usage_days", &["generations", "spent_tokens"]).await;
    let sum = |column: usize| rows.iter().map(|row| row[column].parse::<i64>().unwrap()).sum::<i64>();
    let stats = completed.stats(service.clock.now());
    assert_eq!(
        (json!(sum(0)), json!(sum(1))),
        (stats["total_generations"].clone(), stats["tokens_spent_total"].clone())
    );
}

async fn finish(
    spender: &Spender,
    account: &Account,
    running: Vec<Running>,
    completed: &mut Completed,
    now: Timestamp,
) {
    for Running { id, what, ended, .. } in running {
        let (at, completes) = ended.unwrap_or((now, true));
        spender.end_at(account.id, id, completes, at).await;
        completed.all.extend(completes.then_some((at, what.0, what.1)));
    }
}

async fn closed_days(database: &TestDatabase) -> Vec<Vec<String>> {
    let columns = ["day", "category", "generations", "spent_tokens"];
    let mut rows = database.auditor().await.read("usage_days", &columns).await;
    rows.sort_unstable();
    rows
}

fn row(day: Day, count: u32, tokens: i64) -> Vec<String> {
    [day.number().to_string(), "text".to_owned(), count.to_string(), tokens.to_string()].to_vec()
}

/// Its time is read a second before midnight, and its settle waits until the next afternoon.
async fn a_settle_that_is_late_is_counted_in_its_day(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("elite", 0).await;
    let spender = service.spender().await;
    let day = Day::of(service.clock.now());
    service.clock.advance_ms(DAY_MS - 1_000);
    let ended_at = service.clock.now();
    let done = spender.hold(&account, 5).await.unwrap();
    let late = spender.hold(&account, 7).await.unwrap();
    spender.end(account.id, done, true).await;
    service.clock.advance_ms(15 * HOUR_MS);
    assert_eq!(service.app.close_days().await.unwrap(), Some(0), "something may end in that day yet");
    assert_eq!(shown(&service, &account).await["tokens_spent_total"], 5);
    spender.end_at(account.id, late, true, ended_at).await;
    assert_eq!(shown(&service, &account).await["tokens_spent_total"], 12);
    assert_eq!(service.app.close_days().await.unwrap(), None, "it is done once an hour");
    service.clock.advance_ms(HOUR_MS);
    assert_eq!(service.app.close_days().await.unwrap(), Some(1));
    assert_eq!(closed_days(&database).await, [row(day, 2, 12)]);
    assert_eq!(shown(&service, &account).await["tokens_spent_total"], 12);
}

async fn a_day_is_closed_once_nothing_can_end_in_it(database: TestDatabase) {
    let service = Service::start(&database).await;
    let (account, other) = (service.account("elite", 0).await, service.account("elite", 0).await);
    let spender = service.spender().await;
    let day = Day::of(service.clock.now());
    for account in [&account, &other] {
        let id = spender.hold(account, 3).await.unwrap();
        spender.end(account.id, id, true).await;
    }
    // Begun by a clock that shows half an hour after midnight already, when it ends by another that does not.
    let early =
        spender.hold_for(&other, MODELS[0], 4, day.plus_days(1).starts_at().plus_ms(HOUR_MS / 2)).await;
    service.clock.advance_ms(DAY_MS + HOUR_MS - 1);
    assert_eq!(service.app.close_days().await.unwrap(), Some(0), "clocks may be an hour apart");
    service.clock.advance_ms(HOUR_MS);
    assert_eq!(service.app.close_days().await.unwrap(), Some(1));
    assert_eq!(closed_days(&database).await, [row(day, 1, 3)]);
    spender.end_at(other.id, early.unwrap(), true, day.plus_days(1).starts_at().plus_ms(-1)).await;
    // What is begun later keeps nothing open.
    spender.hold(&other, 1).await.unwrap();
    service.clock.advance_ms(HOUR_MS);
    assert_eq!(service.app.close_days().await.unwrap(), Some(1));
    assert_eq!(closed_days(&database).await, [row(day, 1, 3), row(day, 2, 7)]);
    assert_eq!(shown(&service, &other).await["tokens_spent_total"], 7);
}

async fn only_the_last_thirty_days_are_recent(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("elite", 0).await;
    let spender = service.spender().await;
    let id = spender.hold(&account, 3).await.unwrap();
    spender.end(account.id, id, true).await;
    for (days, recent) in [(0, 3), (29, 3), (1, 0)] {
        service.clock.advance_ms(days * DAY_MS);
        for _ in 0..2 {
            let stats = shown(&service, &account).await;
            assert_eq!(stats["recent_30d"]["tokens_spent"], recent, "{days}");
            assert_eq!(stats["tokens_spent_total"], 3);
            // And once more from closed days.
            service.app.close_days().await.unwrap();
        }
    }
}
