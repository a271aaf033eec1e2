//! What adapters of pictures, video and sound have in common.

use super::error::bad_response;
use crate::adapter::{AnswerForm, Exchange, Repeat, Reply, ReplyBody, Request, rejected};
use domain::{
    catalog::Category,
    media::{InputFile, JobState, MediaCall, Product, ProductFile},
    params::FieldError,
    port::ProviderError,
};
use std::ops::RangeInclusive;

/// Refuses a call with a parameter that is not one of `known`: the catalog may offer more than an adapter can say, and
/// dropped in silence it would be sold all the same.
pub(crate) fn only(call: &MediaCall, known: &[&str]) -> Result<(), ProviderError> {
    match call.params.iter().find(|(name, _)| !known.contains(name)) {
        Some((unknown, _)) => Err(rejected(format!("the adapter has no parameter `{unknown}`"))),
        None => Ok(()),
    }
}

/// The words of a parameter that the vendor needs.
pub(crate) fn words<'a>(call: &'a MediaCall, name: &str) -> Result<&'a str, ProviderError> {
    call.params.text(name).ok_or_else(|| rejected(format!("there is no {name}")))
}

/// The file that a parameter names, where the client gave one.
pub(crate) fn file<'a>(call: &'a MediaCall, name: &str) -> Result<Option<&'a InputFile>, ProviderError> {
    match (call.inputs.get(name), call.params.text(name)) {
        (None, Some(_)) => Err(rejected(format!("the file that {name} names has gone"))),
        (found, _) => Ok(found),
    }
}

/// The file of a parameter that the vendor needs.
pub(crate) fn needed_file<'a>(call: &'a MediaCall, name: &str) -> Result<&'a InputFile, ProviderError> {
    call.inputs.get(name).ok_or_else(|| rejected(format!("there is no file for {name}")))
}

/// What is wrong with the `language` of a recording, which is a code of ISO 639 of so many letters.
pub(crate) fn wrong_language(call: &MediaCall, letters: RangeInclusive<usize>) -> Option<FieldError> {
    let language = call.params.text("language")?;
    let is_code = letters.contains(&language.len()) && language.bytes().all(|b| b.is_ascii_lowercase());
    let message = "must be the code of a language after ISO 639, such as en or ru";
    (!is_code).then(|| FieldError::new("language", message))
}

/// What is wrong with the file of parameter `name`, where it is not of one of these kinds: `image/png`, …
pub(crate) fn wrong_kind(call: &MediaCall, name: &str, content_types: &[&str]) -> Option<FieldError> {
    let file = call.inputs.get(name)?;
    let is_taken = content_types.contains(&file.content_type.as_str());
    let message = format!("is {}, which the model does not take", file.content_type);
    (!is_taken).then(|| FieldError::new(name, message).allowing(content_types.iter().copied()))
}

/// Sends what makes the product in one exchange, and is billed for it.
pub(crate) fn at_once(request: Request, answer: AnswerForm) -> Exchange {
    Exchange { request, state: JobState::default(), repeat: Repeat::Billable, answer }
}

/// The product that an answer is; `None` when it came as JSON, which no product is. The vendor's word for what the file
/// is goes for nothing, except that pages of text, such as a proxy's, are no product.
pub(crate) fn answered_file(reply: &Reply) -> Result<Option<Product>, ProviderError> {
    match &reply.body {
        ReplyBody::Path(_) if reply.content_type.trim_start().starts_with("text/") => {
            Err(bad_response(format!("{} came in place of a file", reply.content_type)))
        }
        ReplyBody::Path(path) => Ok(Some(product(ProductFile::Path(path.clone())))),
        ReplyBody::Bytes(_) => Ok(None),
    }
}

/// A product of one file.
pub(crate) fn product(file: ProductFile) -> Product {
    Product { files: vec![file], ..Product::default() }
}

/// A product of text.
pub(crate) fn text_product(text: impl Into<String>) -> Product {
    Product { text: Some(text.into()), ..Product::default() }
}

/// A call for what the adapter does not make.
pub(crate) fn not_made(category: Category) -> ProviderError {
    rejected(format!("the adapter makes no {}", category.name()))
}

/// Asking after a job of a vendor that answers at once.
pub(crate) fn no_jobs() -> ProviderError {
    bad_response("the vendor has no jobs")
}
