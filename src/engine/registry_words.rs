//! Which cause the words of a registry, or of a daemon that speaks for one, stand for.
//!
//! Daemons pass a registry's refusal on as text inside a stream or as an HTTP 500, so the status says nothing and the
//! words are all there is. The order of the rules matters: the most specific comes first.

use crate::cause::Cause;

/// Words in lower case, and the cause they stand for.
const RULES: &[(Cause, &[&str])] = &[
    (Cause::DiskFull, &["no space left on device", "disk quota exceeded"]),
    (Cause::TagImmutable, &["is immutable", "configured as immutable", "tag is immutable", "immutable tag"]),
    (
        Cause::QuotaExceeded,
        &["exceed quota", "quota exceeded", "exceed the configured upper limit", "412 precondition failed"],
    ),
    (
        Cause::UnsupportedBase,
        &["no matching manifest for", "cannot be used on this platform", "does not match the specified platform"],
    ),
    // The name of a pin of ours, which no registry has: the daemon lost the pinned image.
    (Cause::BaseNotFound, &["https://fastbuild.invalid/", "lookup fastbuild.invalid"]),
    (
        Cause::RegistryTls,
        &[
            "x509:",
            "server gave http response to https client",
            "tls: ",
            "certificate signed by unknown authority",
            "remote error: tls",
        ],
    ),
    (
        Cause::RegistryAuth,
        &[
            "no basic auth credentials",
            "unauthorized",
            "incorrect username or password",
            "authentication required",
            "403 forbidden",
            "insufficient_scope",
            "authorization failed",
        ],
    ),
    (
        Cause::BaseNotFound,
        &[
            "manifest unknown",
            "pull access denied",
            "repository does not exist",
            "repository name not known",
            "name unknown",
            "failed to resolve reference",
            "no such image",
            "manifest for ",
        ],
    ),
    (Cause::RegistryAuth, &["access to the resource is denied", "denied: ", "access denied", "access forbidden"]),
    (
        Cause::RegistryUnreachable,
        &[
            "connection refused",
            "no such host",
            "i/o timeout",
            "connection reset",
            "client.timeout exceeded",
            "context deadline exceeded",
            "server misbehaving",
            "network is unreachable",
            "no route to host",
            "temporary failure in name resolution",
            "tls handshake timeout",
            "toomanyrequests",
            "too many requests",
            "internal server error",
            "bad gateway",
            "service unavailable",
            "gateway timeout",
            "broken pipe",
            "unexpected http status",
            "unexpected status code",
            "unexpected eof",
        ],
    ),
];

/// The cause that the words stand for; `None` when they say nothing that is known.
pub(super) fn registry_cause(text: &str) -> Option<Cause> {
    let text = text.to_lowercase();
    // These say that an image is not there even where a registry adds an authorisation error.
    if text.contains("pull access denied") || text.contains("manifest unknown") {
        return Some(Cause::BaseNotFound);
    }
    // A handshake that timed out is a network's fault, not a certificate's.
    if text.contains("tls handshake timeout") {
        return Some(Cause::RegistryUnreachable);
    }
    let matched = RULES.iter().find(|(_, words)| words.iter().any(|word| text.contains(word)));
    match matched {
        Some((cause, _)) => Some(*cause),
        None if text == "eof" || text.ends_with(": eof") => Some(Cause::RegistryUnreachable),
        None if text.ends_with("not found") => Some(Cause::BaseNotFound),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts as daemons 20.10 to 28 and Harbor 2 wrote them.
    const TEXTS: &[(Cause, &str)] = &[
        (
            Cause::BaseNotFound,
            "manifest for 127.0.0.1:5055/base/nothing:1 not found: manifest unknown: manifest unknown",
        ),
        (
            Cause::BaseNotFound,
            "pull access denied for nothing, repository does not exist or may require 'docker login': denied: requested access to the resource is denied",
        ),
        (Cause::BaseNotFound, "name unknown: repository name not known to registry"),
        (Cause::BaseNotFound, "docker.io/library/debian:99: not found"),
        (
            Cause::BaseNotFound,
            "failed to do request: Head \"https://fastbuild.invalid/v2/base/manifests/abc\": dial tcp: lookup fastbuild.invalid: no such host",
        ),
        (Cause::RegistryAuth, "unauthorized: authentication required"),
        (Cause::RegistryAuth, "no basic auth credentials"),
        (Cause::RegistryAuth, "Get \"https://h/v2/\": unauthorized: incorrect username or password"),
        (Cause::RegistryAuth, "login attempt to http://127.0.0.1:5055/v2/ failed with status: 401 Unauthorized"),
        (Cause::RegistryAuth, "unauthorized: unauthorized to access repository: library/x, action: push: unauthorized"),
        (Cause::RegistryAuth, "denied: requested access to the resource is denied"),
        (Cause::RegistryTls, "Get \"https://h/v2/\": x509: certificate signed by unknown authority"),
        (
            Cause::RegistryTls,
            "Get \"https://h/v2/\": x509: cannot validate certificate for 10.0.0.1 because it doesn't contain any IP SANs",
        ),
        (Cause::RegistryTls, "Get \"https://10.0.0.1:5000/v2/\": http: server gave HTTP response to HTTPS client"),
        (
            Cause::RegistryUnreachable,
            "Get \"https://10.0.0.1/v2/\": dial tcp 10.0.0.1:443: connect: connection refused",
        ),
        (
            Cause::RegistryUnreachable,
            "Get \"https://nowhere.example/v2/\": dial tcp: lookup nowhere.example: no such host",
        ),
        (Cause::RegistryUnreachable, "Get \"https://10.0.0.1/v2/\": dial tcp 10.0.0.1:443: i/o timeout"),
        (Cause::RegistryUnreachable, "Get \"http://10.0.0.1/v2/\": EOF"),
        (Cause::RegistryUnreachable, "Get \"https://h/v2/\": net/http: TLS handshake timeout"),
        (
            Cause::RegistryUnreachable,
            "Get \"https://h/v2/\": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)",
        ),
        (Cause::RegistryUnreachable, "received unexpected HTTP status: 503 Service Unavailable"),
        (Cause::RegistryUnreachable, "toomanyrequests: You have reached your pull rate limit."),
        (
            Cause::QuotaExceeded,
            "denied: adding 10.5 MiB of storage resource, which when updated to current usage of 90.1 MiB will exceed the configured upper limit of 100.0 MiB.",
        ),
        (Cause::QuotaExceeded, "error parsing HTTP 412 response body: unexpected status: 412 Precondition Failed"),
        (Cause::TagImmutable, "unknown: Failed to process request due to 'base:1' configured as immutable."),
        (Cause::DiskFull, "failed to register layer: write /usr/lib/x.so: no space left on device"),
        (Cause::UnsupportedBase, "no matching manifest for linux/amd64 in the manifest list entries"),
    ];

    #[test]
    fn real_texts_have_their_causes() {
        for (cause, text) in TEXTS {
            assert_eq!(registry_cause(text), Some(*cause), "{text}");
        }
    }

    #[test]
    fn unknown_words_have_no_cause() {
        for text in
            ["", "conflict: unable to remove repository reference", "permission denied", "invalid reference format"]
        {
            assert_eq!(registry_cause(text), None, "{text}");
        }
    }
}
