//! What the commands of an operator do and print.

use crate::installation::Installation;
use serde_json::{Value, json};
use testkit::{Backend, TestDatabase};

testkit::on_each_database!(accounts_and_keys, the_ledger_is_verified, the_report_adds_up,);

#[tokio::test]
async fn every_command_explains_itself() {
    let database = testkit::empty_database(Backend::Sqlite).await.unwrap();
    let installation = Installation::new(database);
    for command in [
        "",
        "demo",
        "serve",
        "worker",
        "migrate",
        "try",
        "doctor",
        "billing",
        "billing report",
        "payments",
        "payments list",
        "payments show",
        "payments refund",
        "payments reconcile",
        "payments resolve",
        "ledger",
        "ledger verify",
        "account",
        "account create",
        "account find",
        "account grant",
        "account take",
        "account suspend",
        "account resume",
        "account password",
        "account end-sessions",
        "account erase",
        "generation",
        "generation show",
        "generation refund",
        "audit",
        "key",
        "key create",
        "key list",
        "key revoke",
    ] {
        let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
        let said = installation.run(&arguments).succeeded();
        assert!(said.stdout.contains("Usage: neuralbox"), "{said:?}");
    }
    for wrong in ["sell", "serve --fast", "account create --email a@example.org", "key list", "ledger", "try"]
    {
        let said = installation.run(&wrong.split_whitespace().collect::<Vec<_>>());
        assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn migrating_twice_changes_nothing() {
    for backend in [Backend::Sqlite, Backend::Postgres] {
        let Some(database) = testkit::empty_database(backend).await else { continue };
        let installation = Installation::new(database);
        let first = installation.run(&["migrate"]).succeeded();
        let second = installation.run(&["migrate"]).succeeded();
        assert_ne!(first.stdout, second.stdout);
        assert_eq!(installation.json(&["ledger", "verify", "--json"])["wallets"], 0);
    }
}

async fn accounts_and_keys(database: TestDatabase) {
    let installation = Installation::new(database);
    let create = |email: &str, plan: &str| {
        installation.run(&["account", "create", "--email", email, "--plan", plan, "--tokens", "5", "--json"])
    };
    let created = create("Anna@example.org", "vip").succeeded().json();
    assert_eq!(created.as_object().unwrap().len(), 2);
    let id = created["account_id"].as_i64().unwrap();
    check_key(&created["api_key"]);
    create("anna@EXAMPLE.org", "vip").failed("an account with this e-mail address exists");
    create("boris@example.org", "gold").failed("plan: is no plan (allowed: free, basic, pro, vip, elite)");
    create("nobody", "vip").failed("email");

    let grant = |account: [&str; 2], tokens: &str| {
        installation.run(&["account", "grant", account[0], account[1], "--tokens", tokens, "--json"])
    };
    let granted = grant(["--email", "anna@example.org"], "10").succeeded().json();
    assert_eq!(granted, json!({ "account_id": id, "token_balance": 1_515 }));
    let granted = grant(["--account", &id.to_string()], "1").succeeded().json();
    assert_eq!(granted, json!({ "account_id": id, "token_balance": 1_516 }));
    grant(["--email", "carl@example.org"], "1").failed("there is no such account");
    grant(["--account", &id.to_string()], "0").failed("tokens");

    let account = ["--email", "anna@example.org"];
    let key = |arguments: &[&str]| installation.run(&[&["key"], arguments, &account].concat());
    let second = key(&["create", "--json", "--name", "second"]).succeeded().json();
    check_key(&second["api_key"]);
    let list = |expected: usize| -> Vec<Value> {
        let list = key(&["list", "--json"]).succeeded().json();
        assert_eq!(list["total"], expected, "{list:#}");
        list["items"].as_array().unwrap().clone()
    };
    let keys = list(2);
    assert_eq!((&keys[1]["id"], &keys[1]["name"]), (&second["id"], &json!("second")));
    for (shown, whole) in keys.iter().zip([&created, &second]) {
        let prefix = shown["prefix"].as_str().unwrap();
        assert!(prefix.len() < 16 && whole["api_key"].as_str().unwrap().starts_with(prefix), "{shown}");
        assert_eq!(shown["revoked_at"], Value::Null);
    }
    let revoke = ["revoke", "--key", &second["id"].to_string()];
    key(&revoke).succeeded();
    key(&revoke).failed("there is no such key");
    assert!(list(2)[1]["revoked_at"].is_string());
}

fn check_key(key: &Value) {
    let key = key.as_str().unwrap();
    assert!(key.len() == 48 && key.starts_with("nb_"), "{key}");
}

async fn the_ledger_is_verified(database: TestDatabase) {
    let installation = Installation::new(database);
    installation.account("anna@example.org", 7);
    let verify = || installation.run(&["ledger", "verify", "--json"]);
    let clean = json!({
        "clean": true, "wallets": 1, "entries": 2, "generations": 0, "open_holds": 0, "problems": [],
    });
    assert_eq!(verify().succeeded().json(), clean);
    let harm = "UPDATE wallets SET permanent_available = permanent_available + 1";
    installation.database.execute(harm).await.unwrap();
    let said = verify();
    assert_eq!(said.code, Some(1), "{said:?}");
    let report = said.json();
    assert_eq!((&report["clean"], report["problems"].as_array().unwrap().len()), (&json!(false), 1));
    assert_eq!(installation.run(&["ledger", "verify"]).code, Some(1));
    assert_eq!(installation.run(&["worker", "--once"]).succeeded().stdout.lines().count(), 1);
    // A rehearsal that could charge somebody is none.
    let live = installation
        .with("NEURALBOX__PAYMENTS__YOOKASSA__SHOP_ID", "100500")
        .with("NEURALBOX__PAYMENTS__YOOKASSA__SECRET_KEY", "test_key");
    let rehearsal = live.run(&["worker", "--as-of", "2030-01-01T00:00:00Z"]);
    rehearsal.failed("--as-of is for rehearsal, and payments.yookassa is the real one");
}

async fn the_report_adds_up(database: TestDatabase) {
    let installation = Installation::new(database);
    let account = ["account", "create", "--email", "anna@example.org", "--plan", "basic", "--tokens", "5"];
    installation.run(&account).succeeded();
    let report = |format: &[&str]| {
        let time = ["billing", "report", "--from", "2000-01-01", "--to", "2100-01-01T00:00:00Z"];
        installation.run(&[time.as_slice(), format].concat())
    };
    let said = report(&["--json"]).succeeded().json();
    assert_eq!(said["clean"], true);
    assert_eq!((&said["accounts"], &said["entries"]), (&json!(1), &json!(2)));
    assert_eq!((&said["kopecks_per_usd"], &said["kopecks_per_star"]), (&json!(9_200), &json!(120)));
    let granted = json!([
        { "reason": "allowance", "tokens": 300, "paid_kopecks": 0 },
        { "reason": "grant", "tokens": 5, "paid_kopecks": 0 },
    ]);
    assert_eq!(said["granted"], granted);
    // The cycle is over by then, whether it is swept or not.
    assert_eq!(said["liability"][2], json!({ "bucket": "all", "tokens": 5, "worth_kopecks": 0 }));
    let csv = report(&["--csv"]).succeeded().stdout;
    for line in ["table,of,measure,value", "granted,grant,tokens,5", "tokens,closing,plan_tokens,300"] {
        assert!(csv.lines().any(|found| found == line), "{line}: {csv}");
    }
    let text = report(&[]).succeeded().stdout;
    assert!(text.contains("every wallet is what its entries say"), "{text}");
    let dearer = report(&["--json", "--kopecks-per-usd", "10000"]).succeeded().json();
    assert_eq!(dearer["kopecks_per_usd"], 10_000);
    assert_eq!(report(&["--json", "--csv"]).code, Some(2));
    report(&["--kopecks-per-usd", "0"]).failed("kopecks_per_usd: must be above 0");
    let wrong = |from, to| installation.run(&["billing", "report", "--from", from, "--to", to]);
    wrong("yesterday", "2027-01-01").failed("--from must be a day");
    wrong("2027-01-01", "2027-13-01").failed("--to must be a day");
    wrong("2027-01-01", "2027-01-01").failed("to: must be later than from");

    let damage = "UPDATE wallets SET permanent_available = permanent_available + 1";
    installation.database.execute(damage).await.unwrap();
    let said = report(&["--json"]);
    assert_eq!(said.code, Some(1));
    assert_eq!(said.json()["problems"][0]["message"], "permanent tokens: wallet 6, entries 5");
}
