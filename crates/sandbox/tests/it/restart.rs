//! A sandbox that ends without a farewell, and the next one on the same folder.

use crate::{
    bot::{Bot, PERIOD_MS, SECRET, monthly},
    inbox::Inbox,
    lab::{Lab, check, fetch},
    shop::{Shop, StillClock, order, rub},
};
use reqwest::Method;
use sandbox::{Folder, NotificationTargets};
use serde_json::{Value, json};
use std::{fs::OpenOptions, io::Write, path::Path};
use tempfile::TempDir;

fn folder() -> TempDir {
    TempDir::new().unwrap()
}

async fn lab(folder: &Path) -> Lab {
    Lab::start_on(folder, StillClock::new(), NotificationTargets::default()).await
}

/// A URL of an earlier sandbox as the present one has it.
fn moved(lab: &Lab, url: &str) -> String {
    let (_, path) = url.strip_prefix("http://").unwrap().split_once('/').unwrap();
    format!("http://{}/{path}", lab.sandbox.addr())
}

async fn luma_job(lab: &Lab, changes: &[(&str, Value)]) -> String {
    let mut body = json!({"model": "photon-1", "prompt": "A lighthouse"});
    for (name, value) in changes {
        body[name] = value.clone();
    }
    let got = lab.post("luma", "/generations/image", &body).await;
    assert_eq!(got.status, 201, "{got:?}");
    got.json()["id"].as_str().unwrap().to_owned()
}

async fn luma_state(lab: &Lab, id: &str) -> Value {
    lab.get("luma", &format!("/generations/{id}")).await.json()["state"].take()
}

#[tokio::test]
async fn a_job_goes_on_and_its_result_is_there() {
    let folder = folder();
    let before = lab(folder.path()).await;
    let id = luma_job(&before, &[]).await;
    let failing = luma_job(&before, &[("prompt", json!("[[fault:job-failed]]"))]).await;
    let forgotten = luma_job(&before, &[]).await;
    assert_eq!(before.get("luma", &format!("/generations/{id}")).await.json()["state"], "dreaming");
    fetch(before.request(Method::DELETE, "luma", &format!("/generations/{forgotten}"))).await;
    drop(before);

    let after = lab(folder.path()).await;
    assert_eq!(luma_state(&after, &id).await, "dreaming");
    let done = after.get("luma", &format!("/generations/{id}")).await.json();
    assert_eq!(done["state"], "completed");
    let picture = after.result(&done["assets"]["image"]).await;
    assert_eq!((picture.status, picture.header("content-type")), (200, Some("image/jpeg")));
    let states = [luma_state(&after, &failing).await, luma_state(&after, &failing).await];
    assert_eq!((&states[0], luma_state(&after, &failing).await), (&json!("dreaming"), json!("failed")));
    assert_eq!(after.get("luma", &format!("/generations/{forgotten}")).await.status, 404);
    let new = luma_job(&after, &[]).await;
    assert!(![&id, &failing, &forgotten].contains(&&new), "{new} comes twice");
}

#[tokio::test]
async fn uploads_and_jobs_of_all_vendors_stay() {
    let folder = folder();
    let before = lab(folder.path()).await;
    let parts = [("content", Some(("cat.png", "image/png")), b"a cat".as_slice())];
    let file = before.form("replicate", "/files", &parts).await.json();
    let body = json!({"input": {"prompt": "A cat"}});
    let path = "/models/black-forest-labs/flux-1.1-pro/predictions";
    let prediction = before.post("replicate", path, &body).await.json();
    let task = before.post("midjourney", "/mj/submit/imagine", &json!({"prompt": "A cat"})).await.json();
    drop(before);

    let after = lab(folder.path()).await;
    let look = async |service: &str, path: String| after.get(service, &path).await.json();
    let same = look("replicate", format!("/files/{}", file["id"].as_str().unwrap())).await;
    assert_eq!((&same["checksums"], &same["name"]), (&file["checksums"], &file["name"]));
    assert_eq!(same["urls"]["get"], moved(&after, file["urls"]["get"].as_str().unwrap()));
    let path = format!("/predictions/{}", prediction["id"].as_str().unwrap());
    assert_eq!(look("replicate", path).await["status"], "processing");
    let path = format!("/mj/task/{}/fetch", task["result"].as_str().unwrap());
    assert_eq!(look("midjourney", path).await["status"], "IN_PROGRESS");
}

#[tokio::test]
async fn whoever_waits_for_a_callback_gets_it() {
    let (folder, inbox) = (folder(), Inbox::open().await);
    let before = lab(folder.path()).await;
    let id = luma_job(&before, &[("callback_url", json!(inbox.url))]).await;
    drop(before);
    let _after = lab(folder.path()).await;
    let mut states = Vec::new();
    while !states.contains(&json!("completed")) {
        let notes = inbox.take().into_iter().map(|mut note| {
            assert_eq!(note.json["id"], json!(id));
            note.json["state"].take()
        });
        states.extend(notes);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_broken_line_is_left_out() {
    let folder = folder();
    let before = lab(folder.path()).await;
    let id = luma_job(&before, &[]).await;
    drop(before);
    let path = folder.path().join("luma.jsonl");
    let append = |text: &[u8]| OpenOptions::new().append(true).open(&path).unwrap().write_all(text).unwrap();
    append(b"no JSON\n[[\"job\", \"x\", {\"odd\": 1}]]\n[[\"job\", \"cut");
    let between = lab(folder.path()).await;
    let second = luma_job(&between, &[]).await;
    drop(between);
    let after = lab(folder.path()).await;
    assert_eq!(luma_state(&after, &id).await, "dreaming");
    assert_eq!(luma_state(&after, &second).await, "dreaming");
    assert_eq!(after.get("luma", "/generations/x").await.status, 404);
}

#[tokio::test]
async fn a_folder_is_for_one_sandbox_and_can_be_cleared() {
    let folder = folder();
    let before = lab(folder.path()).await;
    let id = luma_job(&before, &[]).await;
    let busy = Folder::open(folder.path().to_owned()).await.unwrap_err();
    assert_eq!(busy.kind(), std::io::ErrorKind::ResourceBusy);
    drop(before);
    Folder::open(folder.path().to_owned()).await.unwrap().clear().unwrap();
    let after = lab(folder.path()).await;
    assert_eq!(after.get("luma", &format!("/generations/{id}")).await.status, 404);
    assert_eq!(luma_job(&after, &[]).await, "00000000-0000-4000-8000-000000000002");
}

#[tokio::test]
async fn payments_and_refunds_stay() {
    let folder = folder();
    let shop = Shop::open().await.restarted(folder.path()).await;
    let paid = shop.pay(json!({})).await;
    shop.press(&paid, "succeed").await;
    let left = shop.pay(json!({})).await;
    shop.press(&left, "cancel").await;
    let open = shop.pay(json!({})).await;
    shop.post("/refunds", &json!({"payment_id": paid["id"], "amount": rub("90.00")})).await;
    let before = [shop.payment(&paid).await, shop.payment(&left).await];
    shop.events().await;

    let shop = shop.restarted(folder.path()).await;
    assert_eq!([shop.payment(&paid).await, shop.payment(&left).await], before);
    assert_eq!(shop.press(&open, "succeed").await["status"], "succeeded");
    assert_eq!(shop.events().await, [("payment.succeeded".to_owned(), open["id"].clone())]);
    let rest = json!({"payment_id": paid["id"], "amount": rub("800.01")});
    assert_eq!(shop.post("/refunds", &rest).await.status, 400);
    let rest = json!({"payment_id": paid["id"], "amount": rub("800.00")});
    assert_eq!(shop.post("/refunds", &rest).await.status, 200);
    let listed = fetch(shop.lab.client.get(shop.lab.control_url() + "/payments")).await.json();
    let ids: Vec<_> = listed["payments"].as_array().unwrap().iter().map(|payment| &payment["id"]).collect();
    assert_eq!(ids, [&paid["id"], &left["id"], &open["id"]]);
    assert_eq!(listed["refunds"].as_array().unwrap().len(), 2);
    check(&listed, &[("/payments/1/cancellation_details/party", json!("yoo_money"))]);
}

#[tokio::test]
async fn an_idempotence_key_is_remembered() {
    let folder = folder();
    let shop = Shop::open().await.restarted(folder.path()).await;
    let body = order(&json!({}));
    let first = shop.post_with("same", "/payments", &body).await.json();
    let shop = shop.restarted(folder.path()).await;
    let again = shop.post_with("same", "/payments", &body).await.json();
    assert_eq!(again["id"], first["id"]);
    let url = first["confirmation"]["confirmation_url"].as_str().unwrap();
    assert_eq!(again["confirmation"]["confirmation_url"], moved(&shop.lab, url));
    let other = order(&json!({"description": "another"}));
    assert_eq!(shop.post_with("same", "/payments", &other).await.status, 400);
    shop.tick_after(crate::shop::DAY_MS).await;
    let shop = shop.restarted(folder.path()).await;
    assert_ne!(shop.post_with("same", "/payments", &body).await.json()["id"], first["id"]);
}

#[tokio::test]
async fn a_saved_method_can_be_charged_until_it_is_revoked() {
    let folder = folder();
    let shop = Shop::open().await.restarted(folder.path()).await;
    let method_id = shop.saved_method().await;
    let shop = shop.restarted(folder.path()).await;
    assert_eq!(shop.charge(&method_id).await["status"], "succeeded");
    shop.fault("method-revoked", 1).await;
    assert_eq!(shop.charge(&method_id).await["status"], "canceled");
    let shop = shop.restarted(folder.path()).await;
    let charge = shop.charge(&method_id).await;
    check(&charge, &[("/cancellation_details/reason", json!("permission_revoked"))]);
}

#[tokio::test]
async fn what_was_not_told_is_told_then() {
    let folder = folder();
    let shop = Shop::open().await.restarted(folder.path()).await;
    let payment = shop.pay(json!({})).await;
    shop.fault("notify-late", 1).await;
    shop.press(&payment, "succeed").await;
    assert_eq!(shop.events().await, []);
    let shop = shop.restarted(folder.path()).await;
    assert_eq!(shop.events().await, [("payment.succeeded".to_owned(), payment["id"].clone())]);
    let shop = shop.restarted(folder.path()).await;
    assert_eq!(shop.events().await, []);
}

#[tokio::test]
async fn a_subscription_in_stars_goes_on_renewing() {
    let folder = folder();
    let bot = Bot::open().await.restarted(folder.path()).await;
    let link = bot.link(&json!({"payload": "order-2"})).await;
    let first = bot.charge(&monthly()).await;
    let bot = bot.restarted(folder.path()).await;
    bot.tick_after(PERIOD_MS).await;
    let renewals = bot.payments().await;
    let [renewal] = renewals.as_slice() else { panic!("{renewals:?}") };
    check(renewal, &[("/invoice_payload", json!("order-1")), ("/total_amount", json!(445))]);
    assert_ne!(renewal["telegram_payment_charge_id"], json!(first));

    let bot = bot.restarted(folder.path()).await;
    let charge = json!({"user_id": 42, "telegram_payment_charge_id": first});
    bot.result("refundStarPayment", &charge).await;
    assert_eq!(bot.pay(&moved(&bot.lab, &link), 42).await["status"], "succeeded");
    let bot = bot.restarted(folder.path()).await;
    assert_eq!(bot.refusal("refundStarPayment", &charge).await.1, "Bad Request: CHARGE_ALREADY_REFUNDED");
    let shown = bot.result("getStarTransactions", &json!({})).await;
    let ids: Vec<_> = shown["transactions"].as_array().unwrap().iter().map(|entry| &entry["id"]).collect();
    assert_eq!((ids.len(), ids[0], ids[2]), (4, &json!(first), &json!(first)));
}

#[tokio::test]
async fn updates_go_on_to_where_the_bot_said() {
    let folder = folder();
    let bot = Bot::open().await.restarted(folder.path()).await;
    let elsewhere = Inbox::replying(crate::bot::agree).await;
    let webhook = json!({"url": elsewhere.url, "secret_token": SECRET});
    bot.result("setWebhook", &webhook).await;
    let link = bot.link(&json!({})).await;
    bot.pay(&link, 42).await;
    bot.lab.sandbox.delivered().await;
    let before = elsewhere.take().pop().unwrap().json["update_id"].as_i64().unwrap();
    let bot = bot.restarted(folder.path()).await;
    assert_eq!(bot.pay(&moved(&bot.lab, &link), 42).await["status"], "succeeded");
    bot.lab.sandbox.delivered().await;
    let numbers = elsewhere.take().into_iter().map(|note| note.json["update_id"].as_i64().unwrap());
    assert_eq!(numbers.collect::<Vec<_>>(), [before + 1, before + 2]);
    assert!(bot.inbox.take().is_empty());
}
