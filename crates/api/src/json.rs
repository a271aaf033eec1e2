//! JSON that a client sends.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::{cell::Cell, fmt};

/// Values, members of objects among them, in a body. A conversation of ten thousand turns has half as many.
const MAX_VALUES: usize = 100_000;
/// Names that the library which reads JSON keeps for itself: what stands under one as a text it would read as JSON again.
const RESERVED: &str = "$serde_json::private::";

/// Why a text was not read.
#[derive(Debug)]
pub(crate) enum Unread {
    /// It has more values than anybody needs. Two bytes of a body are a value, and a value that was read takes dozens: a limit in
    /// bytes alone would let a body grow twentyfold in memory.
    TooManyValues,
    /// It is no JSON.
    NotJson(serde_json::Error),
}

/// Reads `text`, as far as it is not too much.
pub(crate) fn read(text: &[u8]) -> Result<Value, Unread> {
    let count = Cell::new(0);
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let read = Counted(&count).deserialize(&mut deserializer);
    let read = read.and_then(|value| deserializer.end().map(|()| value));
    read.map_err(
        |error| if count.get() > MAX_VALUES { Unread::TooManyValues } else { Unread::NotJson(error) },
    )
}

/// A value, with how many there were before it.
#[derive(Clone, Copy)]
struct Counted<'a>(&'a Cell<usize>);

impl<'de> DeserializeSeed<'de> for Counted<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.0.set(self.0.get() + 1);
        if self.0.get() > MAX_VALUES {
            return Err(D::Error::custom("there are too many values"));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Counted<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if name.starts_with(RESERVED) {
                return Err(A::Error::custom(format!("no name may begin with {RESERVED}")));
            }
            object.insert(name, members.next_value_seed(self)?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn numbers(count: usize) -> String {
        format!("[{}]", vec!["0"; count].join(","))
    }

    #[rstest]
    #[case::as_many_as_may_be(numbers(MAX_VALUES - 1), true)]
    #[case::one_more(numbers(MAX_VALUES), false)]
    #[case::one_more_within(format!("{{\"a\":{}}}", numbers(MAX_VALUES - 1)), false)]
    #[case::empty_ones(format!("[{}]", vec!["[]"; MAX_VALUES].join(",")), false)]
    #[case::what_looks_like_them_in_a_string(format!("\"{}\"", "[{,\\\",".repeat(MAX_VALUES)), true)]
    fn values_are_counted(#[case] text: String, #[case] is_read: bool) {
        match read(text.as_bytes()) {
            Ok(value) => assert!(is_read && value == serde_json::from_str::<Value>(&text).unwrap()),
            Err(error) => assert!(!is_read && matches!(error, Unread::TooManyValues), "{error:?}"),
        }
    }

    #[rstest]
    #[case(r#"{"a":[1,-2,3.5,1e300,true,null,"\u00e4\n"],"b":{"c":{}},"a":18446744073709551615}"#)]
    #[case(r#" "alone" "#)]
    #[case("{")]
    #[case("[1] 2")]
    #[case("1e999")]
    #[case("")]
    fn it_is_read_as_the_library_does(#[case] text: &str) {
        let expected = serde_json::from_str::<Value>(text);
        match (read(text.as_bytes()), expected) {
            (Ok(value), Ok(expected)) => assert_eq!(value, expected),
            (Err(Unread::NotJson(error)), Err(expected)) => {
                assert_eq!(error.to_string(), expected.to_string())
            }
            (read, expected) => panic!("{read:?}, {expected:?}"),
        }
    }

    /// Else they would be as many as fit into a string.
    #[rstest]
    #[case(r#"{"$serde_json::private::RawValue":"[0,0,0]"}"#)]
    #[case(r#"[{"a":{"\u0024serde_json::private::RawValue":"[0,0,0]"}}]"#)]
    #[case(r#"{"$serde_json::private::Number":"1"}"#)]
    fn nothing_is_read_out_of_a_string(#[case] text: &str) {
        assert!(matches!(read(text.as_bytes()), Err(Unread::NotJson(_))));
    }
}
