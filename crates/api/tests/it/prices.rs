//! What is sold, and for how much. Nothing here needs a key, or differs between databases.

use crate::{
    catalog::{Row, rows, texts},
    refused, wrong_fields,
};
use serde_json::{Value, json};
use testkit::{Backend, Reply, Service, Setup, TestDatabase};

/// A service, and its database, which must outlive it.
async fn service() -> (Service, TestDatabase) {
    let database = testkit::database(Backend::Sqlite).await.unwrap();
    (Service::start(&database).await, database)
}

async fn price(service: &Service, slug: &str, body: &Value) -> Reply {
    service.post(&format!("/models/{slug}/calculate-price"), "", body).await
}

#[tokio::test]
async fn every_model_costs_what_the_table_says() {
    let (service, _database) = service().await;
    for row in rows() {
        let shown = service.get(&format!("/models/{}", row.slug), "").await.expect(200);
        check_shown(&row, &shown);
        for count in [1, 3, 100] {
            let quote = price(&service, row.slug, &json!({ "params": {}, "count": count })).await.expect(200);
            let expected = json!({
                "token_cost": row.token_cost * count,
                "min_token_cost": row.min_token_cost,
                "max_token_cost": row.max_token_cost,
                "pricing_type": row.pricing_type,
            });
            assert_eq!(quote, expected, "{count} {}", row.slug);
        }
    }
}

fn check_shown(row: &Row, shown: &Value) {
    for (field, expected) in [
        ("slug", json!(row.slug)),
        ("name", json!(row.name)),
        ("category", json!(row.category)),
        ("provider", json!(row.provider)),
        ("min_plan", json!(row.min_plan)),
        ("token_cost", json!(row.token_cost)),
        ("min_token_cost", json!(row.min_token_cost)),
        ("max_token_cost", json!(row.max_token_cost)),
        ("pricing_type", json!(row.pricing_type)),
        ("supports_streaming", json!(row.mode == "sync+stream")),
        ("available", json!(true)),
    ] {
        assert_eq!(shown[field], expected, "{field} of {shown:#}");
    }
    assert_eq!(shown["unavailable_reason"], Value::Null, "{shown:#}");
    for description in ["description_en", "description_ru"] {
        assert!(shown[description].as_str().is_some_and(|text| !text.is_empty()), "{shown:#}");
    }
    assert!(shown["config"]["parameters"].is_object(), "{shown:#}");
}

#[tokio::test]
async fn the_owners_example() {
    let (service, _database) = service().await;
    let body = json!({ "params": { "size": "1792x1024", "quality": "hd" }, "count": 1 });
    let answer =
        json!({ "token_cost": 13, "min_token_cost": 5, "max_token_cost": 13, "pricing_type": "matrix" });
    assert_eq!(price(&service, "dall-e-3", &body).await.expect(200), answer);
}

#[tokio::test]
async fn parameters_move_the_price() {
    let (service, _database) = service().await;
    let check = async |slug: &str, params: Value, tokens: i64| {
        let quote = price(&service, slug, &json!({ "params": params })).await.expect(200);
        assert_eq!(quote["token_cost"], tokens, "{slug} {params}");
    };
    for (slug, quality, square, wide, wide_size) in [
        ("dall-e-3", "standard", 5, 9, "1024x1792"),
        ("dall-e-3", "hd", 9, 13, "1792x1024"),
        ("gpt-image-1.5", "low", 1, 2, "1024x1536"),
        ("gpt-image-1.5", "medium", 4, 6, "1536x1024"),
        ("gpt-image-1.5", "high", 14, 21, "1536x1024"),
    ] {
        check(slug, json!({ "quality": quality, "size": "1024x1024" }), square).await;
        check(slug, json!({ "quality": quality, "size": wide_size }), wide).await;
    }
    for (slug, duration, tokens) in [
        ("luma-ray2-flash", 9, 76),
        ("kling-v2.1", 10, 88),
        ("kling-v2.1-pro", 10, 175),
        ("luma-ray2", 9, 224),
        ("luma-ray2-1080p", 9, 271),
    ] {
        check(slug, json!({ "duration": duration }), tokens).await;
    }
    // Content is not needed, and does not matter.
    check("kling-v2.1", json!({ "prompt": "a boat", "image_url": "https://example.org/boat.png" }), 44).await;
    check("gpt-5.2-pro", json!({ "prompt": "why?", "max_tokens": 16 }), 39).await;
}

#[tokio::test]
async fn what_a_model_does_not_take_is_named_with_what_it_takes() {
    let (service, _database) = service().await;
    let check = async |slug: &str, body: Value, field: &str, allowed: Value| {
        let reply = price(&service, slug, &body).await;
        assert_eq!(wrong_fields(&reply, &[field]), [allowed], "{slug} {body}");
    };
    let names = json!(["format", "prompt", "quality", "size", "style"]);
    check("dall-e-3", json!({ "params": { "seed": 1 } }), "seed", names).await;
    let qualities = json!(["standard", "hd"]);
    check("dall-e-3", json!({ "params": { "quality": "ultra" } }), "quality", qualities).await;
    check("kling-v2.1", json!({ "params": { "duration": 7 } }), "duration", json!(["5", "10"])).await;
    check("gpt-5-nano", json!({ "params": { "max_tokens": 9_000 } }), "max_tokens", json!(["1..8192"])).await;
    for count in [json!(0), json!(101), json!(-1), json!(1.5), json!("3"), json!(u64::MAX)] {
        check("gpt-5", json!({ "count": count }), "count", json!(["1..100"])).await;
    }
    let fields = json!(["params", "count"]);
    check("gpt-5", json!({ "parms": {} }), "parms", fields.clone()).await;
    check("gpt-5", json!({ "model": "gpt-5" }), "model", fields).await;
    check("gpt-5", json!({ "params": [] }), "params", Value::Null).await;
}

#[tokio::test]
async fn every_wrong_field_is_named_at_once() {
    let (service, _database) = service().await;
    let body = json!({ "params": { "quality": 1, "size": "huge", "seed": 7 }, "count": 0, "n": 1 });
    let reply = price(&service, "dall-e-3", &body).await;
    let details = refused(&reply, 422, "validation_error");
    let mut named: Vec<&str> =
        details["fields"].as_array().unwrap().iter().map(|field| field["field"].as_str().unwrap()).collect();
    named.sort_unstable();
    assert_eq!(named, ["count", "n", "quality", "seed", "size"]);
}

#[tokio::test]
async fn unknown_models_are_not_found() {
    let (service, _database) = service().await;
    for slug in ["gpt-6", "GPT-5", "gpt-5%20", "%2e%2e"] {
        refused(&service.get(&format!("/models/{slug}"), "").await, 404, "not_found");
        refused(&price(&service, slug, &json!({})).await, 404, "not_found");
    }
}

#[tokio::test]
async fn the_list_of_models_can_be_filtered() {
    let (service, _database) = service().await;
    let check = async |query: &str, fits: fn(&Row) -> bool| {
        let list = service.get(&format!("/models{query}"), "").await.expect(200);
        let listed: Vec<&str> =
            list["items"].as_array().unwrap().iter().map(|model| model["slug"].as_str().unwrap()).collect();
        let expected: Vec<&str> = rows().into_iter().filter(fits).map(|row| row.slug).collect();
        assert_eq!(listed, expected, "{query}");
        assert_eq!(list["total"], expected.len(), "{query}");
        assert_eq!(list.as_object().unwrap().len(), 2, "{query}");
    };
    check("", |_| true).await;
    check("?category=text", |row| row.category == "text").await;
    check("?provider=replicate", |row| row.provider == "replicate").await;
    check("?category=image&provider=openai", |row| row.category == "image" && row.provider == "openai").await;
    check("?category=stt&provider=luma", |_| false).await;
    let categories = json!(["text", "image", "video", "music", "tts", "stt", "tool"]);
    let reply = service.get("/models?category=poetry", "").await;
    assert_eq!(wrong_fields(&reply, &["category"]), [categories]);
    wrong_fields(&service.get("/models?provider=acme&category=x", "").await, &["category", "provider"]);
    refused(&service.get("/models?page=2", "").await, 422, "validation_error");
}

#[tokio::test]
async fn a_model_is_listed_as_it_is_shown() {
    let (service, _database) = service().await;
    let list = service.get("/models", "").await.expect(200);
    for model in list["items"].as_array().unwrap() {
        let slug = model["slug"].as_str().unwrap();
        assert_eq!(service.get(&format!("/models/{slug}"), "").await.expect(200), *model);
    }
}

#[tokio::test]
async fn plans() {
    let (service, _database) = service().await;
    let plan = |slug: &str, name: &str, [tokens, price, hourly, daily]: [i64; 4]| {
        json!({
            "slug": slug, "name": name, "tokens": tokens, "recurring": slug != "free", "price": price,
            "currency": "RUB", "rate_limit_hourly": hourly, "rate_limit_daily": daily,
            "api_access": slug == "vip" || slug == "elite",
        })
    };
    let items = [
        plan("free", "Starter", [50, 0, 20, 150]),
        plan("basic", "Basic", [300, 890, 30, 200]),
        plan("pro", "Pro", [700, 1_690, 60, 500]),
        plan("vip", "VIP", [1_500, 2_990, 100, 1_000]),
        plan("elite", "Elite", [3_000, 4_990, 0, 0]),
    ];
    assert_eq!(service.get("/plans", "").await.expect(200), json!({ "items": items, "total": 5 }));
}

#[tokio::test]
async fn packages() {
    let (service, _database) = service().await;
    let items = [
        ("start", "Start", 50, 249),
        ("light", "Light", 100, 449),
        ("standard", "Standard", 200, 799),
        ("advanced", "Advanced", 500, 1_790),
        ("pro-pack", "Pro Pack", 1_000, 3_290),
        ("business", "Business", 2_000, 5_990),
        ("premium", "Premium", 5_000, 13_990),
        ("ultra", "Ultra", 10_000, 24_990),
    ]
    .map(|(slug, name, tokens, price)| {
        json!({ "slug": slug, "name": name, "tokens": tokens, "price": price, "currency": "RUB" })
    });
    assert_eq!(service.get("/packages", "").await.expect(200), json!({ "items": items, "total": 8 }));
}

#[tokio::test]
async fn with_real_vendors_a_model_ends_with_its_vendors_last_day() {
    const DAY_MS: i64 = 86_400_000;
    let database = testkit::database(Backend::Sqlite).await.unwrap();
    let setup = Setup { is_sandbox: false, ..Setup::default() };
    let service = Service::start_with(&database, setup).await;
    let account = service.account("vip", 0).await;
    let available = async || {
        let list = service.get("/models?category=text", "").await.expect(200);
        let items = list["items"].as_array().unwrap().iter();
        let available = items.filter(|model| model["available"] == true);
        available.map(|model| model["slug"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(available().await, texts());
    // From 22 November on; the first to go is Claude Sonnet 4.5, on the 30th.
    service.clock.advance_ms(9 * DAY_MS);
    let gone = |slug: &&str| *slug != "claude-sonnet-4.5";
    assert_eq!(available().await, texts().into_iter().filter(gone).collect::<Vec<_>>());
    for slug in ["claude-sonnet-4.5", "dall-e-3"] {
        refused(&service.generate(&account.key, slug, "hello").await, 503, "model_unavailable");
    }
    assert_eq!((service.calls().await, service.balance(&account.key).await), (0, 1_500));
}
