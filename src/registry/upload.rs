//! Writing: blobs mounted, copied or sent, and manifests put under their tag.

use bytes::Bytes;
use futures_util::TryStreamExt;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Method};

use super::answer::Answer;
use super::client::{RegistryClient, blob_order};
use super::error::RegistryError;
use super::failure::malformed;
use super::manifest::Descriptor;
use super::order::Order;
use super::token::Scope;
use crate::image::Digest;

/// How a registry answered the wish to mount a layer.
pub(super) enum Mount {
    /// It is in the target now.
    Done,
    /// It is not; the registry opened an upload instead.
    UploadAt(String),
}

impl RegistryClient {
    /// Asks the registry to take a layer from another repository of its own.
    pub(super) async fn mount(
        &self,
        target: &str,
        source: &str,
        layer: &Digest,
        scopes: &[Scope],
    ) -> Result<Mount, RegistryError> {
        let what = format!("mounting {layer} from {source} into {target}");
        let path = format!("/v2/{target}/blobs/uploads/?mount={layer}&from={}", escape_query(source));
        let order = Order::new(Method::POST, path, &what).scopes(scopes).accepts(&[201, 202]);
        let answer = self.transport.fetch(&order).await?;
        if answer.status == 201 {
            return Ok(Mount::Done);
        }
        self.upload_path(&what, &answer).await.map(Mount::UploadAt)
    }

    /// Sends a small blob.
    pub(super) async fn send_blob(
        &self,
        target: &str,
        digest: &Digest,
        bytes: &Bytes,
        scopes: &[Scope],
    ) -> Result<(), RegistryError> {
        let what = format!("sending {digest} to {target}");
        // An upload that broke cannot be picked up: each attempt opens its own.
        self.transport
            .patiently(|| async {
                let path = self.open_upload_once(target, &what, scopes).await?;
                let mut order = closing_order(&path, digest, &what).scopes(scopes);
                order.body = bytes.clone();
                self.transport.fetch_once(&order).await.map(drop)
            })
            .await
    }

    /// Copies a layer between repositories through this service, into an upload that is open already. The registry
    /// checks the digest; nothing is kept here.
    pub(super) async fn copy_blob(
        &self,
        source: &str,
        layer: &Descriptor,
        upload: &str,
        scopes: &[Scope],
    ) -> Result<(), RegistryError> {
        let what = format!("copying {} from {source}", layer.digest);
        let order = Order { follows_redirects: true, ..blob_order(source, &layer.digest, &what) };
        let response = self.transport.open(&order.scopes(scopes), None).await?;
        if response.content_length().is_some_and(|length| length != layer.size) {
            return Err(malformed(&what, "the layer is not as long as its manifest says"));
        }
        let stream = response.bytes_stream().map_err(reqwest::Error::without_url);
        let mut order = closing_order(upload, &layer.digest, &what).scopes(scopes);
        order.headers.insert(CONTENT_LENGTH, HeaderValue::from(layer.size));
        self.transport.open(&order, Some(reqwest::Body::wrap_stream(stream))).await.map(drop)
    }

    /// Opens an upload.
    pub(super) async fn open_upload(&self, target: &str, scopes: &[Scope]) -> Result<String, RegistryError> {
        let what = format!("opening an upload to {target}");
        self.transport.patiently(|| self.open_upload_once(target, &what, scopes)).await
    }

    async fn open_upload_once(&self, target: &str, what: &str, scopes: &[Scope]) -> Result<String, RegistryError> {
        let path = format!("/v2/{target}/blobs/uploads/");
        let order = Order::new(Method::POST, path, what).scopes(scopes).accepts(&[202]);
        let answer = self.transport.fetch_once(&order).await?;
        self.upload_path(what, &answer).await
    }

    /// Gives an upload up. What a registry does not clean up here it cleans up later.
    pub(super) async fn cancel_upload(&self, path: &str, scopes: &[Scope]) {
        let order = Order::new(Method::DELETE, path, "cancelling an upload").scopes(scopes).accepts(&[200, 202, 204]);
        if let Err(error) = self.transport.fetch_once(&order).await {
            tracing::debug!("{error}");
        }
    }

    async fn upload_path(&self, what: &str, answer: &Answer) -> Result<String, RegistryError> {
        let location =
            answer.header(LOCATION.as_str()).ok_or_else(|| malformed(what, "an upload without a location"))?;
        self.transport.local_path(what, location).await
    }

    /// Puts a manifest under a tag and has the registry confirm it; one that is there already is only confirmed.
    pub(super) async fn put_manifest(
        &self,
        target: &str,
        tag: &str,
        media_type: &str,
        manifest: Bytes,
        scopes: &[Scope],
    ) -> Result<Digest, RegistryError> {
        let what = format!("putting manifest {target}:{tag}");
        let digest = Digest::of(&manifest);
        let mut order = Order::new(Method::PUT, format!("/v2/{target}/manifests/{tag}"), &what)
            .scopes(scopes)
            .accepts(&[200, 201, 202]);
        let media_type =
            HeaderValue::try_from(media_type).map_err(|_| malformed(&what, "a media type that is none"))?;
        order.headers.insert(CONTENT_TYPE, media_type);
        order.body = manifest;
        let put = self.transport.fetch(&order).await;
        let head = self.head(target, tag, scopes).await;
        match (put, head) {
            // Whatever was said of it: a tag that must not be overwritten refuses what it holds already.
            (_, Ok(head)) if head.digest == digest => Ok(digest),
            (Err(error), _) | (Ok(_), Err(error)) => Err(error),
            (Ok(_), Ok(head)) => Err(RegistryError::WrongDigest { what, expected: digest, found: head.digest }),
        }
    }
}

/// The order that ends an upload.
fn closing_order(path: &str, digest: &Digest, what: &str) -> Order {
    let separator = if path.contains('?') { '&' } else { '?' };
    let path = format!("{path}{separator}digest={}", escape_query(digest.as_str()));
    let mut order = Order::new(Method::PUT, path, what).accepts(&[201, 202, 204]);
    order.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    order
}

fn escape_query(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
