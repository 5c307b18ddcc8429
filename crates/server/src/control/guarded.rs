//! What the description says of who may pass: 401 and 403 where a permission is wanted, and the ways to show who one is.

use serde_json::{Value, json};

use super::native;
use crate::http::Rule;

/// What 429 says.
const TOO_MUCH: &str = "Who asks has asked too often: Retry-After says when to ask again. Or they have as much sound on its way to them as one \
                        may have: the detail says what to do";

/// Adds it to each operation.
pub(super) fn describe(api: &mut Value) {
    api["components"]["securitySchemes"] = json!({
        "key": {"type": "http", "scheme": "bearer", "description": "An API key, `stk_...`"},
        "login": {"type": "apiKey", "in": "cookie", "name": "sidetone", "description": "A login of /v1/session; `__Host-sidetone` over TLS. What changes something sends X-CSRF-Token along"},
        "basic": {"type": "http", "scheme": "basic", "description": "A name and a password, or a key as password: for the WFO commands"},
    });
    for (method, path, rule) in native::routes().rules() {
        let Some(operation) = operation(api, path, &method.as_str().to_lowercase()) else { continue };
        if *rule == Rule::Open {
            operation["security"] = json!([]);
            continue;
        }
        operation["security"] = json!([{"key": []}, {"login": []}, {}]);
        let problem =
            json!({"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}});
        refusals(operation, &problem);
        if rule.asks(method).is_some() {
            add(operation, "429", TOO_MUCH, &problem);
        }
    }
    let message = json!({"application/json": {"schema": {"$ref": "#/components/schemas/WfoMessage"}}});
    for (path, item) in api["paths"].as_object_mut().into_iter().flatten() {
        for (_, operation) in item.as_object_mut().into_iter().flatten().filter(|_| path.starts_with("/api/"))
        {
            operation["security"] = json!([{"basic": []}, {"key": []}, {}]);
            refusals(operation, &message);
            if path.contains("Export/") {
                add(operation, "429", TOO_MUCH, &message);
            }
        }
    }
}

fn operation<'a>(api: &'a mut Value, path: &str, method: &str) -> Option<&'a mut Value> {
    api["paths"].get_mut(path)?.get_mut(method)
}

fn refusals(operation: &mut Value, content: &Value) {
    add(operation, "401", "A login is asked for, and none was shown, or a wrong one", content);
    add(operation, "403", "Who asks may not do this, or a page has not shown its token", content);
}

/// Adds a refusal, unless the route says it in its own words.
fn add(operation: &mut Value, status: &str, description: &str, content: &Value) {
    let Some(responses) = operation["responses"].as_object_mut() else { return };
    responses
        .entry(status)
        .or_insert_with(|| json!({"description": description, "content": content.clone()}));
}
