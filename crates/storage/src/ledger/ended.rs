//! Who waits for a generation hears of it when this process ends its hold. What other processes end has to be looked for.

use domain::id::GenerationId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::watch;

/// Those who wait, by the generation that they wait for.
#[derive(Clone, Default)]
pub(super) struct Listeners {
    by_id: Arc<Mutex<HashMap<GenerationId, watch::Sender<()>>>>,
}

/// Waits for a generation.
pub struct Listener {
    id: GenerationId,
    receiver: watch::Receiver<()>,
    listeners: Listeners,
}

impl Listeners {
    pub(super) fn listen(&self, id: GenerationId) -> Listener {
        let receiver = self.lock().entry(id).or_default().subscribe();
        Listener { id, receiver, listeners: self.clone() }
    }

    pub(super) fn tell(&self, id: GenerationId) {
        if let Some(sender) = self.lock().get(&id) {
            sender.send_replace(());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<GenerationId, watch::Sender<()>>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener {
    /// Answers when the hold has ended in this process since this was made, or since it answered last.
    pub async fn told(&mut self) {
        // There is a sender as long as there is a listener.
        let _ = self.receiver.changed().await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut by_id = self.listeners.lock();
        if by_id.get(&self.id).is_some_and(|sender| sender.receiver_count() <= 1) {
            by_id.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_listens_is_told_and_nobody_is_kept_in_mind() {
        let listeners = Listeners::default();
        let (mut first, mut second) = (listeners.listen(GenerationId(1)), listeners.listen(GenerationId(1)));
        let other = listeners.listen(GenerationId(2));
        listeners.tell(GenerationId(1));
        listeners.tell(GenerationId(3));
        first.told().await;
        second.told().await;
        assert!(!other.receiver.has_changed().unwrap());
        drop(first);
        assert_eq!(listeners.lock().len(), 2);
        drop((second, other));
        assert_eq!(listeners.lock().len(), 0);
    }
}
