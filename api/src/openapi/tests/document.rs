//! The document by itself: references resolve, and texts are there.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::Config;
use crate::testing::Rig;

/// Calls `visit` with every object in `value`.
fn walk(value: &Value, visit: &mut impl FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            visit(fields);
            fields.values().for_each(|field| walk(field, visit));
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, visit)),
        _ => {}
    }
}

fn operations(document: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let items = document["paths"].as_object().unwrap().iter();
    items.flat_map(|(path, item)| item.as_object().unwrap().values().map(move |operation| (path, operation)))
}

#[tokio::test]
async fn references_resolve_and_no_component_is_unused() {
    let document = super::document(&Rig::with(Config::default(), true).await).await;
    assert_eq!(document["openapi"], "3.1.0");
    let mut used = BTreeSet::new();
    walk(&document, &mut |object| {
        assert!(!object.values().any(Value::is_null), "OpenAPI leaves out what is not there: {object:?}");
        if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
            assert!(document.pointer(&reference[1..]).is_some(), "{reference} leads nowhere");
            used.insert(reference.to_owned());
        }
    });
    for kind in ["schemas", "responses"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            assert!(used.contains(&format!("#/components/{kind}/{name}")), "{name} is unused");
        }
    }
}

#[tokio::test]
async fn every_operation_says_what_it_does_and_who_may() {
    let document = super::document(&Rig::with(Config::default(), true).await).await;
    let schemes = document["components"]["securitySchemes"].as_object().unwrap();
    let mut ids = BTreeSet::new();
    for (path, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id), "{id} is there twice");
        let summary = operation["summary"].as_str().unwrap_or_else(|| panic!("{id} has no summary"));
        assert!(!summary.is_empty() && summary.len() < 70 && !summary.starts_with('`'), "{id}: {summary}");
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{id}");
        for requirement in operation["security"].as_array().unwrap_or_else(|| panic!("{id} says not who may")) {
            let known = requirement.as_object().unwrap().keys().all(|scheme| schemes.contains_key(scheme));
            assert!(known, "{id}: {requirement}");
        }
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let (in_path, others): (Vec<_>, Vec<_>) = parameters.partition(|parameter| parameter["in"] == "path");
        let named: BTreeSet<_> = in_path.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
        let expected: BTreeSet<_> = path.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).collect();
        assert_eq!(named, expected, "{id}");
        assert!(in_path.iter().chain(&others).all(|parameter| parameter["schema"].is_object()), "{id}");
    }
}
