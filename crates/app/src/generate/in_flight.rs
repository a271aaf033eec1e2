//! The generations that this process works on.

use domain::id::GenerationId;
use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
};

/// The generations whose task is alive.
#[derive(Clone, Debug, Default)]
pub(crate) struct InFlight {
    ids: Arc<Mutex<HashSet<GenerationId>>>,
}

/// Keeps a generation in the list until it is dropped, be it by a panic.
pub(crate) struct Entered {
    id: GenerationId,
    list: InFlight,
}

impl InFlight {
    pub(crate) fn enter(&self, id: GenerationId) -> Entered {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).insert(id);
        Entered { id, list: self.clone() }
    }

    pub(crate) fn all(&self) -> HashSet<GenerationId> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn contains(&self, id: GenerationId) -> bool {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).contains(&id)
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.list.ids.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}
