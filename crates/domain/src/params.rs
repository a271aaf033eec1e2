//! Parameters of a generation: what a model takes, and reading what a client sent against it.

use crate::text::{ImageForm, MAX_URL_CHARS, Message, count_chars, is_http_url, read_messages};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{collections::BTreeMap, fmt};

/// One wrong field of a request, with what would have been right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Where, as `messages[2].role`.
    pub field: String,
    /// What is wrong.
    pub message: String,
    /// The values that are taken, where they can be listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Vec<String>>,
}

impl FieldError {
    /// An error without a list of allowed values.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into(), allowed: None }
    }

    /// The same error, naming what is allowed.
    #[must_use]
    pub fn allowing<S: Into<String>>(mut self, allowed: impl IntoIterator<Item = S>) -> Self {
        self.allowed = Some(allowed.into_iter().map(Into::into).collect());
        self
    }
}

/// A decimal number as whole thousandths: 0.7 is 700.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Milli(pub i64);

impl Milli {
    /// Reads plain or scientific decimal notation, rounding to the nearest thousandth. `None` when it is not
    /// a number or lies beyond ±1,000,000.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}");
        if whole.is_empty() || digits.len() > 30 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let digits = digits.parse::<i128>().ok()?;
        // value in thousandths = digits * 10^shift
        let shift = exponent.checked_sub(i32::try_from(fraction.len()).ok()?)?.checked_add(3)?;
        let power = |n: u32| 10_i128.checked_pow(n);
        let thousandths = match u32::try_from(shift) {
            Ok(up) if digits != 0 => digits.checked_mul(power(up)?)?,
            Ok(_) => 0,
            Err(_) => match power(shift.unsigned_abs()) {
                Some(divisor) => digits.checked_add(divisor.checked_div(2)?)?.checked_div(divisor)?,
                None => 0,
            },
        };
        let thousandths = i64::try_from(thousandths).ok().filter(|n| *n <= 1_000_000_000)?;
        Some(Self(if negative { thousandths.checked_neg()? } else { thousandths }))
    }

    /// As a JSON number, exactly.
    pub fn to_json(self) -> Value {
        serde_json::from_str(&self.to_string()).unwrap_or(Value::Null)
    }
}

impl fmt::Display for Milli {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, rest) = (self.0.unsigned_abs() / 1_000, self.0.unsigned_abs() % 1_000);
        if rest == 0 {
            return write!(f, "{sign}{whole}");
        }
        let fraction = format!("{rest:03}");
        write!(f, "{sign}{whole}.{}", fraction.trim_end_matches('0'))
    }
}

impl From<Milli> for String {
    fn from(number: Milli) -> Self {
        number.to_string()
    }
}

impl TryFrom<String> for Milli {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("`{text}` is not a decimal number"))
    }
}

/// What one parameter of a model takes, as the catalog says it.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ParamSpec {
    /// One of some words.
    Choice {
        /// The words.
        allowed: Vec<String>,
        /// What stands when the client is silent.
        default: Option<String>,
    },
    /// One of some whole numbers.
    IntegerChoice {
        /// The numbers.
        allowed: Vec<i64>,
        /// What stands when the client is silent.
        default: Option<i64>,
    },
    /// A whole number within bounds.
    Integer {
        /// Least.
        min: i64,
        /// Most.
        max: i64,
        /// What stands when the client is silent.
        default: Option<i64>,
    },
    /// A decimal number within bounds.
    Decimal {
        /// Least.
        min: Milli,
        /// Most.
        max: Milli,
    },
    /// Yes or no.
    Boolean {
        /// What stands when the client is silent.
        default: bool,
    },
    /// Words of the client's own.
    Text {
        /// Length limit in characters.
        max_chars: i64,
        /// Whether a generation needs it.
        #[serde(default)]
        required: bool,
    },
    /// The address of an input file.
    Url {
        /// Whether a generation needs it.
        #[serde(default)]
        required: bool,
    },
    /// A conversation.
    Messages {
        /// Forms in which images may stand in it.
        images: Vec<ImageForm>,
    },
}

impl ParamSpec {
    /// The value that stands when the client is silent.
    pub fn default_value(&self) -> Option<ParamValue> {
        match self {
            Self::Choice { default, .. } => default.clone().map(ParamValue::Text),
            Self::IntegerChoice { default, .. } | Self::Integer { default, .. } => {
                default.map(ParamValue::Integer)
            }
            Self::Boolean { default } => Some(ParamValue::Boolean(*default)),
            Self::Decimal { .. } | Self::Text { .. } | Self::Url { .. } | Self::Messages { .. } => None,
        }
    }

    /// Whether a generation needs it.
    pub fn is_required(&self) -> bool {
        matches!(self, Self::Text { required: true, .. } | Self::Url { required: true })
    }

    /// Reads a client's value, or names what is wrong with it.
    pub fn read(&self, field: &str, value: &Value) -> Result<ParamValue, Vec<FieldError>> {
        let wrong = |message: String| Err(vec![FieldError::new(field, message)]);
        match self {
            Self::Choice { allowed, .. } => match value.as_str() {
                Some(text) if allowed.iter().any(|a| a == text) => Ok(ParamValue::Text(text.to_owned())),
                _ => Err(vec![FieldError::new(field, "is not one of the allowed values").allowing(allowed)]),
            },
            Self::IntegerChoice { allowed, .. } => match value.as_i64() {
                Some(number) if allowed.contains(&number) => Ok(ParamValue::Integer(number)),
                _ => {
                    let allowed = allowed.iter().map(i64::to_string);
                    Err(vec![FieldError::new(field, "is not one of the allowed values").allowing(allowed)])
                }
            },
            Self::Integer { min, max, .. } => match value.as_i64() {
                Some(number) if (*min..=*max).contains(&number) => Ok(ParamValue::Integer(number)),
                _ => {
                    let error = FieldError::new(field, "must be a whole number within the range");
                    Err(vec![error.allowing([format!("{min}..{max}")])])
                }
            },
            Self::Decimal { min, max } => {
                let number = value.as_number().and_then(|number| Milli::parse(&number.to_string()));
                match number {
                    Some(number) if (*min..=*max).contains(&number) => Ok(ParamValue::Decimal(number)),
                    _ => {
                        let error = FieldError::new(field, "must be a number within the range");
                        Err(vec![error.allowing([format!("{min}..{max}")])])
                    }
                }
            }
            Self::Boolean { .. } => match value.as_bool() {
                Some(truth) => Ok(ParamValue::Boolean(truth)),
                None => {
                    Err(vec![FieldError::new(field, "must be true or false").allowing(["true", "false"])])
                }
            },
            Self::Text { max_chars, .. } => match value.as_str() {
                Some(text) if text.trim().is_empty() => wrong("must not be empty".to_owned()),
                Some(text) if count_chars(text) > *max_chars => {
                    wrong(format!("must be at most {max_chars} characters, not {}", count_chars(text)))
                }
                Some(text) => Ok(ParamValue::Text(text.to_owned())),
                None => wrong("must be a string".to_owned()),
            },
            Self::Url { .. } => match value.as_str() {
                Some(url) if is_http_url(url) => Ok(ParamValue::Text(url.to_owned())),
                _ => wrong(format!("must be an http(s) URL of at most {MAX_URL_CHARS} characters")),
            },
            Self::Messages { images } => read_messages(field, value, images).map(ParamValue::Messages),
        }
    }
}

/// A parameter's value, read and found right.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ParamValue {
    /// A word, words, or an address.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A decimal number.
    Decimal(Milli),
    /// Yes or no.
    Boolean(bool),
    /// A conversation.
    Messages(Vec<Message>),
}

/// The parameters of one generation, read, found right, and completed with defaults.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Params {
    pub(crate) values: BTreeMap<String, ParamValue>,
}

impl Params {
    /// A word or text.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.values.get(name) {
            Some(ParamValue::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A whole number.
    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.values.get(name) {
            Some(ParamValue::Integer(number)) => Some(*number),
            _ => None,
        }
    }

    /// A decimal number.
    pub fn decimal(&self, name: &str) -> Option<Milli> {
        match self.values.get(name) {
            Some(ParamValue::Decimal(number)) => Some(*number),
            _ => None,
        }
    }

    /// A conversation.
    pub fn messages(&self, name: &str) -> Option<&[Message]> {
        match self.values.get(name) {
            Some(ParamValue::Messages(messages)) => Some(messages),
            _ => None,
        }
    }
}
