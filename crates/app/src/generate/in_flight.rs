//! The generations that this process works on.

use domain::id::GenerationId;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio_util::sync::CancellationToken;

/// The generations whose task is alive.
#[derive(Clone, Debug, Default)]
pub(crate) struct InFlight {
    ids: Arc<Mutex<HashMap<GenerationId, Arc<TakeBack>>>>,
}

/// Keeps a generation in the list until it is dropped, be it by a panic.
pub(crate) struct Entered {
    id: GenerationId,
    list: InFlight,
    /// Whether it may be taken back.
    pub(super) take_back: Arc<TakeBack>,
}

/// Whether a generation may still be taken back for nothing: as long as nobody has been told any of its text. Between telling
/// and taking back, whichever comes first rules the other out.
#[derive(Debug, Default)]
pub(crate) struct TakeBack {
    state: Mutex<State>,
    stop: CancellationToken,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    Told,
    TakenBack,
}

impl TakeBack {
    /// Says that text is about to be told; `false` when it must not be.
    pub(super) fn tell(&self) -> bool {
        let mut state = self.state();
        if *state == State::Open {
            *state = State::Told;
        }
        *state == State::Told
    }

    /// Takes it back; `false` when it is too late.
    pub(crate) fn take_back(&self) -> bool {
        let mut state = self.state();
        if *state == State::Open {
            *state = State::TakenBack;
        }
        *state == State::TakenBack
    }

    /// It has ended before it could be taken back.
    pub(crate) fn undo(&self) {
        *self.state() = State::Told;
    }

    /// Ends the call to the vendor.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits until the call to the vendor is to end.
    pub(super) async fn stopped(&self) {
        self.stop.cancelled().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl InFlight {
    pub(crate) fn enter(&self, id: GenerationId) -> Entered {
        let take_back = Arc::<TakeBack>::default();
        self.ids().insert(id, Arc::clone(&take_back));
        Entered { id, list: self.clone(), take_back }
    }

    pub(crate) fn all(&self) -> HashSet<GenerationId> {
        self.ids().keys().copied().collect()
    }

    pub(crate) fn contains(&self, id: GenerationId) -> bool {
        self.ids().contains_key(&id)
    }

    /// The way to take a generation back.
    pub(crate) fn take_back(&self, id: GenerationId) -> Option<Arc<TakeBack>> {
        self.ids().get(&id).cloned()
    }

    fn ids(&self) -> MutexGuard<'_, HashMap<GenerationId, Arc<TakeBack>>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.list.ids().remove(&self.id);
    }
}
