//! Whose a key is that was used a moment ago: its form, its hash, and what is remembered of it.

use divan::{Bencher, black_box};
use testkit::{Backend, Service};
use tokio::runtime::Builder;

#[divan::bench]
fn authenticate_a_key(bencher: Bencher<'_, '_>) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (_database, service, account) = runtime.block_on(async {
        let database = testkit::database(Backend::Sqlite).await.expect("a database");
        let service = Service::start(&database).await;
        let account = service.account("vip", 0).await;
        (database, service, account)
    });
    bencher.bench_local(|| {
        runtime.block_on(service.app.authenticate(black_box(&account.key))).expect("a caller")
    });
}
