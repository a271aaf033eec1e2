//! Whatever a client gives for a model's parameters is taken, at a price, or refused with a reason.

use crate::CATALOG;
use domain::{
    catalog::{Model, Purpose},
    pricing,
};
use proptest::{collection::vec, prelude::*, sample::Index};
use serde_json::{Map, Value};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-2..130_i64).prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        "(1024x1024|hd|16:9|webp|user|text|https://a\\.b/c)".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        let name = prop_oneof![
            Just("role".to_owned()),
            Just("content".to_owned()),
            Just("type".to_owned()),
            ".{0,6}"
        ];
        prop_oneof![
            vec(inner.clone(), 0..5).prop_map(Value::from),
            vec((name, inner), 0..5).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

/// Of a model, some parameters that it has, and perhaps one that it has not.
fn given(model: &Model, values: Vec<(Index, Value)>, unknown: Option<(String, Value)>) -> Map<String, Value> {
    let names: Vec<&String> = model.params.keys().collect();
    let known = values.into_iter().filter(|_| !names.is_empty());
    known.map(|(index, value)| (index.get(&names).to_string(), value)).chain(unknown).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn they_have_a_price_or_are_refused(
        model in any::<Index>(),
        values in vec((any::<Index>(), value()), 0..6),
        unknown in prop::option::weighted(0.2, (".{0,12}", value())),
        count in 1..=100_i64,
    ) {
        let model = model.get(CATALOG.models());
        let given = given(model, values, unknown);
        for purpose in [Purpose::Quote, Purpose::Generate] {
            match model.read_params(&given, purpose) {
                Ok(params) => {
                    let quote = pricing::quote(model, &params, count).unwrap();
                    let one = quote.token_cost / count;
                    prop_assert!(quote.token_cost % count == 0 && one > 0, "{}: {quote:?}", model.slug);
                    prop_assert!((quote.min_token_cost..=quote.max_token_cost).contains(&one), "{}: {quote:?}", model.slug);
                }
                Err(errors) => {
                    prop_assert!(!errors.is_empty() && errors.iter().all(|error| !error.message.is_empty()));
                }
            }
        }
    }
}
