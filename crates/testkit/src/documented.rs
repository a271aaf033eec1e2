//! Whether an answer is one that the API's document announces.

use crate::Reply;
use domain::catalog::{Catalog, Sources};
use reqwest::Method;
use serde_json::Value;
use std::sync::LazyLock;

static DOCUMENT: LazyLock<Value> =
    LazyLock::new(|| api::document(&Catalog::parse(&Sources::default()).expect("the built-in catalog")));

/// Asserts that an answer's status, and its code where it is an error, stand in the document of the API. What is not asked of
/// one of its routes, and a method that a path does not take, are left alone.
pub(crate) fn check(method: &Method, path: &str, reply: &Reply) {
    let Some(operation) = operation(method, path) else { return };
    let answer = &operation["responses"][reply.status.to_string()];
    let reference = answer["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    let answer = reference.and_then(|path| DOCUMENT.pointer(path)).unwrap_or(answer);
    assert!(answer.is_object(), "{method} {path}: {} is not in the document: {reply:?}", reply.status);
    let is_error = reply.status >= 400;
    let code = is_error
        .then(|| serde_json::from_str::<Value>(&reply.body).ok()?["error"].as_str().map(str::to_owned));
    if let Some(code) = code.flatten() {
        let known = &answer["content"]["application/json"]["examples"][&code];
        assert!(
            known.is_object(),
            "{method} {path}: {} {code} is not in the document: {reply:?}",
            reply.status
        );
    }
}

fn operation(method: &Method, path: &str) -> Option<&'static Value> {
    let path = path.strip_prefix('/').filter(|path| path.starts_with("api/v2/"))?;
    let fits = |template: &str| {
        let (template, path) = (template[1..].split('/'), path.split('/'));
        template.clone().count() == path.clone().count()
            && template
                .zip(path)
                .all(|(part, given)| part == given || (part.starts_with('{') && !given.is_empty()))
    };
    let paths = DOCUMENT["paths"].as_object()?;
    // What is named in full goes before what fits a parameter.
    let found = paths.iter().filter(|(template, _)| fits(template));
    let (_, found) = found.min_by_key(|(template, _)| template.matches('{').count())?;
    found.get(method.as_str().to_ascii_lowercase())
}
