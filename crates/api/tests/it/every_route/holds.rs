//! What reaches a vendor does so under a hold, and leaves one generation and its price in the books.

use crate::route_table::{call, reaching_vendors};
use futures_util::FutureExt;
use serde_json::{Value, json};
use testkit::{Account, RawServer, Service, Setup, TestDatabase, Then, eventually};

testkit::on_each_database!(
    the_tokens_are_held_while_the_vendor_is_asked,
    one_call_is_one_generation_in_history_and_ledger,
);

async fn purse(service: &Service, account: &Account) -> Value {
    service.get("/user/balance", &account.key).await.expect(200)
}

async fn the_tokens_are_held_while_the_vendor_is_asked(database: TestDatabase) {
    for route in reaching_vendors() {
        let silent = RawServer::start(Vec::new(), Then::Hang).await;
        let vendors_url: &'static str = silent.url.clone().leak();
        let setup = Setup { vendors_url: Some(vendors_url), ..Setup::default() };
        let service = Service::start_with(&database, setup).await;
        let account = service.account_with(20).await;
        let asked = eventually(async || (silent.requests() > 0).then_some(()));
        tokio::select! {
            reply = call(&service, route, &account.key) => panic!("{route:?} is answered: {reply:?}"),
            () = asked => {}
        }
        // By the time that the vendor heard of it the tokens were set aside, and they stay so when the client has left.
        let purse = purse(&service, &account).await;
        let held = purse["held_tokens"].as_i64().unwrap();
        assert!(held > 0, "{route:?}: {purse:#}");
        assert_eq!(purse["token_balance"], 20 - held, "{route:?}: {purse:#}");
        let history = service.get("/user/history?status=pending", &account.key).await.expect(200);
        assert_eq!(history["total"], 1, "{route:?}: {history:#}");
    }
}

async fn one_call_is_one_generation_in_history_and_ledger(database: TestDatabase) {
    let service = Service::start(&database).await;
    for route in reaching_vendors() {
        let account = service.account_with(20).await;
        let calls = service.calls().await;
        let reply = call(&service, route, &account.key).boxed().await;
        assert_eq!((reply.status, service.calls().await), (200, calls + 1), "{route:?}: {reply:?}");
        let history = service.get("/user/history?limit=1", &account.key).await.expect(200);
        let made = &history["items"][0];
        let spent = made["tokens_spent"].as_i64().unwrap();
        assert!(spent > 0 && made["status"] == "completed", "{route:?}: {made:#}");
        let purse = purse(&service, &account).await;
        let left = (&purse["held_tokens"], &purse["token_balance"]);
        assert_eq!(left, (&json!(0), &json!(20 - spent)), "{route:?}: {purse:#}");
        let ledger = service.get("/billing/ledger", &account.key).await.expect(200);
        let of_it = |entry: &&Value| entry["source_id"] == made["id"];
        let entries: Vec<&Value> = ledger["items"].as_array().unwrap().iter().filter(of_it).collect();
        assert_eq!(entries.len(), 1, "{route:?}: {ledger:#}");
        let charged = (&entries[0]["reason"], &entries[0]["amount_tokens"]);
        assert_eq!(charged, (&json!("charge"), &json!(spent)), "{route:?}: {entries:#?}");
    }
    service.assert_verifies().await;
}
