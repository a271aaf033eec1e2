//! `neuralbox payments`, beside a service that people pay.

use crate::installation::Installation;
use domain::time::DAY_MS;
use sandbox::NotificationTargets;
use serde_json::{Value, json};
use testkit::{Service, Setup, TestDatabase, send};

testkit::on_each_database!(
    payments_are_listed_and_shown,
    a_refund_says_before_what_goes_back,
    what_waits_for_a_person_goes_on_after_one,
    books_are_compared_and_put_right,
);

/// A service that goes by the time of the machine, as the commands do; and the commands, on its database and with its payment
/// services.
async fn beside(database: TestDatabase) -> (Service, Installation) {
    // What is to be called back has the time of the machine.
    let service = Service::start_with(&database, Setup { callbacks: true, ..Setup::default() }).await;
    let base_url = |name: &str| service.sandbox.base_url(name).unwrap();
    let installation = Installation::new(database)
        .with("NEURALBOX__PAYMENTS__YOOKASSA__SHOP_ID", "100500")
        .with("NEURALBOX__PAYMENTS__YOOKASSA__SECRET_KEY", "test_key")
        .with("NEURALBOX__PAYMENTS__YOOKASSA__BASE_URL", &base_url("yookassa"));
    (service, installation)
}

async fn payments_are_listed_and_shown(database: TestDatabase) {
    let (service, installation) = beside(database).await;
    assert_eq!(installation.run(&["payments", "list"]).succeeded().stdout.trim(), "there are no payments");
    let (anna, boris) = (service.account("free", 0).await, service.account("free", 0).await);
    service.subscribe(&anna, "basic", "yookassa").await;
    let order = service.order_package(&boris, "light", "yookassa").await.expect(201);
    let listed = installation.json(&["payments", "list", "--json"]);
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert_eq!((&listed[0]["item"], &listed[1]["item"]), (&json!("light"), &json!("basic")));
    let own = installation.json(&["payments", "list", "--account", &anna.id.to_string(), "--json"]);
    assert_eq!(own, json!([listed[1]]));
    let text = installation.run(&["payments", "list", "--limit", "1"]).succeeded().stdout;
    assert!(text.contains("light") && !text.contains("basic"), "{text}");

    let id = order["payment_id"].to_string();
    let shown = installation.json(&["payments", "show", &id, "--json"]);
    assert_eq!((&shown["status"], &shown["amount"]), (&json!("pending"), &json!("449.00")), "{shown:#}");
    let names = shown["names"].as_array().unwrap();
    let reference = shown["reference"].as_str().unwrap();
    let gateway_id = shown["gateway_id"].as_str().unwrap();
    assert_eq!(*names, [json!(format!("order:{reference}")), json!(format!("yookassa:{gateway_id}"))]);
    installation.run(&["payments", "show", "999999"]).failed("there is no such payment");
}

async fn a_refund_says_before_what_goes_back(database: TestDatabase) {
    let (service, installation) = beside(database).await;
    let account = service.account("free", 0).await;
    let order = service.order_package(&account, "light", "yookassa").await.expect(201);
    let id = order["payment_id"].to_string();
    let refund = |more: &[&str]| {
        let arguments = [&["payments", "refund", &id, "--reason", "asked for by mail"], more].concat();
        installation.run(&arguments)
    };
    refund(&[]).failed("payment: is pending");
    service.confirm(&order, "succeed").await.expect(200);
    let planned = refund(&["--dry-run"]).succeeded().stdout;
    assert!(planned.contains("449.00 RUB go back, 100 tokens are taken"), "{planned}");
    assert_eq!(service.wallet(&account).await.permanent_available, 150);
    let made = refund(&["--json"]).succeeded().json();
    assert_eq!((&made["status"], &made["tokens"]), (&json!("succeeded"), &json!(100)), "{made:#}");
    assert_eq!(service.wallet(&account).await.permanent_available, 50);
    refund(&[]).failed("has bought what is used up");
    let shown = installation.json(&["payments", "show", &id, "--json"]);
    assert_eq!(shown["refunds"][0]["reason"], "asked for by mail", "{shown:#}");
    service.assert_verifies().await;
}

async fn what_waits_for_a_person_goes_on_after_one(database: TestDatabase) {
    let (service, installation) = beside(database).await;
    let account = service.account("free", 0).await;
    let order = service.order_package(&account, "light", "yookassa").await.expect(201);
    let id = order["payment_id"].to_string();
    let doubt = || installation.json(&["payments", "list", "--attention", "--json"]);
    assert_eq!(doubt(), json!([]));
    installation.run(&["payments", "resolve", &id]).failed("there is no such payment");
    installation.database.execute("UPDATE payments SET attention = 'nobody knows'").await.unwrap();
    let found = doubt();
    assert_eq!((&found[0]["what"], &found[0]["id"]), (&json!("payment"), &order["payment_id"]), "{found:#}");
    let said = installation.run(&["payments", "resolve", &id]).succeeded().stdout;
    assert!(said.contains("nobody knows"), "{said}");
    assert_eq!(doubt(), json!([]));
    service.confirm(&order, "succeed").await.expect(200);
    assert_eq!(service.wallet(&account).await.permanent_available, 150);
}

async fn books_are_compared_and_put_right(database: TestDatabase) {
    let (service, installation) = beside(database).await;
    let reconcile = |more: &[&str]| installation.run(&[&["payments", "reconcile"], more].concat());
    assert!(reconcile(&[]).succeeded().stdout.contains("the books agree"));
    let account = service.account("free", 0).await;
    let order = service.order_package(&account, "light", "yookassa").await.expect(201);
    service.sandbox.set_notifications(NotificationTargets::default());
    let page = order["confirmation_url"].as_str().unwrap();
    send(testkit::http_client().post(format!("{page}/succeed"))).await.expect(200);

    let from = service.app.clock().now().plus_ms(-DAY_MS).to_string();
    let planned = reconcile(&["--from", &from, "--json"]);
    let data: Value = serde_json::from_str(&planned.stdout).unwrap();
    assert_eq!((planned.code, &data["settled"]), (Some(1), &json!(false)), "{data:#}");
    assert_eq!(
        (&data["findings"][0]["kind"], &data["findings"][0]["outcome"]),
        (&json!("ended"), &json!("open"))
    );
    assert_eq!(service.wallet(&account).await.permanent_available, 50);
    let done = reconcile(&["--apply"]).succeeded().stdout;
    let (first, last) = (done.find("→ take over what the service says"), done.find(": done"));
    assert!(first.is_some() && first < last, "{done}");
    assert_eq!(service.wallet(&account).await.permanent_available, 150);
    assert!(reconcile(&["--apply", "--json"]).succeeded().json()["settled"] == true);
    reconcile(&["--from", "yesterday"]).failed("--from must be a day");
    reconcile(&["--from", "2027-01-02", "--to", "2027-01-01"]).failed("from: must lie before `to`");
}
