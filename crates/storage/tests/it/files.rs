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
    results_are_kept_with_the_end_of_their_generation,
    nothing_is_charged_without_its_file,
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

async fn results_are_kept_with_the_end_of_their_generation(database: TestDatabase) {
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
    // Entered for a second, before their bytes are stored.
    let enter = async |name: &str| {
        for file in completion(name).files {
            let expires_at = Some(bench.now().plus_ms(1_000));
            create(&bench, account, &FileRecord { expires_at, ..file }).await;
        }
    };
    let end = async |generation_id, resolution| {
        let ended = EndedHold { account_id: account, generation_id, ended_at: bench.now(), resolution };
        bench.storage.ledger().resolve_job(ended).await
    };

    let id = bench.hold(account, 4).await.unwrap().generation_id();
    enter("first").await;
    enter("second").await;
    assert!(end(id, Resolution::Completed(completion("first"))).await.unwrap().is_first);
    // Another worker has the same result, under other names.
    let again = end(id, Resolution::Completed(completion("second"))).await.unwrap();
    assert!(!again.is_first && again.is_completed);
    let generation = bench.storage.generation(account, id).await.unwrap().unwrap();
    assert_eq!(generation.result_file.as_deref(), Some("first"));
    assert_eq!(generation.thumbnail_file.as_deref(), Some("first.small"));

    let id = bench.hold(account, 4).await.unwrap().generation_id();
    enter("late").await;
    assert!(!end(id, failed()).await.unwrap().is_completed);
    assert!(!end(id, Resolution::Completed(completion("late"))).await.unwrap().is_completed);
    assert_eq!(bench.wallet(account).await.permanent_available, 6);

    bench.clock.advance_ms(1_000);
    let expired = bench.storage.expired_files(bench.now(), 10).await.unwrap();
    let mut expired: Vec<_> = expired.into_iter().map(|(_, name)| name).collect();
    expired.sort();
    assert_eq!(expired, ["late", "late.small", "second", "second.small"]);
    for name in ["first", "first.small"] {
        assert!(bench.storage.file(name, bench.now()).await.unwrap().is_some(), "{name}");
    }
    bench.assert_verifies().await;
}

async fn nothing_is_charged_without_its_file(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(0, 10).await;
    let id = bench.hold(account, 4).await.unwrap().generation_id();
    let file = record(&bench, "a", FileKind::Result, None);
    let completion = Completion {
        result_file: Some("a".to_owned()),
        files: vec![file.clone()],
        result_metadata: "{}".to_owned(),
        ..Completion::default()
    };
    let settle = async || {
        let resolution = Resolution::Completed(completion.clone());
        let ended = EndedHold { account_id: account, generation_id: id, ended_at: bench.now(), resolution };
        bench.storage.ledger().resolve_job(ended).await
    };
    assert!(settle().await.is_err(), "it was never entered");
    create(&bench, account, &FileRecord { expires_at: Some(bench.now().plus_ms(1_000)), ..file }).await;
    bench.clock.advance_ms(1_000);
    assert!(settle().await.is_err(), "it may be gone");
    assert_eq!(bench.buckets(account).await, [0, 6, 0, 4]);
    bench.assert_verifies().await;
}
