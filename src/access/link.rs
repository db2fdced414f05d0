//! Links that open one address for a while without a token: what a browser or an old client gets where it can send none.
//!
//! The signature covers the path, the task that the query names, and the time of expiry, under a key derived from the
//! service's own. The rest of a query (such as `after`) is the reader's to choose.

use secrecy::SecretString;
use subtle::ConstantTimeEq;

use super::Access;
use crate::clock::Moment;

const PURPOSE: &str = "signed link v1";
const EXPIRES: &str = "expires";
const SIGNATURE: &str = "signature";
const TASK: &str = "task_id";

impl Access {
    /// An address with a signature that opens it for a while.
    pub fn sign(&self, path: &str, task_id: Option<i64>) -> String {
        let expires = self.clock.now().plus_seconds(self.link_seconds()).0 / 1_000_000;
        let task = task_id.map(|task_id| task_id.to_string());
        let signature = self.signature(path, task.as_deref(), expires);
        let task = task.map(|task| format!("{TASK}={task}&")).unwrap_or_default();
        format!("{path}?{task}{EXPIRES}={expires}&{SIGNATURE}={signature}")
    }

    /// Until when the signature that a query holds for this path is good; `None` when it is not, or no longer.
    pub fn signed_until(&self, path: &str, query: Option<&str>) -> Option<Moment> {
        let query = query.filter(|query| query.contains(SIGNATURE))?;
        let mut parts = Parts::default();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let part = match &*name {
                EXPIRES => &mut parts.expires,
                SIGNATURE => &mut parts.signature,
                TASK => &mut parts.task,
                _ => continue,
            };
            // What stands twice would be read by others in their own way.
            if part.replace(value.into_owned()).is_some() {
                return None;
            }
        }
        let (expires, signature) = (parts.expires?.parse::<i64>().ok()?, parts.signature?);
        let wanted = self.signature(path, parts.task.as_deref(), expires);
        let is_genuine = !wanted.is_empty() && bool::from(wanted.as_bytes().ct_eq(signature.as_bytes()));
        let until = Moment(expires.saturating_mul(1_000_000));
        (is_genuine && self.clock.now() < until).then_some(until)
    }

    fn signature(&self, path: &str, task: Option<&str>, expires: i64) -> String {
        let text = format!("{path}\n{}\n{expires}", task.unwrap_or_default());
        self.sealer.keyed_hash(PURPOSE, &SecretString::from(text)).unwrap_or_default()
    }
}

#[derive(Default)]
struct Parts {
    expires: Option<String>,
    signature: Option<String>,
    task: Option<String>,
}
