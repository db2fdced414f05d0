//! Old image rows: the newest row of each name.

use std::collections::HashMap;

use super::row::OldRow;
use super::{Import, ImportError};
use crate::clock::Moment;
use crate::store::OldImage;

const COLUMNS: &[&str] = &[
    "primary_id",
    "task_id",
    "name",
    "tag",
    "id",
    "type",
    "description",
    "size",
    "interaction",
    "create_time",
    "update_time",
];

impl Import<'_> {
    pub(super) async fn images(&mut self, now: Moment) -> Result<(), ImportError> {
        let (rows, mut report) = self.source.rows(&["fb_image_table"], COLUMNS).await?;
        let mut newest: HashMap<String, OldImage> = HashMap::new();
        for row in &rows {
            match self.old_image(row, now) {
                Ok(image) => {
                    if newest.insert(image.name_key.clone(), image).is_some() {
                        report.skip("its name occurs twice; the newest row counts");
                    }
                }
                Err(reason) => report.skip(reason),
            }
        }
        let mut images: Vec<OldImage> = newest.into_values().collect();
        images.sort_by_key(|image| (image.primary_id, image.create_time));
        for image in &images {
            let is_new = self.writing.import_image(image).await?;
            report.offered(is_new);
            if is_new && self.added_tasks.contains(&image.task_id) {
                self.writing.settle_task_image(image.task_id, &image.image_id).await?;
            }
        }
        self.report.tables.push(report);
        Ok(())
    }

    fn old_image(&self, row: &OldRow, now: Moment) -> Result<OldImage, &'static str> {
        let (name, tag) = (row.text("name"), row.text("tag"));
        if name.is_empty() {
            return Err("no name");
        }
        let tag = if tag.is_empty() { "latest".to_owned() } else { tag };
        let (create_time, update_time) = row.times(&self.settings.fb.time_zone.0, now);
        let task_id = row.integer("task_id").unwrap_or(0);
        let image_type = match row.text("type").to_ascii_lowercase().as_str() {
            "base" => "Base",
            // An old version had no such column.
            "" if task_id == 0 => "Base",
            "customized" | "" => "Customized",
            _ => return Err("neither Base nor Customized"),
        };
        Ok(OldImage {
            primary_id: row.integer("primary_id").filter(|number| *number > 0),
            task_id,
            name_key: self.name_key(&format!("{name}:{tag}")),
            name,
            tag,
            image_id: row.text("id").trim().trim_start_matches("sha256:").to_owned(),
            image_type,
            description: row.text("description"),
            size_bytes: size_bytes(&row.text("size")).unwrap_or(0),
            interaction: row.text("interaction"),
            create_time,
            update_time,
        })
    }
}

/// The bytes of `1.23G`; a bare number is bytes.
fn size_bytes(text: &str) -> Option<i64> {
    let text = text.trim().trim_end_matches(['b', 'B', 'i']);
    let unit = text.chars().last()?;
    let exponent = match unit.to_ascii_uppercase() {
        'K' => 1,
        'M' => 2,
        'G' => 3,
        'T' => 4,
        _ => 0,
    };
    let number = if exponent == 0 { text } else { &text[..text.len() - unit.len_utf8()] };
    let bytes = number.trim().parse::<f64>().ok()? * 1024_f64.powi(exponent);
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    (0.0..9e18).contains(&bytes).then_some(bytes as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_every_unit() {
        for (text, bytes) in [
            ("0.53G", Some(569_083_166)),
            ("1.5 GB", Some(1_610_612_736)),
            ("2MiB", Some(2 << 20)),
            ("10k", Some(10_240)),
            ("77", Some(77)),
            ("", None),
            ("large", None),
            ("-1G", None),
            ("镜", None),
        ] {
            assert_eq!(size_bytes(text), bytes, "{text}");
        }
    }
}
