//! The demo is the first thing that anybody runs.

use crate::installation::Installation;
use std::{path::PathBuf, time::Duration};
use testkit::Backend;

/// The walk waits for a film.
const WALK: Duration = Duration::from_secs(90);

#[tokio::test]
async fn demo_walks_and_leaves_what_it_made() {
    let installation = Installation::new(testkit::empty_database(Backend::Sqlite).await.unwrap());
    let folder = tempfile::tempdir().unwrap();
    let installation = installation.with("TMPDIR", folder.path().to_str().unwrap());
    let said = installation.run_within(&["demo", "--once"], WALK).succeeded();
    assert!(said.stdout.contains("calculate-price"), "{said:?}");
    let left: Vec<PathBuf> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    let [saved] = left.as_slice() else { panic!("the demo leaves {left:?}") };
    for name in ["picture.webp", "film.mp4", "song.mp3"] {
        let path = saved.join(name);
        assert!(said.stdout.contains(path.to_str().unwrap()), "{said:?}");
        assert!(std::fs::metadata(&path).unwrap().len() > 0, "{name}");
    }
}
