//! The demo is the first thing that anybody runs.

use crate::installation::Installation;
use testkit::Backend;

#[tokio::test]
async fn demo_walks() {
    let installation = Installation::new(testkit::empty_database(Backend::Sqlite).await.unwrap());
    let said = installation.run(&["demo", "--once"]).succeeded();
    assert!(said.stdout.contains("calculate-price"), "{said:?}");
}
