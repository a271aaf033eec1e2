//! What may be sent again.

/// How often the vendor may be asked for one thing: the one place that decides whether a request is sent again. The reason
/// is money: a vendor that has begun to work may finish and charge, whether we hear of it or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Asking after a job, stopping it, uploading a file: it costs nothing however often it is done, so whatever may pass
    /// is worth another try.
    Harmless,
    /// A conversation. Its price is the tokens of its answer, so vendors charge nothing for a call that they answer with an
    /// error of their own, and say that a 500 is to be asked again. A gateway's error is not theirs: the model behind it may
    /// still be answering.
    Conversation,
    /// Starting a job, and making speech, music or a picture. What was begun is charged, and a 500 does not say how far it
    /// had come.
    Billable,
}

/// How a request came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// There was no connection: the vendor knows nothing of it.
    Unsent,
    /// The vendor turned it away for its load or ours: 429, 503, 529. It has not begun.
    TurnedAway,
    /// The vendor answered 500 with an error object of its own: it has given up.
    GivenUp,
    /// Nobody knows what became of it: a gateway's error (502, 504, a 500 without the vendor's own word), an answer that was
    /// cut, or none in time.
    Lost,
    /// An answer that would be the same again.
    Final,
}

impl Repeat {
    /// Whether what ended in `trouble` is sent again.
    pub(crate) const fn is_allowed_after(self, trouble: Trouble) -> bool {
        match trouble {
            Trouble::Unsent | Trouble::TurnedAway => true,
            Trouble::GivenUp => matches!(self, Self::Harmless | Self::Conversation),
            Trouble::Lost => matches!(self, Self::Harmless),
            Trouble::Final => false,
        }
    }
}
