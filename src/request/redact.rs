//! The request document as it may be saved and shown: complete, but for the secrets.

use serde_json::Value;

use super::json;

const MASK: &str = "***";

/// The document with `***` for every secret field, however deep it lies and however its name is spelled. Bytes that
/// are no JSON give nothing.
pub fn redacted_document(body: &[u8]) -> Option<Value> {
    let mut document = json::read(body).ok()?;
    redact(&mut document);
    Some(document)
}

fn redact(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if is_secret(name) {
                    *value = Value::String(MASK.to_owned());
                } else {
                    redact(value);
                }
            }
        }
        Value::Array(entries) => entries.iter_mut().for_each(redact),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// `webSSHSecret`, `web_ssh_secret`, `JUPYTERLABSECRET`, …
fn is_secret(name: &str) -> bool {
    let letters: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    letters.contains("secret") || letters.contains("password")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn masks_secrets_wherever_they_stand() {
        let document = json!({
            "webSSHSecret": "canary", "WEBSSHSECRET": ["canary"], "unknown": {"deep": [{"jupyter_lab_secret": {"x": "canary"}}]},
            "image_data": {"jupyterLabSecret": "canary", "webSSHPassword": 7, "task_name": "kept"},
            "dockerfile_json": {"image_installer_config": {"webSSHSecret": "canary"}, "maintainer": "kept too"},
        });
        let text = redacted_document(document.to_string().as_bytes()).unwrap().to_string();
        assert!(!text.contains("canary"), "{text}");
        assert_eq!(text.matches(r#""***""#).count(), 6, "{text}");
        assert!(text.contains(r#""task_name":"kept""#) && text.contains(r#""maintainer":"kept too""#));
        assert_eq!(redacted_document(b"{"), None);
    }
}
