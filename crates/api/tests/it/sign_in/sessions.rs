//! How long a sign-in lasts, and how it ends.

use super::{PASSWORD, cookie_of, log_in, me, refresh, register, signed_in, with_cookie};
use crate::refused;
use domain::time::DAY_MS;
use futures_util::future::join_all;
use reqwest::Method;
use testkit::{Service, TestDatabase, send};

testkit::on_each_database!(
    an_access_token_lasts_a_quarter_of_an_hour,
    a_refresh_token_is_good_once,
    of_many_refreshes_at_once_one_wins,
    a_sign_in_ends_when_its_time_is_up,
    signing_out_ends_one_sign_in_everywhere,
    an_operator_ends_all_sign_ins,
    the_oldest_sign_ins_give_way,
);

const MINUTE_MS: i64 = 60_000;

async fn an_access_token_lasts_a_quarter_of_an_hour(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    let ann = register(&service, "ann@example.org").await;
    service.clock.advance_ms(15 * MINUTE_MS - 1);
    for service in [&service, &other] {
        me(service, ann.access()).await.expect(200);
    }
    service.clock.advance_ms(1);
    for service in [&service, &other] {
        let reply = me(service, ann.access()).await;
        refused(&reply, 401, "token_expired");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        refused(&service.generate(ann.access(), "gpt-5-nano", "hello").await, 401, "token_expired");
    }
    let forged = format!("{}x", ann.access());
    refused(&me(&service, &forged).await, 401, "not_authenticated");
    // The sign-in goes on.
    let reply = refresh(&other, &ann.cookie).await;
    reply.expect(200);
    me(&service, signed_in(&reply).access()).await.expect(200);
}

async fn a_refresh_token_is_good_once(database: TestDatabase) {
    let service = Service::start(&database).await;
    let ann = register(&service, "ann@example.org").await;
    let elsewhere = signed_in(&log_in(&service, "ann@example.org", PASSWORD).await);
    let second = refresh(&service, &ann.cookie).await;
    assert_eq!(second.expect(200)["expires_in"], 900);
    let second = signed_in(&second);
    let third = refresh(&service, &second.cookie).await;
    third.expect(200);
    let third = signed_in(&third);
    // Any earlier one ends all that came of the same sign-in.
    let reply = refresh(&service, &ann.cookie).await;
    refused(&reply, 401, "not_authenticated");
    assert_eq!(cookie_of(&reply), "");
    refused(&refresh(&service, &third.cookie).await, 401, "not_authenticated");
    for person in [&ann, &second, &third] {
        refused(&me(&service, person.access()).await, 401, "not_authenticated");
    }
    // Another sign-in of the same person has nothing to do with it.
    me(&service, elsewhere.access()).await.expect(200);
    refresh(&service, &elsewhere.cookie).await.expect(200);
    for nothing in ["", "nonsense", &"A".repeat(64), &"A".repeat(5_000)] {
        refused(&refresh(&service, nothing).await, 401, "not_authenticated");
    }
    refused(&service.post("/auth/refresh", "", &serde_json::json!({})).await, 401, "not_authenticated");
}

async fn of_many_refreshes_at_once_one_wins(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    let ann = register(&service, "ann@example.org").await;
    let replies = (0..8).map(|number| refresh([&service, &other][number % 2], &ann.cookie));
    let replies = join_all(replies).await;
    let winners: Vec<_> = replies.iter().filter(|reply| reply.status == 200).collect();
    assert_eq!(winners.len(), 1, "{replies:?}");
    for reply in replies.iter().filter(|reply| reply.status != 200) {
        // Nothing is gained by sending it again: by then it would be used twice.
        refused(reply, 401, "not_authenticated");
        assert_eq!(reply.header("retry-after"), None);
    }
    // Whoever read the token while it was good leaves the browser the winner's cookie; whoever came later has used it twice.
    let was_reused = replies.iter().any(|reply| reply.header("set-cookie").is_some() && reply.status == 401);
    let next = refresh(&service, &signed_in(winners[0]).cookie).await;
    assert_eq!(next.status, if was_reused { 401 } else { 200 }, "{next:?}");
}

async fn a_sign_in_ends_when_its_time_is_up(database: TestDatabase) {
    let service = Service::start(&database).await;
    let mut ann = register(&service, "ann@example.org").await;
    for _ in 0..29 {
        service.clock.advance_ms(DAY_MS);
        let reply = refresh(&service, &ann.cookie).await;
        reply.expect(200);
        ann = signed_in(&reply);
    }
    service.clock.advance_ms(DAY_MS - 10 * MINUTE_MS);
    let reply = refresh(&service, &ann.cookie).await;
    assert!(reply.header("set-cookie").unwrap().contains("; Max-Age=600; "), "{reply:?}");
    let ann = signed_in(&reply);
    me(&service, ann.access()).await.expect(200);
    service.clock.advance_ms(10 * MINUTE_MS);
    refused(&refresh(&service, &ann.cookie).await, 401, "not_authenticated");
    refused(&me(&service, ann.access()).await, 401, "not_authenticated");
    let auditor = database.auditor().await;
    assert_eq!(auditor.read("sessions", &["account_id"]).await.len(), 1);
    service.app.recover().await.unwrap();
    for table in ["sessions", "session_directory"] {
        assert_eq!(auditor.read(table, &["account_id"]).await.len(), 0);
    }
    log_in(&service, "ann@example.org", PASSWORD).await.expect(200);
}

async fn signing_out_ends_one_sign_in_everywhere(database: TestDatabase) {
    let service = Service::start(&database).await;
    let other = service.another(&database).await;
    let ann = register(&service, "ann@example.org").await;
    let elsewhere = signed_in(&log_in(&service, "ann@example.org", PASSWORD).await);
    for service in [&service, &other] {
        me(service, ann.access()).await.expect(200);
    }
    let reply = send(with_cookie(&service, "logout", &ann.cookie)).await;
    assert_eq!((reply.status, cookie_of(&reply).as_str()), (204, ""));
    assert!(reply.header("set-cookie").unwrap().contains("; Max-Age=0; "), "{reply:?}");
    refused(&me(&service, ann.access()).await, 401, "not_authenticated");
    service.clock.advance_ms(5_000);
    refused(&me(&other, ann.access()).await, 401, "not_authenticated");
    refused(&refresh(&other, &ann.cookie).await, 401, "not_authenticated");
    me(&other, elsewhere.access()).await.expect(200);
    // Without the cookie the access token says which; without either nothing happens.
    let reply = send(service.request(Method::POST, "/api/v2/auth/logout", elsewhere.access())).await;
    assert_eq!(reply.status, 204);
    refused(&me(&service, elsewhere.access()).await, 401, "not_authenticated");
    for cookie in [&ann.cookie, &String::new()] {
        assert_eq!(send(with_cookie(&service, "logout", cookie)).await.status, 204);
    }
}

async fn an_operator_ends_all_sign_ins(database: TestDatabase) {
    let service = Service::start(&database).await;
    let ann = register(&service, "ann@example.org").await;
    let bob = register(&service, "bob@example.org").await;
    me(&service, ann.access()).await.expect(200);
    service.app.end_sessions(ann.account.id).await.unwrap();
    refused(&me(&service, ann.access()).await, 401, "not_authenticated");
    refused(&refresh(&service, &ann.cookie).await, 401, "not_authenticated");
    me(&service, bob.access()).await.expect(200);
    log_in(&service, "ann@example.org", PASSWORD).await.expect(200);
}

async fn the_oldest_sign_ins_give_way(database: TestDatabase) {
    let service = Service::start(&database).await;
    let ann = register(&service, "ann@example.org").await;
    for _ in 0..100 {
        service.clock.advance_ms(1);
        log_in(&service, "ann@example.org", PASSWORD).await.expect(200);
    }
    refused(&refresh(&service, &ann.cookie).await, 401, "not_authenticated");
    let auditor = database.auditor().await;
    for table in ["sessions", "session_directory"] {
        assert_eq!(auditor.read(table, &["account_id"]).await.len(), 100);
    }
}
