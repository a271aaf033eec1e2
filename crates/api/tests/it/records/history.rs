//! `GET /user/history`

use super::{MODELS, begin, numbers};
use crate::{refused, wrong_fields};
use domain::port::Clock;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use testkit::{Account, Service, TestDatabase};

testkit::on_each_database!(
    every_filter_finds_what_there_is,
    items_are_generations_as_they_are_shown_alone,
    another_account_sees_nothing_of_it,
    what_is_wrong_is_named,
    a_long_history_is_counted_so_far_and_walked_to_its_end,
);

/// A generation as the test knows it.
struct Known {
    id: i64,
    created_at_ms: i64,
    model: &'static str,
    category: &'static str,
    status: &'static str,
}

async fn page(service: &Service, account: &Account, query: &str) -> Value {
    service.get(&format!("/user/history{query}"), &account.key).await.expect(200)
}

fn ids(page: &Value) -> Vec<i64> {
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_i64().unwrap()).collect()
}

/// Generations of every model and end, some begun at the same instant, and some by another process, whose ids are lower.
async fn lived(service: &Service, account: &Account, rng: &mut StdRng) -> Vec<Known> {
    let spenders = [service.spender().await, service.spender().await];
    let mut known = Vec::new();
    for _ in 0..60 {
        let (model, category) = MODELS[rng.random_range(0..MODELS.len())];
        let at = service.clock.now().plus_ms(rng.random_range(-3_000..3_000));
        let spender = &spenders[rng.random_range(0..2)];
        let id = begin(spender, account, (model, category), 1, at).await;
        let status = ["pending", "completed", "completed", "failed"][rng.random_range(0..4)];
        if status != "pending" {
            spender.end(account.id, id, status == "completed").await;
        }
        let (id, created_at_ms) = (id.0, at.unix_ms());
        known.push(Known { id, created_at_ms, model, category: category.name(), status });
        service.clock.advance_ms([0, 1, 2_000][rng.random_range(0..3)]);
    }
    known.sort_by_key(|known| (-known.created_at_ms, -known.id));
    known
}

async fn every_filter_finds_what_there_is(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("elite", 0).await;
    let mut rng = StdRng::seed_from_u64(11);
    let known = lived(&service, &account, &mut rng).await;
    assert_eq!(ids(&page(&service, &account, "?limit=100").await).len(), 60);
    for _ in 0..120 {
        let model = rng.random_bool(0.4).then(|| MODELS[rng.random_range(0..MODELS.len())].0);
        let category = rng.random_bool(0.4).then(|| MODELS[rng.random_range(0..MODELS.len())].1.name());
        let status = rng.random_bool(0.4).then(|| ["pending", "completed", "failed"][rng.random_range(0..3)]);
        let before = rng.random_bool(0.3).then(|| rng.random_range(0..known.len()));
        let (limit, page_no) = (rng.random_range(1..=9_usize), rng.random_range(1..=4_usize));
        let is_meant = |known: &&Known| {
            model.is_none_or(|model| model == known.model)
                && category.is_none_or(|category| category == known.category)
                && status.is_none_or(|status| status == known.status)
        };
        let mut query = format!("?limit={limit}&page={page_no}");
        for (name, value) in [("model", model), ("type", category), ("status", status)] {
            query.extend(value.map(|value| format!("&{name}={value}")));
        }
        query.extend(before.map(|at| format!("&before={}", known[at].id)));
        let after = known.iter().skip(before.map_or(0, |at| at + 1)).filter(is_meant);
        let expected: Vec<i64> =
            after.skip((page_no - 1) * limit).take(limit).map(|known| known.id).collect();
        let total = known.iter().filter(is_meant).count();
        let found = page(&service, &account, &query).await;
        assert_eq!(ids(&found), expected, "{query}");
        let numbers =
            json!({ "total": total, "page": page_no, "limit": limit, "pages": total.div_ceil(limit) });
        for name in ["total", "page", "limit", "pages"] {
            assert_eq!(found[name], numbers[name], "{name} of {query}");
        }
        assert!(found.get("total_capped").is_none(), "{query}");
    }
}

async fn items_are_generations_as_they_are_shown_alone(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    service.generate(&account.key, "gpt-5-nano", "Why is the sea salt?").await.expect(200);
    service.break_vendor("anthropic", "500", 9).await;
    assert_eq!(service.generate(&account.key, "claude-haiku-4.5", "Why?").await.status, 500);
    let pending = service.post("/generate", &account.key, &crate::jobs::photon()).await.expect(202);
    let found = page(&service, &account, "").await;
    assert_eq!((&found["total"], &found["limit"]), (&json!(3), &json!(20)));
    let items = found["items"].as_array().unwrap();
    let of_status = |status: &str| items.iter().filter(|item| item["status"] == status).count();
    assert_eq!((of_status("completed"), of_status("failed"), of_status("pending")), (1, 1, 1));
    for item in items {
        let alone = service.get(&format!("/generate/{}", item["id"]), &account.key).await.expect(200);
        assert_eq!(*item, alone);
    }
    // A finished file has its address in both.
    service.pump(&account.key, &pending["id"]).await;
    let found = page(&service, &account, "?type=image").await;
    assert!(found["items"][0]["result_url"].is_string(), "{found:#}");
    let alone = service.get(&format!("/generate/{}", pending["id"]), &account.key).await.expect(200);
    assert_eq!(found["items"][0], alone);
}

async fn another_account_sees_nothing_of_it(database: TestDatabase) {
    let service = Service::start(&database).await;
    let (account, other) = (service.account("vip", 0).await, service.account("free", 0).await);
    let id = begin(&service.spender().await, &account, MODELS[0], 1, service.clock.now()).await;
    let found = page(&service, &other, "").await;
    assert_eq!((ids(&found), &found["total"], &found["pages"]), (vec![], &json!(0), &json!(0)));
    let reply = service.get(&format!("/user/history?before={}", id.0), &other.key).await;
    wrong_fields(&reply, &["before"]);
    refused(&service.get("/user/history", "").await, 401, "not_authenticated");
}

async fn what_is_wrong_is_named(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    let get = async |query: &str| service.get(&format!("/user/history?{query}"), &account.key).await;
    let allowed = wrong_fields(&get("type=audio&status=done").await, &["type", "status"]);
    assert_eq!(allowed[0], json!(["text", "image", "video", "music", "tts", "stt", "tool"]));
    assert_eq!(allowed[1], json!(["pending", "completed", "failed"]));
    for (query, field, range) in [
        ("limit=0", "limit", Some("1..100")),
        ("limit=101", "limit", Some("1..100")),
        ("limit=ten", "limit", Some("1..100")),
        ("page=0", "page", Some("1..500")),
        ("page=501", "page", Some("1..500")),
        ("page=101&limit=100", "page", Some("1..100")),
        ("page=-1", "page", Some("1..500")),
        ("before=0", "before", None),
        ("before=9007199254740992", "before", None),
        ("before=x", "before", None),
        ("before=7", "before", None),
        ("model=a%00b", "model", None),
        ("page=1&page=2", "page", None),
    ] {
        let allowed = wrong_fields(&get(query).await, &[field]);
        assert_eq!(allowed[0], range.map_or(Value::Null, |range| json!([range])), "{query}");
    }
    let allowed = wrong_fields(&get("sort=oldest&limit=0").await, &["limit", "sort"]);
    assert_eq!(allowed[1], json!(["type", "status", "model", "before", "limit", "page"]));
    // What is empty is not given.
    get("type=&status=&model=&before=&limit=&page=").await.expect(200);
    // A model that is sold no longer, or never was: nothing is wrong with asking.
    assert_eq!(get("model=gpt-2").await.expect(200)["total"], 0);
}

/// More than is counted; entered past the ledger, which would take its time.
async fn a_long_history_is_counted_so_far_and_walked_to_its_end(database: TestDatabase) {
    const COUNT: u32 = 10_050;
    let service = Service::start(&database).await;
    let account = service.account("elite", 0).await;
    let sql = format!(
        "INSERT INTO generations (account_id, id, key_id, model_slug, category, status, price_tokens, plan_tokens,
            permanent_tokens, node_id, created_at_ms, deadline_at_ms, completed_at_ms)
        {} SELECT {}, 900000 + n, {}, 'gpt-5', 'text', 'completed', 1, 0, 1, 1, 1000 + n / 7, 9000, 9000 FROM numbers",
        numbers(COUNT),
        account.id.0,
        account.key_id.0,
    );
    database.execute(&sql).await.unwrap();
    let last = page(&service, &account, "?limit=100&page=100&type=text").await;
    assert_eq!((&last["total"], &last["total_capped"]), (&json!(10_000), &json!(true)));
    assert_eq!(last["pages"], 100);
    let mut oldest = *ids(&last).last().unwrap();
    assert_eq!(oldest, i64::from(900_000 + COUNT - 10_000));
    let mut walked = Vec::new();
    loop {
        let found = ids(&page(&service, &account, &format!("?limit=20&before={oldest}")).await);
        let Some(last) = found.last() else { break };
        oldest = *last;
        walked.extend(found);
    }
    assert_eq!(walked, (900_000..900_000 + i64::from(COUNT) - 10_000).rev().collect::<Vec<_>>());
}
