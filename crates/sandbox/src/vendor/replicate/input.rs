//! Checking an input against the fields of its model.

use super::models::{Field, Model, Takes};
use crate::{
    fields::Object,
    trouble::{Invalid, Why},
};
use serde_json::Value;

/// Longest data URL; files above go by URL.
const MAX_DATA_URL_BYTES: usize = 256 * 1024 * 4 / 3 + 100;

/// Refuses an input that the model would refuse.
pub(super) fn check(model: &Model, input: &Object<'_>) -> Result<(), Invalid> {
    let names: Vec<&str> = model.fields.iter().map(|field| field.name).collect();
    input.only(&names)?;
    for field in model.fields {
        if field.is_required {
            input.require(field.name)?;
        }
        check_field(field, input)?;
    }
    check_together(model, input)
}

fn check_field(field: &Field, input: &Object<'_>) -> Result<(), Invalid> {
    let name = field.name;
    match field.takes {
        Takes::Text => drop(input.text(name)?),
        Takes::TextWithin(max) => drop(input.require_text_within(name, max)?),
        Takes::Word(allowed) => drop(input.one_of(name, allowed)?),
        Takes::Integer(min, max) => drop(input.integer_within(name, min, max)?),
        Takes::Choice(allowed) => check_choice(input, name, allowed)?,
        Takes::Decimal(min, max) => drop(input.decimal(name, min, max)?),
        Takes::Flag => drop(input.flag(name)?),
        Takes::File => {
            if let Some(url) = input.text(name)? {
                check_file(url).map_err(|why| input.wrong(name, why))?;
            }
        }
        Takes::Files(max) => check_files(input, name, max)?,
    }
    Ok(())
}

fn check_choice(input: &Object<'_>, name: &str, allowed: &[i64]) -> Result<(), Invalid> {
    match input.integer(name, i64::MIN)? {
        Some(got) if !allowed.contains(&got) => {
            Err(input.wrong(name, Why::Other(format!("{name} must be one of the following: {allowed:?}"))))
        }
        _ => Ok(()),
    }
}

fn check_files(input: &Object<'_>, name: &str, max: usize) -> Result<(), Invalid> {
    if input.get(name).is_none() {
        return Ok(());
    }
    let files = input.require_list(name)?;
    if files.len() > max {
        return Err(input.wrong(name, Why::Above { got: files.len().to_string(), max: max.to_string() }));
    }
    for (index, file) in files.iter().enumerate() {
        let at = format!("{name}[{index}]");
        let url = file.as_str().ok_or_else(|| input.wrong(&at, Why::WrongType("a string")))?;
        check_file(url).map_err(|why| input.wrong(&at, why))?;
    }
    Ok(())
}

fn check_file(url: &str) -> Result<(), Why> {
    let is_data = url.starts_with("data:") && url.contains(";base64,");
    if is_data && url.len() > MAX_DATA_URL_BYTES {
        return Err(Why::Other(
            "Data URL is too large; use a file of at most 256kb, or an HTTP URL".to_owned(),
        ));
    }
    if is_data || url.starts_with("https://") || url.starts_with("http://") {
        return Ok(());
    }
    Err(Why::Other("Does not match format 'uri'".to_owned()))
}

/// What one field says about another.
fn check_together(model: &Model, input: &Object<'_>) -> Result<(), Invalid> {
    match model.slug {
        "black-forest-labs/flux-1.1-pro" => {
            let is_custom = input.text("aspect_ratio")? == Some("custom");
            for name in ["width", "height"] {
                match input.integer(name, 0)? {
                    Some(_) if !is_custom => {
                        let why = format!("{name} is only used when aspect_ratio=custom");
                        return Err(input.wrong(name, Why::Other(why)));
                    }
                    Some(got) if got % 32 != 0 => {
                        return Err(input.wrong(name, Why::Other(format!("{name} must be a multiple of 32"))));
                    }
                    None if is_custom => return Err(input.wrong(name, Why::Missing)),
                    _ => {}
                }
            }
        }
        "kwaivgi/kling-v2.1" if input.get("end_image").is_some() && input.text("mode")? != Some("pro") => {
            return Err(input.wrong("end_image", Why::Other("end_image requires mode pro".to_owned())));
        }
        _ => {}
    }
    Ok(())
}

/// The input as a prediction repeats it: a data URL is only begun.
pub(super) fn shown(input: &Value) -> Value {
    match input {
        Value::String(text) if text.starts_with("data:") => {
            Value::String(text.chars().take(40).chain("...".chars()).collect())
        }
        Value::Array(items) => items.iter().map(shown).collect(),
        Value::Object(map) => {
            Value::Object(map.iter().map(|(name, value)| (name.clone(), shown(value))).collect())
        }
        other => other.clone(),
    }
}
