//! What is known of files.

use crate::support::{Bench, failed};
use domain::{
    id::AccountId,
    ledger::{EndedHold, Resolution},
    time::Timestamp,
};
use storage::{Completion, FileKind, FileRecord};
use testkit::TestDatabase;

testkit::on_each_database!(
    a_file_is_known_by_its_name,
    a_name_is_given_once,
    files_expire,
    results_are_entered_with_the_end_of_their_generation,
);

fn record(bench: &Bench, name: &str, kind: FileKind, expires_at: Option<Timestamp>) -> FileRecord {
    FileRecord {
        name: name.to_owned(),
        kind,
        content_type: "image/png".to_owned(),
        size_bytes: 5_000_000_000,
        created_at: bench.now(),
        expires_at,
    }
}

async fn create(bench: &Bench, account: AccountId, record: &FileRecord) {
    bench.storage.create_file(account, record.clone()).await.unwrap();
}

async fn a_file_is_known_by_its_name(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let (one, two) = (bench.account(0, 1).await, bench.account(0, 1).await);
    for (account, name, kind) in [
        (one, "a.png", FileKind::Input),
        (two, "b.png", FileKind::Result),
        (two, "c.png", FileKind::Thumbnail),
    ] {
        let record = record(&bench, name, kind, None);
        create(&bench, account, &record).await;
        assert_eq!(bench.storage.file(name, bench.now()).await.unwrap(), Some((account, record)));
    }
    for unknown in ["", "A.PNG", "a.pn", "a.png ", "%", "a_png", "a.png' OR '1'='1"] {
        assert_eq!(bench.storage.file(unknown, bench.now()).await.unwrap(), None, "{unknown}");
    }
    bench.storage.forget_file(two, "b.png").await.unwrap();
    bench.storage.forget_file(two, "b.png").await.unwrap();
    assert_eq!(bench.storage.file("b.png", bench.now()).await.unwrap(), None);
    assert!(bench.storage.file("a.png", bench.now()).await.unwrap().is_some());
}

async fn a_name_is_given_once(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let (one, two) = (bench.account(0, 1).await, bench.account(0, 1).await);
    let first = record(&bench, "a.png", FileKind::Input, None);
    create(&bench, one, &first).await;
    for account in [one, two] {
        assert!(bench.storage.create_file(account, first.clone()).await.is_err());
    }
    assert_eq!(bench.storage.file("a.png", bench.now()).await.unwrap(), Some((one, first)));
}

async fn files_expire(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 1).await;
    for (name, after_ms) in [("c", Some(3_000)), ("a", Some(1_000)), ("b", Some(2_000)), ("kept", None)] {
        let expires_at = after_ms.map(|ms| bench.now().plus_ms(ms));
        create(&bench, account, &record(&bench, name, FileKind::Result, expires_at)).await;
    }
    let expired = async |limit: u64| {
        let files = bench.storage.expired_files(bench.now(), limit).await.unwrap();
        files.into_iter().map(|(_, name)| name).collect::<Vec<_>>()
    };
    bench.clock.advance_ms(999);
    assert!(expired(10).await.is_empty());
    assert!(bench.storage.file("a", bench.now()).await.unwrap().is_some());
    bench.clock.advance_ms(1);
    assert_eq!(expired(10).await, ["a"]);
    assert_eq!(bench.storage.file("a", bench.now()).await.unwrap(), None, "gone before it is removed");
    bench.clock.advance_ms(2_000);
    assert_eq!(expired(10).await, ["a", "b", "c"]);
    assert_eq!(expired(2).await, ["a", "b"], "those that have been due for longest");
    bench.storage.forget_file(account, "a").await.unwrap();
    assert_eq!(expired(10).await, ["b", "c"]);
    assert!(bench.storage.file("kept", bench.now()).await.unwrap().is_some());
}

async fn results_are_entered_with_the_end_of_their_generation(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 10).await;
    let completion = |name: &str| Completion {
        result_file: Some(name.to_owned()),
        thumbnail_file: Some(format!("{name}.small")),
        files: vec![
            record(&bench, name, FileKind::Result, None),
            record(&bench, &format!("{name}.small"), FileKind::Thumbnail, None),
        ],
        result_metadata: "{}".to_owned(),
        ..Completion::default()
    };
    let end = async |generation_id, resolution| {
        let ended = EndedHold { account_id: account, generation_id, ended_at: bench.now(), resolution };
        bench.storage.ledger().resolve_job(ended).await.unwrap()
    };
    let is_known = async |name: &str| bench.storage.file(name, bench.now()).await.unwrap().is_some();

    let id = bench.hold(account, 4).await.unwrap().generation_id();
    assert!(end(id, Resolution::Completed(completion("first"))).await.is_first);
    // Another worker has the same result, under other names.
    let again = end(id, Resolution::Completed(completion("second"))).await;
    assert!(!again.is_first && again.is_completed);
    let generation = bench.storage.generation(account, id).await.unwrap().unwrap();
    assert_eq!(generation.result_file.as_deref(), Some("first"));
    assert_eq!(generation.thumbnail_file.as_deref(), Some("first.small"));
    assert!(is_known("first").await && is_known("first.small").await);
    assert!(!is_known("second").await && !is_known("second.small").await);

    let id = bench.hold(account, 4).await.unwrap().generation_id();
    assert!(!end(id, failed()).await.is_completed);
    assert!(!end(id, Resolution::Completed(completion("late"))).await.is_completed);
    assert!(!is_known("late").await);
    assert_eq!(bench.wallet(account).await.permanent_available, 6);
    bench.assert_verifies().await;
}
