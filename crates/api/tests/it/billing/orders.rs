//! Ordering: what is refused, and what comes of several orders.

use super::{books, plan, tokens};
use crate::{refused, wrong_fields};
use domain::time::DAY_MS;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Account, Backend, Service, TestDatabase, send};

testkit::on_each_database!(
    the_same_order_twice_is_one_payment,
    one_order_for_a_plan_at_a_time,
    orders_at_once_start_one_subscription,
    an_invoice_paid_on_two_devices_is_paid_once,
    payments_come_in_pages,
    an_order_that_its_service_fails_can_be_placed_again,
);

/// A service, an account on the lowest plan, and their database, which must outlive both.
async fn service() -> (Service, Account, TestDatabase) {
    let database = testkit::database(Backend::Sqlite).await.unwrap();
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    (service, account, database)
}

const SUBSCRIPTION: &str = "/billing/subscription";
const PACKAGE: &str = "/billing/packages/start";

#[tokio::test]
async fn wrong_fields_are_named_with_what_is_allowed() {
    let (service, account, _database) = service().await;
    let methods = json!(["yookassa", "telegram_stars"]);
    let plans = json!(["basic", "pro", "vip", "elite"]);
    let nothing = Value::Null;
    let fields = json!(["plan", "method", "return_url", "receipt_email"]);
    let package_fields = json!(["method", "return_url", "receipt_email"]);
    let order = |field: &str, value: Value| {
        let mut order = json!({ "plan": "vip", "method": "yookassa" });
        order[field] = value;
        order
    };
    let long = |start: &str, length: usize| json!(format!("{start}{}", "x".repeat(length)));
    for (path, body, wrong) in [
        (SUBSCRIPTION, json!({}), vec![("plan", &nothing), ("method", &methods)]),
        (SUBSCRIPTION, json!({ "plan": "vip" }), vec![("method", &methods)]),
        (SUBSCRIPTION, json!({ "method": "yookassa" }), vec![("plan", &nothing)]),
        (SUBSCRIPTION, order("plan", json!("gold")), vec![("plan", &plans)]),
        (SUBSCRIPTION, order("plan", json!("free")), vec![("plan", &plans)]),
        (SUBSCRIPTION, order("plan", json!("VIP")), vec![("plan", &plans)]),
        (SUBSCRIPTION, order("plan", json!("")), vec![("plan", &plans)]),
        (SUBSCRIPTION, order("plan", json!(["vip"])), vec![("plan", &nothing)]),
        (SUBSCRIPTION, order("method", json!("cash")), vec![("method", &methods)]),
        (SUBSCRIPTION, order("method", json!(1)), vec![("method", &nothing)]),
        (SUBSCRIPTION, order("coupon", json!("free")), vec![("coupon", &fields)]),
        (SUBSCRIPTION, order("return_url", json!(7)), vec![("return_url", &nothing)]),
        (SUBSCRIPTION, order("return_url", json!("")), vec![("return_url", &nothing)]),
        (SUBSCRIPTION, order("return_url", json!("example.org")), vec![("return_url", &nothing)]),
        (SUBSCRIPTION, order("return_url", json!("javascript:alert(1)")), vec![("return_url", &nothing)]),
        (SUBSCRIPTION, order("return_url", json!("https://")), vec![("return_url", &nothing)]),
        (SUBSCRIPTION, order("return_url", json!("https:///path")), vec![("return_url", &nothing)]),
        (SUBSCRIPTION, order("return_url", json!("https://a.b/c d")), vec![("return_url", &nothing)]),
        (SUBSCRIPTION, order("return_url", json!("https://[a.b/")), vec![("return_url", &nothing)]),
        (SUBSCRIPTION, order("return_url", long("https://a.b/", 2_037)), vec![("return_url", &nothing)]),
        (SUBSCRIPTION, order("receipt_email", json!("nobody")), vec![("receipt_email", &nothing)]),
        (SUBSCRIPTION, order("receipt_email", json!("@a.b")), vec![("receipt_email", &nothing)]),
        (SUBSCRIPTION, order("receipt_email", json!("a@b")), vec![("receipt_email", &nothing)]),
        (SUBSCRIPTION, order("receipt_email", json!("a@b.c\nd@e.f")), vec![("receipt_email", &nothing)]),
        (SUBSCRIPTION, order("receipt_email", long("a@b.c", 250)), vec![("receipt_email", &nothing)]),
        (
            SUBSCRIPTION,
            json!({ "plan": "vip", "method": "yookassa", "return_url": "x", "receipt_email": "x" }),
            vec![("return_url", &nothing), ("receipt_email", &nothing)],
        ),
        (PACKAGE, json!({}), vec![("method", &methods)]),
        (
            PACKAGE,
            json!({ "plan": "vip", "method": "cash" }),
            vec![("plan", &package_fields), ("method", &methods)],
        ),
        (PACKAGE, json!({ "method": "yookassa", "return_url": "x" }), vec![("return_url", &nothing)]),
    ] {
        let names: Vec<&str> = wrong.iter().map(|(name, _)| *name).collect();
        let allowed = wrong_fields(&service.post(path, &account.key, &body).await, &names);
        for (allowed, (_, expected)) in allowed.iter().zip(wrong) {
            assert_eq!(allowed, expected, "{body}");
        }
    }
    for slug in ["gold", "START", "%00", "%ff"] {
        refused(&service.order_package(&account, slug, "yookassa").await, 404, "not_found");
    }
    assert_eq!(service.payments(&account).await, Vec::<Value>::new());
    assert_eq!(books::payments(&service, &account).await, Vec::<Value>::new());
}

#[tokio::test]
async fn what_is_optional_reaches_the_service() {
    let (service, account, _database) = service().await;
    // The longest of each that is taken, and none.
    for (return_url, receipt_email) in [
        (json!(format!("https://a.b/{}", "x".repeat(2_036))), json!(format!("a@{}.b", "x".repeat(250)))),
        (json!("http://localhost:8080/?paid=1#top"), json!("a+b@sub.example.org")),
        (Value::Null, Value::Null),
    ] {
        let body = json!({ "method": "yookassa", "return_url": return_url, "receipt_email": receipt_email });
        let order = service.post(PACKAGE, &account.key, &body).await.expect(201);
        assert_eq!(order["status"], "pending");
    }
}

#[tokio::test]
async fn bodies_are_json_objects_of_some_length() {
    let (service, account, _database) = service().await;
    for path in [SUBSCRIPTION, PACKAGE] {
        let posting = || service.request(Method::POST, &format!("/api/v2{path}"), &account.key);
        let json_of = |body: String| posting().header("content-type", "application/json").body(body);
        let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
        for body in ["", "[]", "null", "{", r#"{"method":"yookassa"}{}"#, deep.as_str()] {
            refused(&send(json_of(body.to_owned())).await, 400, "bad_request");
        }
        let order = json!({ "plan": "vip", "method": "yookassa" }).to_string();
        refused(&send(posting().body(order)).await, 400, "bad_request");
        refused(&send(json_of("x".repeat(16 * 1024 * 1024 + 1))).await, 413, "payload_too_large");
        let nul = json!({ "plan": "vip", "method": "yookassa", "return_url": "https://a.b/\0" });
        wrong_fields(&service.post(path, &account.key, &nul).await, &["return_url"]);
    }
    assert_eq!(service.payments(&account).await, Vec::<Value>::new());
}

#[tokio::test]
async fn a_key_pays_on_any_plan_and_none_pays_nothing() {
    let (service, _, _database) = service().await;
    let body = json!({ "plan": "elite", "method": "yookassa" });
    for plan in ["free", "basic", "pro", "vip"] {
        let account = service.account(plan, 0).await;
        service.post(SUBSCRIPTION, &account.key, &body).await.expect(201);
        service.order_package(&account, "start", "telegram_stars").await.expect(201);
        assert_eq!(service.payments(&account).await.len(), 2);
        refused(&service.subscription(&account).await, 404, "not_found");
        refused(&service.cancel_subscription(&account).await, 404, "not_found");
        let resumed = service.post("/billing/subscription/resume", &account.key, &json!({})).await;
        refused(&resumed, 404, "not_found");
    }
    for key in ["", "nb_nobody"] {
        for reply in [
            service.post(SUBSCRIPTION, key, &body).await,
            service.post(PACKAGE, key, &body).await,
            service.post("/billing/subscription/resume", key, &json!({})).await,
            service.get(SUBSCRIPTION, key).await,
            service.get("/billing/payments", key).await,
            send(service.request(Method::DELETE, "/api/v2/billing/subscription", key)).await,
        ] {
            refused(&reply, 401, "not_authenticated");
        }
    }
}

async fn the_same_order_twice_is_one_payment(database: TestDatabase) {
    let service = Service::start(&database).await;
    for method in ["yookassa", "telegram_stars"] {
        let account = service.account("free", 0).await;
        let order = service.order_plan(&account, "pro", method).await.expect(201);
        assert_eq!(service.order_plan(&account, "pro", method).await.expect(201), order);
        assert_eq!(service.payments(&account).await.len(), 1);
        service.confirm(&order, "succeed").await.expect(200);
        assert_eq!(tokens(&service, &account).await, (700, 50));
        // Packages are bought as often as somebody likes.
        let packages = [(); 2].map(|()| service.order_package(&account, "start", method));
        for package in join_all(packages).await {
            service.confirm(&package.expect(201), "succeed").await.expect(200);
        }
        assert_eq!(tokens(&service, &account).await, (700, 150));
    }
    service.assert_verifies().await;
}

async fn one_order_for_a_plan_at_a_time(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    let mut orders = Vec::new();
    for (plan, method) in
        [("basic", "yookassa"), ("basic", "telegram_stars"), ("vip", "telegram_stars"), ("vip", "yookassa")]
    {
        orders.push(service.order_plan(&account, plan, method).await.expect(201));
        let statuses: Vec<Value> =
            service.payments(&account).await.iter().map(|payment| payment["status"].clone()).collect();
        let closed = vec![json!("canceled"); orders.len() - 1];
        assert_eq!(statuses, [vec![json!("pending")], closed].concat());
    }
    let [basic, basic_by_stars, vip_by_stars, vip] = orders.try_into().unwrap();
    // Stars are refused before they are paid; what is paid at YooKassa for a plan that can still be had is that plan.
    for order in [basic_by_stars, vip_by_stars] {
        assert_eq!(service.confirm(&order, "succeed").await.expect(200)["status"], "not_paid");
    }
    service.confirm(&basic, "succeed").await.expect(200);
    assert_eq!(plan(&service, &account).await.0, "basic");
    assert_eq!(tokens(&service, &account).await, (300, 50));
    // The other one was ordered by somebody without a plan.
    service.confirm(&vip, "succeed").await.expect(200);
    assert_eq!(tokens(&service, &account).await, (300, 50));
    assert_eq!(service.payments(&account).await[0]["status"], "refunded");
    assert_eq!(books::kept_minor(&service, &account).await, 89_000);
    service.assert_verifies().await;
}

/// As a client that sends each request several times, and a payer who pays each page there is.
async fn orders_at_once_start_one_subscription(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    let account = service.account("free", 0).await;
    let orders = (0..6).map(|number| {
        let service = if number % 2 == 0 { &service } else { &other };
        service.order_plan(&account, "vip", "yookassa")
    });
    let orders = join_all(orders).await;
    for reply in orders.iter().filter(|reply| reply.status != 201) {
        refused(reply, 503, "overloaded");
    }
    for payment in books::payments(&service, &account).await {
        let page = json!({ "confirmation_url": payment["confirmation_url"] });
        service.confirm(&page, "succeed").await.expect(200);
    }
    service.live_through(DAY_MS, DAY_MS / 4).await;
    assert_eq!(plan(&service, &account).await.0, "vip");
    assert_eq!(tokens(&service, &account).await, (1_500, 50));
    assert_eq!(books::kept_minor(&service, &account).await, 299_000);
    service.assert_verifies().await;
}

async fn an_invoice_paid_on_two_devices_is_paid_once(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    let package = service.order_package(&account, "start", "telegram_stars").await.expect(201);
    let vip = service.order_plan(&account, "vip", "telegram_stars").await.expect(201);
    for order in [&package, &vip] {
        // Two people, for Telegram itself refuses the second subscription of one.
        join_all([42, 43].map(|user_id| {
            let page = order["confirmation_url"].as_str().unwrap();
            let paying = testkit::http_client().post(format!("{page}/succeed"));
            send(paying.body(json!({ "user_id": user_id }).to_string()))
        }))
        .await;
        service.hear_and_bill().await;
    }
    assert_eq!(tokens(&service, &account).await, (1_500, 100));
    // 208 Stars for 249 roubles and 2,492 for 2,990.
    assert_eq!(books::kept_minor(&service, &account).await, 208 + 2_492);
    service.assert_verifies().await;
}

async fn payments_come_in_pages(database: TestDatabase) {
    let service = Service::start(&database).await;
    let (account, other) = (service.account("free", 0).await, service.account("free", 0).await);
    let mut ids = Vec::new();
    for _ in 0..5 {
        let order = service.order_package(&account, "start", "yookassa").await.expect(201);
        ids.insert(0, order["payment_id"].clone());
    }
    service.order_package(&other, "light", "yookassa").await.expect(201);
    for (query, page, limit, pages, expected) in [
        ("", 1, 20, 1, &ids[..]),
        ("?limit=5", 1, 5, 1, &ids[..]),
        ("?limit=2", 1, 2, 3, &ids[..2]),
        ("?limit=2&page=2", 2, 2, 3, &ids[2..4]),
        ("?page=3&limit=2", 3, 2, 3, &ids[4..]),
        ("?page=4&limit=2", 4, 2, 3, &[]),
        ("?page=10000&limit=100", 10_000, 100, 1, &[]),
    ] {
        let body = service.get(&format!("/billing/payments{query}"), &account.key).await.expect(200);
        let found: Vec<Value> =
            body["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
        assert_eq!(found, expected, "{query}");
        let numbers = ["total", "page", "limit", "pages"].map(|name| body[name].as_i64().unwrap());
        assert_eq!(numbers, [5, page, limit, pages], "{query}");
    }
    for (query, names) in [
        ("page=0", &["page"][..]),
        ("limit=0", &["limit"]),
        ("limit=101", &["limit"]),
        ("page=10001&limit=100", &["page"]),
        ("page=0&limit=0", &["limit", "page"]),
        ("page=-1", &["page"]),
        ("page=one", &["page"]),
        ("page=99999999999999999999", &["page"]),
        ("status=paid&page=0", &["page", "status"]),
    ] {
        wrong_fields(&service.get(&format!("/billing/payments?{query}"), &account.key).await, names);
    }
}

async fn an_order_that_its_service_fails_can_be_placed_again(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    for (vendor, method) in [("yookassa", "yookassa"), ("telegram", "telegram_stars")] {
        // Three attempts make one request.
        for (fault, times, kind) in [("401", 1, "overloaded"), ("500", 3, "timeout"), ("cut", 3, "timeout")] {
            service.break_vendor(vendor, fault, times).await;
            let details = refused(&service.order_plan(&account, "vip", method).await, 500, "provider_error");
            let latest = &service.payments(&account).await[0];
            let expected = json!({ "provider": method, "kind": kind, "payment_id": latest["id"] });
            assert_eq!(details, expected, "{fault}");
            assert_eq!(latest["confirmation_url"], Value::Null);
        }
    }
    let order = service.order_plan(&account, "vip", "yookassa").await.expect(201);
    service.confirm(&order, "succeed").await.expect(200);
    // Those whose fate is unknown come to an end by themselves.
    service.live_through(2 * DAY_MS, DAY_MS / 4).await;
    let payments = service.payments(&account).await;
    let open = payments.iter().filter(|payment| payment["status"] == "pending").count();
    assert_eq!((open, books::paid_times(&service, &account).await), (0, 1), "{payments:#?}");
    assert_eq!(tokens(&service, &account).await, (1_500, 50));
    service.assert_verifies().await;
}
