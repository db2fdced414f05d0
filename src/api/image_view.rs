//! An image of record as answers show it.

use serde::Serialize;
use utoipa::ToSchema;

use super::AppState;
use crate::store::ImageRow;

const BYTES_PER_GIGABYTE: f64 = 1_000_000_000.0;

/// An image of record.
#[derive(Serialize, ToSchema)]
#[schema(title = "Image")]
pub(super) struct ImageView {
    /// When the row was written.
    #[schema(example = "2026-11-21T03:12:41.898484")]
    create_time: String,
    /// Name without tag.
    #[schema(example = "harbor.example.cn/library/notebook")]
    name: String,
    /// Task that made it; 0 for a base.
    task_id: i64,
    /// The daemon's image id without `sha256:`.
    id: String,
    /// Description.
    description: String,
    /// Services it serves.
    #[schema(example = "WebSSH, JupyterLab")]
    interaction: String,
    /// When the row last changed.
    update_time: String,
    /// Row number.
    primary_id: i64,
    /// Tag.
    #[schema(example = "v1")]
    tag: String,
    /// `Base` or `Customized`.
    #[schema(example = "Customized")]
    r#type: String,
    /// Size in gigabytes.
    #[schema(example = "0.53G")]
    size: String,
    /// Size in bytes.
    size_bytes: i64,
    /// Manifest digest in the registry; empty when unknown.
    digest: String,
}

impl ImageView {
    pub(super) fn new(row: ImageRow, state: &AppState) -> Self {
        Self {
            create_time: state.time(row.create_time),
            name: row.name,
            task_id: row.task_id,
            id: row.image_id.strip_prefix("sha256:").unwrap_or(&row.image_id).to_owned(),
            description: row.description,
            interaction: row.interaction,
            update_time: state.time(row.update_time),
            primary_id: row.primary_id,
            tag: row.tag,
            r#type: row.r#type,
            size: gigabytes(row.size_bytes),
            size_bytes: row.size_bytes,
            digest: row.digest,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "two decimals of a gigabyte need no more precision")]
fn gigabytes(bytes: i64) -> String {
    format!("{:.2}G", bytes as f64 / BYTES_PER_GIGABYTE)
}

#[cfg(test)]
mod tests {
    use super::gigabytes;

    #[test]
    fn sizes_are_decimal_gigabytes() {
        assert_eq!(gigabytes(530_000_000), "0.53G");
        assert_eq!(gigabytes(0), "0.00G");
        assert_eq!(gigabytes(53_687_091_200), "53.69G");
    }
}
