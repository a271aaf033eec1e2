//! Why a request is not answered, before a vendor puts it into its own words.

use std::fmt;

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// No key in the vendor's own header.
    NoKey,
    /// The key is wrong.
    BadKey,
    /// The path is not one of the vendor's.
    NoRoute,
    /// The path takes another method.
    WrongMethod,
    /// The body is over its limit.
    TooLarge,
    /// The body is not JSON; the parser says why.
    NotJson(String),
    /// A field is wrong.
    Invalid(Invalid),
    /// The vendor does not know the model, or not at this endpoint.
    UnknownModel(String),
    /// Too many requests.
    RateLimited,
    /// The money is gone.
    Quota,
    /// Too much to do.
    Overloaded,
    /// Something broke.
    Internal,
    /// The content is refused, at a vendor that answers that with an error.
    Refused,
}

/// A field that is wrong.
#[derive(Clone, Debug)]
pub(crate) struct Invalid {
    /// Which, as `messages[0].role`; empty for the body itself.
    pub(crate) field: String,
    /// What is wrong with it.
    pub(crate) why: Why,
}

/// What can be wrong with a field.
#[derive(Clone, Debug)]
pub(crate) enum Why {
    /// It must be there.
    Missing,
    /// It is no field of the vendor's.
    Unknown,
    /// It must be another kind of JSON.
    WrongType(&'static str),
    /// It is an empty string or list.
    Empty,
    /// It must be one of a few words.
    NotOneOf {
        /// What it is.
        got: String,
        /// What it may be.
        allowed: &'static [&'static str],
    },
    /// It is less than it may be.
    Below {
        /// What it is.
        got: String,
        /// The least.
        min: String,
    },
    /// It is more than it may be.
    Above {
        /// What it is.
        got: String,
        /// The most.
        max: String,
    },
    /// It has more characters than it may have.
    TooLong {
        /// How many it has.
        got: usize,
        /// The most.
        max: usize,
    },
    /// The model takes no such field; with a hint what to do instead, which may be empty.
    NotTaken(&'static str),
    /// The model takes no such value.
    ValueNotTaken(String),
    /// Anything else, in the vendor's own words.
    Other(String),
}

impl Why {
    /// Whether the form is wrong, and not just the value: some vendors part the two by status.
    pub(crate) const fn is_wrong_form(&self) -> bool {
        matches!(self, Self::Missing | Self::Unknown | Self::WrongType(_) | Self::NotOneOf { .. })
    }
}

impl Invalid {
    /// `field` is wrong, and why.
    pub(crate) fn new(field: impl Into<String>, why: Why) -> Self {
        Self { field: field.into(), why }
    }
}

impl From<Invalid> for Trouble {
    fn from(invalid: Invalid) -> Self {
        Self::Invalid(invalid)
    }
}

/// In plain words; vendors with words of their own use those.
impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = if self.field.is_empty() { "body" } else { &self.field };
        match &self.why {
            Why::Missing => write!(f, "missing field `{field}`"),
            Why::Unknown => write!(f, "unknown field `{field}`"),
            Why::WrongType(expected) => write!(f, "{field}: expected {expected}"),
            Why::Empty => write!(f, "{field}: must not be empty"),
            Why::NotOneOf { got, allowed } => {
                write!(f, "{field}: unknown variant `{got}`, expected one of {}", allowed.join(", "))
            }
            Why::Below { got, min } => write!(f, "{field}: {got} is less than {min}"),
            Why::Above { got, max } => write!(f, "{field}: {got} is more than {max}"),
            Why::TooLong { got, max } => write!(f, "{field}: {got} characters are more than {max}"),
            Why::NotTaken(_) => write!(f, "Argument not supported on this model: {field}"),
            Why::ValueNotTaken(got) => write!(f, "{field}: {got} is not supported with this model"),
            Why::Other(message) => f.write_str(message),
        }
    }
}
