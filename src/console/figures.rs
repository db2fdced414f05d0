//! Times, durations and sizes as people read them.

use jiff::tz::TimeZone;

use crate::clock::Moment;

/// A moment for a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stamp {
    /// `2026-11-21 02:54:07` in the zone of the settings.
    pub(super) shown: String,
    /// Milliseconds since 1970, for scripts.
    pub(super) millis: i64,
}

/// A moment of a row.
pub(super) fn stamp(micros: i64, zone: &TimeZone) -> Stamp {
    let text = Moment(micros).in_zone(zone);
    Stamp { shown: text.get(..19).unwrap_or(&text).replace('T', " "), millis: micros / 1_000 }
}

/// A duration such as `0.4 s`, `12 s`, `3 min 05 s` or `1 h 12 min`.
pub(super) fn duration(millis: i64) -> String {
    let seconds = millis / 1_000;
    match seconds {
        ..10 => format!("{}.{} s", seconds, millis % 1_000 / 100),
        10..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// A size such as `812 KB` or `1.23 GB`, in steps of 1,000 as registries count.
pub(super) fn size(bytes: i64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
    let bytes = bytes as f64;
    if bytes >= 1e9 {
        format!("{:.2} GB", bytes / 1e9)
    } else if bytes >= 1e6 {
        format!("{:.0} MB", bytes / 1e6)
    } else {
        format!("{:.0} KB", (bytes / 1e3).ceil())
    }
}

/// The first twelve digits of an image id.
pub(super) fn short_id(id: &str) -> &str {
    let hex = id.strip_prefix("sha256:").unwrap_or(id);
    hex.get(..12).unwrap_or(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        let durations =
            [(0, "0.0 s"), (450, "0.4 s"), (12_300, "12 s"), (185_000, "3 min 05 s"), (4_330_000, "1 h 12 min")];
        for (millis, text) in durations {
            assert_eq!(duration(millis), text);
        }
        for (bytes, text) in [(1, "1 KB"), (812_400, "813 KB"), (62_000_000, "62 MB"), (1_234_000_000, "1.23 GB")] {
            assert_eq!(size(bytes), text);
        }
        assert_eq!(short_id("sha256:b0e51d197a450263974e"), "b0e51d197a45");
        assert_eq!(short_id(""), "");
        let stamp = stamp(1_795_229_647_054_672, &TimeZone::UTC);
        assert_eq!((stamp.shown.as_str(), stamp.millis), ("2026-11-21 02:54:07", 1_795_229_647_054));
    }
}
