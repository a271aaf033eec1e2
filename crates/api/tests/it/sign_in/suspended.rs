//! Accounts with which nothing can be done.

use super::{PASSWORD, log_in, me, refresh, register};
use crate::refused;
use testkit::{Reply, Service, TestDatabase};

testkit::on_each_database!(a_suspended_account_can_do_nothing);

fn suspended(reply: &Reply) {
    refused(reply, 401, "not_authenticated");
    assert_eq!(reply.json()["message"], "this account is suspended");
}

async fn a_suspended_account_can_do_nothing(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    let (ann, vip) = (register(&service, "ann@example.org").await, service.account("vip", 0).await);
    for service in [&service, &other] {
        me(service, ann.access()).await.expect(200);
        me(service, &vip.key).await.expect(200);
    }
    for account in [ann.account.id, vip.id] {
        service.app.suspend_account(account).await.unwrap();
    }
    for key in [ann.access(), &vip.key] {
        suspended(&me(&service, key).await);
        suspended(&service.generate(key, "gpt-5-nano", "hello").await);
    }
    service.clock.advance_ms(5_000);
    for key in [ann.access(), &vip.key] {
        suspended(&me(&other, key).await);
    }
    suspended(&refresh(&service, &ann.cookie).await);
    suspended(&log_in(&service, "ann@example.org", PASSWORD).await);
    // Only who knows the password is told.
    let reply = log_in(&service, "ann@example.org", "wrong password").await;
    refused(&reply, 401, "not_authenticated");
    assert_ne!(reply.json()["message"], "this account is suspended");
    for account in [ann.account.id, vip.id] {
        service.app.resume_account(account).await.unwrap();
    }
    for key in [ann.access(), &vip.key] {
        me(&service, key).await.expect(200);
    }
    log_in(&service, "ann@example.org", PASSWORD).await.expect(200);
    assert!(service.app.suspend_account(domain::id::AccountId(1 << 40)).await.is_err());
    assert_eq!(service.calls().await, 0);
}
