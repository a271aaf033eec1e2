//! What operators do by command line to accounts and generations, and the trail that it leaves.

use crate::installation::{Installation, Said};
use domain::time::DAY_MS;
use serde_json::{Value, json};
use testkit::{Account, Service, Setup, TestDatabase};

testkit::on_each_database!(
    an_account_is_found,
    tokens_are_taken,
    an_account_is_suspended_resumed_and_erased,
    an_owner_signs_in_by_the_password_that_was_set,
    a_charge_is_given_back,
    every_command_that_changes_something_is_in_the_trail,
);

/// A service that goes by the time of the machine, as the commands do; and the commands, on its database.
async fn beside(database: TestDatabase) -> (Service, Installation) {
    let service = Service::start_with(&database, Setup { callbacks: true, ..Setup::default() }).await;
    let base_url = |name: &str| service.sandbox.base_url(name).unwrap();
    let installation = Installation::new(database)
        .with("NEURALBOX_OPERATOR", "ann")
        .with("NEURALBOX__PAYMENTS__YOOKASSA__SHOP_ID", "100500")
        .with("NEURALBOX__PAYMENTS__YOOKASSA__SECRET_KEY", "test_key")
        .with("NEURALBOX__PAYMENTS__YOOKASSA__BASE_URL", &base_url("yookassa"));
    (service, installation)
}

impl Installation {
    /// `neuralbox account …` on an account.
    fn account_do(&self, what: &str, account: &Account, more: &[&str]) -> Said {
        let id = account.id.to_string();
        self.run(&[&["account", what, "--account", &id], more].concat())
    }

    fn trail(&self, more: &[&str]) -> Vec<Value> {
        self.json(&[&["audit", "--json"], more].concat()).as_array().unwrap().clone()
    }
}

async fn an_account_is_found(database: TestDatabase) {
    let (service, installation) = beside(database).await;
    let account = service.account("free", 7).await;
    service.account("vip", 0).await;
    service.subscribe(&account, "basic", "yookassa").await;
    service.order_package(&account, "light", "yookassa").await.expect(201);
    let spender = service.spender().await;
    spender.hold(&account, 5).await.unwrap();
    let id = account.id.to_string();
    let found = installation.json(&["account", "find", "--id", &id, "--json"]);
    for (field, expected) in [
        ("id", json!(account.id)),
        ("state", json!("active")),
        ("plan", json!("basic")),
        ("held_tokens", json!(5)),
        ("plan_tokens", json!(295)),
        ("permanent_tokens", json!(57)),
        ("token_balance", json!(352)),
        ("owed_tokens", json!(0)),
    ] {
        assert_eq!(found[field], expected, "{field} of {found:#}");
    }
    assert_eq!(
        (&found["cycle"]["plan"], &found["subscription"]["status"]),
        (&json!("basic"), &json!("active"))
    );
    assert_eq!(
        (&found["keys"][0]["id"], &found["keys"][0]["state"]),
        (&json!(account.key_id), &json!("valid"))
    );
    let paid: Vec<&Value> = found["payments"].as_array().unwrap().iter().map(|row| &row["item"]).collect();
    assert_eq!(paid, ["light", "basic"]);

    let email = found["email"].as_str().unwrap();
    let same = |name: &str, value: &str| installation.json(&["account", "find", name, value, "--json"]);
    assert_eq!(same("--email", &email.to_uppercase())["id"], found["id"]);
    for key in [&account.key[..10], &account.key] {
        assert_eq!(same("--key", key)["id"], found["id"]);
    }
    let text = installation.run(&["account", "find", "--id", &id]).succeeded().stdout;
    assert!(text.contains("active") && text.contains("light") && text.contains(&account.key[..10]), "{text}");
    assert!(!text.contains(&account.key), "{text}");
    let failed = |name: &str, value: &str, why: &str| {
        installation.run(&["account", "find", name, value]).failed(why);
    };
    failed("--id", "999999", "there is no such account");
    failed("--email", "nobody@example.org", "there is no such account");
    failed("--key", "nb_short", "key: must be the first 10 characters");
    failed("--key", "nb_nobody1", "there is no such key");
    assert_eq!(installation.run(&["account", "find"]).code, Some(2));
}

async fn tokens_are_taken(database: TestDatabase) {
    let (service, installation) = beside(database).await;
    let account = service.account("vip", 20).await;
    let take = |tokens: &str, why: &str| {
        installation.account_do("take", &account, &["--tokens", tokens, "--reason", why])
    };
    take("21", "a gift by mistake").failed("the account has 20 permanent tokens that no generation holds");
    take("0", "x").failed("tokens: is out of range");
    take("1", "").failed("--reason must have 1 to 250 printable characters");
    assert!(take("15", "a gift by mistake").succeeded().stdout.contains("can spend 1505 tokens"));
    assert_eq!(service.balance(&account.key).await, 1_505);
    assert_eq!(installation.account_do("take", &account, &["--tokens", "1"]).code, Some(2));
    installation
        .run(&["account", "take", "--account", "1", "--tokens", "1", "--reason", "x"])
        .failed("no such account");
    service.assert_verifies().await;
}

async fn an_account_is_suspended_resumed_and_erased(database: TestDatabase) {
    let (service, installation) = beside(database).await;
    let account = service.account("vip", 20).await;
    let state = || {
        let id = account.id.to_string();
        installation.json(&["account", "find", "--id", &id, "--json"])["state"].clone()
    };
    installation.account_do("suspend", &account, &["--reason", "charged back"]).succeeded();
    assert_eq!(state(), "suspended");
    assert_eq!(service.get("/balance", &account.key).await.status, 401);
    installation.account_do("resume", &account, &[]).succeeded();
    assert_eq!(state(), "active");
    let ended = installation.account_do("end-sessions", &account, &["--json"]).succeeded().json();
    assert_eq!(ended, json!({ "account_id": account.id, "state": "signed_out" }));
    installation.account_do("erase", &account, &[]).failed("say --yes to do it");
    assert_eq!(state(), "active");
    installation.account_do("erase", &account, &["--yes", "--reason", "asked for by mail"]).succeeded();
    assert_eq!(state(), "erased");
    installation.account_do("suspend", &account, &["--reason", "x"]).failed("there is no such account");
    // The trail knows the account, and nothing of the person.
    let trail = installation.trail(&["--account", &account.id.to_string()]);
    assert!(trail.iter().all(|entry| !entry.to_string().contains("@example.org")), "{trail:#?}");
    for what in ["suspend", "resume", "end-sessions", "erase"] {
        installation
            .run(&["account", what, "--account", "1", "--reason", "x"])
            .failed("there is no such account");
    }
}

async fn a_charge_is_given_back(database: TestDatabase) {
    let (service, installation) = beside(database).await;
    let account = service.account("vip", 20).await;
    let made = service.generate(&account.key, "gpt-5", "hello").await.expect(200);
    assert_eq!(service.balance(&account.key).await, 1_518);
    let id = made["id"].to_string();
    let shown = installation.json(&["generation", "show", &id, "--json"]);
    for (field, expected) in [
        ("account_id", json!(account.id)),
        ("status", json!("completed")),
        ("price_tokens", json!(2)),
        ("plan_tokens", json!(2)),
        ("permanent_tokens", json!(0)),
        ("refunded_tokens", Value::Null),
    ] {
        assert_eq!(shown[field], expected, "{field} of {shown:#}");
    }
    assert!(!shown.to_string().contains("hello"), "{shown:#}");
    let refund =
        |id: &str| installation.run(&["generation", "refund", id, "--reason", "a blank answer", "--json"]);
    let expected = |is_repeat: bool| {
        json!({
            "generation_id": made["id"], "account_id": account.id, "price_tokens": 2, "plan_tokens": 2,
            "permanent_tokens": 0, "expired_tokens": 0, "was_refunded_before": is_repeat,
        })
    };
    assert_eq!(refund(&id).succeeded().json(), expected(false));
    assert_eq!(refund(&id).succeeded().json(), expected(true));
    assert_eq!(service.balance(&account.key).await, 1_520);
    let record = service.get(&format!("/generate/{id}"), &account.key).await.expect(200);
    assert_eq!((&record["status"], &record["tokens_spent"]), (&json!("completed"), &json!(2)));
    assert_eq!(record["tokens_refunded"], 2, "{record:#}");
    // What was used stays counted as used.
    let stats = service.get("/user/stats", &account.key).await.expect(200);
    assert_eq!(stats["tokens_spent_total"], 2, "{stats:#}");

    let failed = service.generate(&account.key, "gpt-5", "[[fault:refuse]]").await.expect(422);
    refund(&failed["details"]["generation_id"].to_string())
        .failed("generation: the generation was not charged");
    refund("999999").failed("there is no such generation");
    installation.run(&["generation", "show", &id, "--account", "1"]).failed("there is no such generation");

    // Of what was paid with a cycle's last tokens, only the permanent ones come back once the cycle is over.
    let (spender, mut ids) = (service.spender().await, Vec::new());
    for price in [1_490, 15] {
        let id = spender.hold(&account, price).await.unwrap();
        spender.end(account.id, id, true).await;
        ids.push(id.to_string());
    }
    let past = "UPDATE wallets SET cycle_starts_at_ms = 1, cycle_ends_at_ms = 2, cycle_plan_until_ms = 2";
    installation.database.execute(past).await.unwrap();
    refund(&ids[0]).failed("whose cycle is over: they have expired, and do not come back");
    let told = installation.run(&["generation", "refund", &ids[1], "--reason", "a blank answer"]).succeeded();
    assert!(told.stdout.contains("0 plan tokens and 5 permanent ones come back"), "{told:?}");
    assert!(told.stdout.contains("10 plan tokens do not: their cycle is over"), "{told:?}");
    service.assert_verifies().await;
}

async fn every_command_that_changes_something_is_in_the_trail(database: TestDatabase) {
    let (service, installation) = beside(database).await;
    let account = service.account("free", 0).await;
    let id = account.id.to_string();
    assert_eq!(installation.run(&["audit"]).succeeded().stdout.trim(), "no operator has done anything");
    installation.account_do("grant", &account, &["--tokens", "9", "--reason", "sorry"]).succeeded();
    installation.account_do("take", &account, &["--tokens", "99", "--reason", "oops"]).failed("tokens");
    let key = installation.json(&["key", "create", "--account", &id, "--json"])["id"].to_string();
    installation.run(&["key", "revoke", "--account", &id, "--key", &key]).succeeded();
    installation.run(&["key", "revoke", "--account", &id, "--key", &key]).failed("there is no such key");
    let order = service.order_package(&account, "light", "yookassa").await.expect(201);
    service.confirm(&order, "succeed").await.expect(200);
    let payment = order["payment_id"].to_string();
    let refund = ["payments", "refund", &payment, "--reason", "asked for by mail", "--operator", "boris"];
    installation.run(&[&refund[..], &["--dry-run"]].concat()).succeeded();
    installation.run(&refund).succeeded();
    installation.database.execute("UPDATE payments SET attention = 'nobody knows'").await.unwrap();
    installation.run(&["payments", "resolve", &payment]).succeeded();
    let created = ["account", "create", "--email", "carl@example.org", "--plan", "free", "--json"];
    let carl = installation.json(&created)["account_id"].clone();

    let mut trail = installation.trail(&[]);
    trail.reverse();
    let told: Vec<[&str; 4]> = trail
        .iter()
        .map(|entry| {
            ["operator", "command", "reason", "outcome"].map(|name| entry[name].as_str().unwrap_or_default())
        })
        .collect();
    assert_eq!(
        told,
        [
            ["ann", "account grant", "sorry", "done"],
            ["ann", "account take", "oops", "refused"],
            ["ann", "key create", "", "begun"],
            ["ann", "key create", "", "done"],
            ["ann", "key revoke", "", "begun"],
            ["ann", "key revoke", "", "done"],
            ["ann", "key revoke", "", "begun"],
            ["ann", "key revoke", "", "refused"],
            ["boris", "payments refund", "asked for by mail", "begun"],
            ["boris", "payments refund", "asked for by mail", "done"],
            ["ann", "payments resolve", "", "begun"],
            ["ann", "payments resolve", "", "done"],
            ["ann", "account create", "", "begun"],
            ["ann", "account create", "", "done"],
        ],
        "{trail:#?}"
    );
    assert_eq!(trail[0]["details"], "9 tokens");
    assert_eq!(trail[3]["details"], json!(format!("key {key}")));
    assert!(
        trail[9]["details"].as_str().unwrap().contains("449.00 RUB, 100 tokens: succeeded"),
        "{:#}",
        trail[9]
    );
    assert_eq!(trail[3]["begun_id"], trail[2]["id"]);
    assert!(trail[..12].iter().all(|entry| entry["account_id"] == json!(account.id)), "{trail:#?}");
    assert_eq!((&trail[12]["account_id"], &trail[13]["account_id"]), (&Value::Null, &carl));

    assert_eq!(installation.trail(&["--account", &id]).len(), 12);
    assert_eq!(installation.trail(&["--limit", "3"]).len(), 3);
    let now = service.app.clock().now();
    let (yesterday, tomorrow) = (now.plus_ms(-DAY_MS).to_string(), now.plus_ms(DAY_MS).to_string());
    assert_eq!(installation.trail(&["--from", &yesterday, "--to", &tomorrow]).len(), 14);
    assert_eq!(installation.trail(&["--from", &tomorrow]).len(), 0);
    installation.run(&["audit", "--from", "soon"]).failed("--from must be a day");
    assert_eq!(installation.run(&["audit", "--limit", "0"]).code, Some(2));
    let text = installation.run(&["audit"]).succeeded().stdout;
    assert!(text.contains("payments refund") && text.contains("sorry"), "{text}");
    installation
        .account_do("grant", &account, &["--tokens", "1", "--operator", ""])
        .failed("the operator's name must have");
}

async fn an_owner_signs_in_by_the_password_that_was_set(database: TestDatabase) {
    let (service, installation) = beside(database).await;
    let (id, _) = installation.account("anna@example.org", 0);
    let log_in = async |password: &str| {
        let body = json!({ "email": "anna@example.org", "password": password });
        service.post("/auth/login", "", &body).await
    };
    log_in("correct horse").await.expect(401);
    let set = |input: &str| {
        installation.run_reading(input, &["account", "password", "--email", "anna@example.org", "--json"])
    };
    let said = set("correct horse\n").succeeded();
    assert_eq!(said.json(), json!({ "account_id": id, "state": "password_set" }));
    assert_eq!(log_in("correct horse").await.expect(200)["user"]["id"], id);
    set("short\n").failed("password: ");
    set("").failed("password: ");
    set("battery staple").succeeded();
    log_in("correct horse").await.expect(401);
    log_in("battery staple").await.expect(200);
    let trail = installation.trail(&["--account", &id.to_string()]);
    assert!(trail.iter().any(|entry| entry["command"] == "account password"), "{trail:#?}");
    assert!(!format!("{trail:?}").contains("staple"), "{trail:#?}");
}
