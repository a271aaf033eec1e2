//! The document that describes the API: as it is kept in `docs/openapi.json`, complete, and shown without another host.

use api::ROUTES;
use domain::catalog::{Catalog, Sources};
use reqwest::Method;
use serde_json::Value;
use std::{collections::BTreeSet, path::Path};
use testkit::{Reply, Service, TestDatabase, send};

testkit::on_each_database!(the_document_is_served, the_page_needs_no_other_host);

fn catalog() -> Catalog {
    Catalog::parse(&Sources::default()).unwrap()
}

async fn get(service: &Service, path: &str) -> Reply {
    send(service.request(Method::GET, path, "")).await
}

/// Where the document is kept.
const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");

#[test]
fn the_document_is_the_one_that_is_kept() {
    let document = format!("{:#}\n", api::document(&catalog()));
    let kept = std::fs::read_to_string(GOLDEN).unwrap_or_default();
    if kept != document {
        let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("openapi.json");
        std::fs::write(&fresh, document).unwrap();
        panic!("the API has changed; if it should have: cp {} {GOLDEN}", fresh.display());
    }
}

#[test]
fn every_route_says_what_it_takes_and_answers() {
    let document = api::document(&catalog());
    let mut ids = BTreeSet::new();
    for route in &ROUTES {
        let operation = &document["paths"][route.path][route.method.to_ascii_lowercase()];
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{route:?}");
        assert!(ids.insert(operation["operationId"].as_str().unwrap().to_owned()), "{route:?}");
        let answers = operation["responses"].as_object().unwrap();
        assert!(answers.keys().any(|status| status.starts_with(['2', '3'])), "{route:?}");
        assert!(answers.contains_key("500") && answers.contains_key("503"), "{route:?}");
        for (status, answer) in answers {
            let reference = answer["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
            let answer = reference.map_or(answer, |path| document.pointer(path).unwrap());
            let content = answer["content"].as_object();
            let json = content.and_then(|content| content.get("application/json"));
            let has_example =
                json.is_none_or(|json| json["example"] != Value::Null || json["examples"] != Value::Null);
            assert!(has_example || route.path.starts_with("/v1/"), "{route:?}: {status}");
        }
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = api::document(&catalog());
    check_references(&document, &document);
}

fn check_references(document: &Value, value: &Value) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(reference)) = map.get("$ref") {
                let found = document.pointer(reference.strip_prefix('#').unwrap());
                assert!(found.is_some(), "{reference}");
            }
            map.values().for_each(|value| check_references(document, value));
        }
        Value::Array(items) => items.iter().for_each(|value| check_references(document, value)),
        _ => {}
    }
}

async fn the_document_is_served(database: TestDatabase) {
    let service = Service::start(&database).await;
    let served = get(&service, "/openapi.json").await;
    assert_eq!(served.expect(200), api::document(&catalog()));
}

async fn the_page_needs_no_other_host(database: TestDatabase) {
    let service = Service::start(&database).await;
    let index = get(&service, "/docs/").await;
    assert_eq!((index.status, index.header("content-type")), (200, Some("text/html")));
    let page = String::from_utf8(index.bytes.clone()).unwrap();
    let sources: Vec<&str> =
        page.split(['"', '\'']).filter(|text| text.ends_with(".js") || text.ends_with(".css")).collect();
    assert!(sources.len() >= 3, "{page}");
    for source in sources {
        let name = source.strip_prefix("./").unwrap_or(source);
        assert!(!name.contains("//"), "{source}");
        assert_eq!(get(&service, &format!("/docs/{name}")).await.status, 200, "{source}");
    }
    assert_eq!(get(&service, "/docs/nothing.js").await.status, 404);
}
