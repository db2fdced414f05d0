//! Times as old services wrote them: a text without offset in the service's own zone.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

use super::row::OldValue;
use crate::clock::Moment;

/// Numbers below are seconds since 1970, then milliseconds, then microseconds.
const FIRST_MILLISECOND: i64 = 100_000_000_000;
const FIRST_MICROSECOND: i64 = 100_000_000_000_000;

/// The moment that a value tells, read in `zone` where it names none.
pub(super) fn moment(value: &OldValue, zone: &TimeZone) -> Option<Moment> {
    match value {
        OldValue::Integer(number) => from_number(*number),
        #[expect(clippy::cast_possible_truncation, reason = "microseconds of any real date fit")]
        OldValue::Real(seconds) if seconds.is_finite() => Some(Moment((seconds * 1_000_000.0) as i64)),
        OldValue::Real(_) | OldValue::Null => None,
        OldValue::Text(text) => from_text(text.trim(), zone),
    }
}

fn from_number(number: i64) -> Option<Moment> {
    let scale = match number {
        1..FIRST_MILLISECOND => 1_000_000,
        FIRST_MILLISECOND..FIRST_MICROSECOND => 1_000,
        FIRST_MICROSECOND.. => 1,
        _ => return None,
    };
    Some(Moment(number.checked_mul(scale)?))
}

fn from_text(text: &str, zone: &TimeZone) -> Option<Moment> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return from_number(text.parse().ok()?);
    }
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(Moment(timestamp.as_microsecond()));
    }
    let civil = text.parse::<DateTime>().ok().or_else(|| Some(text.parse::<Date>().ok()?.at(0, 0, 0, 0)))?;
    let timestamp = zone.to_ambiguous_timestamp(civil).compatible().ok()?;
    Some(Moment(timestamp.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_a_time_is_read() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let text = |text: &str| OldValue::Text(text.to_owned());
        let moment_of = Moment(1_795_229_647_054_672);
        for value in [
            text("2026-11-21 10:54:07.054672"),
            text("2026-11-21T10:54:07.054672"),
            text(" 2026-11-21T02:54:07.054672Z "),
            text("2026-11-21T04:54:07.054672+02:00"),
            text("1795229647054672"),
            OldValue::Integer(1_795_229_647_054_672),
        ] {
            assert_eq!(moment(&value, &zone), Some(moment_of), "{value:?}");
        }
        for (value, micros) in [
            (text("2026-11-21 10:54:07"), 1_795_229_647_000_000),
            (text("2026-11-21"), 1_795_190_400_000_000),
            (OldValue::Integer(1_795_229_647), 1_795_229_647_000_000),
            (OldValue::Integer(1_795_229_647_054), 1_795_229_647_054_000),
            (OldValue::Real(1_795_229_647.5), 1_795_229_647_500_000),
        ] {
            assert_eq!(moment(&value, &zone), Some(Moment(micros)), "{value:?}");
        }
        for value in [OldValue::Null, text(""), text("yesterday"), OldValue::Integer(-1), OldValue::Real(f64::NAN)] {
            assert_eq!(moment(&value, &zone), None, "{value:?}");
        }
    }

    #[test]
    fn an_hour_that_a_clock_skipped_is_read_too() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let skipped = OldValue::Text("2026-03-29 02:30:00".to_owned());
        assert_eq!(moment(&skipped, &zone), Some(Moment(1_774_747_800_000_000)));
    }
}
