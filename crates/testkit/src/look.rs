//! Waiting for what comes about by itself.

use std::time::Duration;

/// As long as anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks.
const PACE: Duration = Duration::from_millis(10);

/// Looks again and again until there is something to see.
pub async fn eventually<T>(look: impl AsyncFnMut() -> Option<T>) -> T {
    within(PATIENCE, look).await
}

/// As [`eventually`], for what may take so long.
pub async fn within<T>(patience: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        let mut looks = tokio::time::interval(PACE);
        loop {
            looks.tick().await;
            if let Some(seen) = look().await {
                return seen;
            }
        }
    };
    let seen = tokio::time::timeout(patience, looking).await;
    seen.unwrap_or_else(|_| panic!("it has not come about within {patience:?}"))
}

/// Lets time pass, for who acts as clients and operators do, which is not all at once. No test waits for anything by it.
pub async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}
