//! Captured exchanges of the old service, and how an answer of ours differs from one.

use serde_json::Value;

/// A captured exchange of the old service.
pub fn captured(name: &str) -> Value {
    let path = format!("{}/tests/it/contract/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// What may differ, since the capture shows one moment of another machine.
#[derive(Debug, Clone, Copy)]
pub enum Tolerance {
    /// A value may be absent in one of the two.
    Null,
    /// A list may be empty in one of the two.
    EmptyList,
}

/// What of `old` is missing or of another kind in `new`.
pub fn differences(path: &str, old: &Value, new: &Value, tolerance: Tolerance) -> Vec<String> {
    let mut found = Vec::new();
    compare(path, old, new, tolerance, &mut found);
    found
}

fn compare(path: &str, old: &Value, new: &Value, tolerance: Tolerance, found: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            for (key, value) in old {
                match new.get(key) {
                    Some(ours) => compare(&format!("{path}.{key}"), value, ours, tolerance, found),
                    None => found.push(format!("{path}.{key} is missing")),
                }
            }
        }
        (Value::Array(old), Value::Array(new)) => {
            // The marks of what was cut from the capture are texts among objects.
            let sample = old.iter().find(|entry| !entry.as_str().is_some_and(|text| text.starts_with("...(")));
            match (sample, new.first(), tolerance) {
                (Some(_), None, Tolerance::Null) => found.push(format!("{path} is empty")),
                (Some(sample), Some(ours), _) => compare(&format!("{path}[0]"), sample, ours, tolerance, found),
                (Some(_), None, Tolerance::EmptyList) | (None, _, _) => {}
            }
        }
        (Value::Null, Value::Null)
        | (Value::Bool(_), Value::Bool(_))
        | (Value::Number(_), Value::Number(_))
        | (Value::String(_), Value::String(_)) => {}
        (Value::Null, _) | (_, Value::Null) if matches!(tolerance, Tolerance::Null) => {}
        (old, new) => found.push(format!("{path}: {old} became {new}")),
    }
}
