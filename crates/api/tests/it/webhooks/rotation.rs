//! New secrets, and how long old ones still sign.

use super::{Receiver, generate, listen};
use serde_json::{Value, json};
use testkit::{Account, Service, TestDatabase};

testkit::on_each_database!(
    old_and_new_secrets_sign_for_a_day,
    each_of_several_secrets_signs_for_a_day,
    a_secret_is_the_same_in_every_process,
);

const DAY_MS: i64 = 86_400_000;

async fn rotate(service: &Service, account: &Account, webhook: &Value) -> Value {
    let path = format!("/webhooks/{}/rotate", webhook["id"]);
    let rotated = service.post(&path, &account.key, &json!({})).await.expect(200);
    assert_eq!(rotated["id"], webhook["id"]);
    rotated["secret"].clone()
}

/// Which of `secrets` the next message is signed by.
async fn signers(service: &Service, account: &Account, receiver: &Receiver, secrets: &[&Value]) -> Vec<bool> {
    generate(service, account, "Hello.").await.expect(200);
    assert_eq!(service.deliver().await, 1);
    let message = receiver.messages().await.pop().unwrap();
    let signatures = message.header("webhook-signature").split(' ').count();
    let signed: Vec<bool> = secrets.iter().map(|secret| message.is_signed_by(secret)).collect();
    assert_eq!(signatures, signed.iter().filter(|signed| **signed).count());
    signed
}

async fn old_and_new_secrets_sign_for_a_day(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    let webhook = listen(&service, &account, &receiver, &[]).await;
    let old = webhook["secret"].clone();
    let new = rotate(&service, &account, &webhook).await;
    assert_ne!(old, new);
    assert_eq!(signers(&service, &account, &receiver, &[&old, &new]).await, [true, true]);
    service.clock.advance_ms(DAY_MS - 1);
    assert_eq!(signers(&service, &account, &receiver, &[&old, &new]).await, [true, true]);
    service.clock.advance_ms(1);
    assert_eq!(signers(&service, &account, &receiver, &[&old, &new]).await, [false, true]);
    let newer = rotate(&service, &account, &webhook).await;
    assert_eq!(signers(&service, &account, &receiver, &[&old, &new, &newer]).await, [false, true, true]);
}

/// A client that asks again because it did not get the answer must not lose the secret that its server has.
async fn each_of_several_secrets_signs_for_a_day(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let receiver = Receiver::start().await;
    let webhook = listen(&service, &account, &receiver, &[]).await;
    let mut secrets = vec![webhook["secret"].clone()];
    for _ in 0..3 {
        secrets.push(rotate(&service, &account, &webhook).await);
    }
    let all: Vec<&Value> = secrets.iter().collect();
    assert_eq!(signers(&service, &account, &receiver, &all).await, [true; 4]);
    let last = rotate(&service, &account, &webhook).await;
    let all: Vec<&Value> = secrets.iter().chain([&last]).collect();
    assert_eq!(signers(&service, &account, &receiver, &all).await, [false, true, true, true, true]);
    service.clock.advance_ms(DAY_MS);
    assert_eq!(signers(&service, &account, &receiver, &all).await, [false, false, false, false, true]);
}

async fn a_secret_is_the_same_in_every_process(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    let account = service.account("vip", 0).await;
    let secret = async |service: &Service| service.get("/webhooks/secret", &account.key).await.expect(200);
    assert_eq!(secret(&service).await, secret(&other).await);
}
