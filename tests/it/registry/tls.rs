//! Trust: the system's CAs, a private one, or what the daemon treats as insecure.

use axum::http::Method;
use fastbuild::cause::Cause;
use fastbuild::registry::{PreflightReport, RegistryAccess, RegistryClient, RegistryError};
use serde_json::json;

use crate::support::certificate::Certificate;
use crate::support::harbor::{Fault, Harbor, quick_limits};

async fn with_image() -> Harbor {
    let harbor = Harbor::start_with_tls().await;
    harbor.put_image("base/a", "1", &[b"one"], &json!({"task_id": "7"}));
    harbor
}

fn client(access: RegistryAccess) -> RegistryClient {
    RegistryClient::with_limits(access, quick_limits()).unwrap()
}

#[tokio::test]
async fn a_private_ca_is_trusted_when_it_is_given() {
    let harbor = with_image().await;
    assert_eq!(harbor.client().task_id_of(&harbor.reference("base/a:1")).await.unwrap(), Some(7));
}

#[tokio::test]
async fn an_unknown_certificate_is_refused_before_any_password() {
    for ca_pem in [None, Some(Certificate::new().pem)] {
        for is_insecure in [false, true] {
            let harbor = with_image().await;
            let access = RegistryAccess { ca_pem: ca_pem.clone(), is_insecure, ..harbor.access() };
            let client = client(access);
            let result = client.resolve(&harbor.reference("base/a:1")).await;
            if is_insecure && ca_pem.is_none() {
                assert!(result.unwrap().is_some(), "the daemon does not look at such certificates either");
                continue;
            }
            let error = result.unwrap_err();
            if !is_insecure {
                assert_eq!(error.cause(), Cause::RegistryTls, "{error:?}");
                let report = client.preflight(&harbor.reference("base/a:1")).await;
                let is_tls = matches!(report, PreflightReport::Unavailable { cause: Cause::RegistryTls, .. });
                assert!(is_tls, "{report:?}");
            }
            assert!(harbor.seen(&Method::GET, "").is_empty(), "nothing was asked");
        }
    }
}

#[tokio::test]
async fn plain_http_is_spoken_only_where_told() {
    let harbor = Harbor::start().await;
    let access = RegistryAccess { is_insecure: false, ..harbor.access() };
    let error = client(access).resolve(&harbor.reference("base/a:1")).await.unwrap_err();
    assert!(matches!(&error, RegistryError::Tls { reason, .. } if reason.contains("does not speak TLS")), "{error:?}");
    assert!(harbor.seen(&Method::GET, "").is_empty());
}

#[tokio::test]
async fn https_is_not_left() {
    let (harbor, plain) = (with_image().await, Harbor::start().await);
    let reference = harbor.reference("base/a:1");
    harbor.fail(Method::GET, "/blobs/", 1, Fault::Redirect(307, format!("{}/v2/x", plain.url())));
    let error = harbor.client().task_id_of(&reference).await.unwrap_err();
    assert!(matches!(error, RegistryError::Malformed { .. }), "{error:?}");

    harbor.contents().realm = Some(format!("{}/service/token", plain.url()));
    let error = harbor.client().resolve(&reference).await.unwrap_err();
    assert!(matches!(error, RegistryError::Malformed { .. }), "{error:?}");
    assert!(plain.seen(&Method::GET, "").is_empty(), "the account went nowhere");
}
