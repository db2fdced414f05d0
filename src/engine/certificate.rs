//! The little of an X.509 certificate that must be known before it is used: its version and its dates.
//!
//! rustls refuses what it cannot use, but in words of its own and only once a connection is tried. Reading these
//! three fields takes a walk over five DER elements; anything unexpected is `None` and left for rustls to judge.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const EXPLICIT_VERSION: u8 = 0xa0;

/// Version and dates of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Certificate {
    /// 1, 2 or 3.
    pub(super) version: u8,
    /// First moment of validity.
    pub(super) not_before: Timestamp,
    /// Last moment of validity.
    pub(super) not_after: Timestamp,
}

impl Certificate {
    /// Reads a DER certificate.
    pub(super) fn read(der: &[u8]) -> Option<Self> {
        let mut outer = Elements(der);
        let mut certificate = Elements(outer.expect(SEQUENCE)?);
        let mut fields = Elements(certificate.expect(SEQUENCE)?);
        // An absent version means the first.
        let version = match fields.peek() {
            Some(EXPLICIT_VERSION) => {
                let number = Elements(fields.expect(EXPLICIT_VERSION)?).expect(INTEGER)?;
                number.last()?.checked_add(1)?
            }
            _ => 1,
        };
        fields.expect(INTEGER)?; // serial number
        fields.expect(SEQUENCE)?; // signature algorithm
        fields.expect(SEQUENCE)?; // issuer
        let mut validity = Elements(fields.expect(SEQUENCE)?);
        Some(Self { version, not_before: validity.time()?, not_after: validity.time()? })
    }
}

/// What is left of a run of DER elements.
struct Elements<'a>(&'a [u8]);

impl<'a> Elements<'a> {
    fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// Takes the next element.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = if first < 0x80 {
            (usize::from(first), rest)
        } else {
            let count = usize::from(first & 0x7f);
            if !(1..=4).contains(&count) {
                return None;
            }
            let (digits, rest) = rest.split_at_checked(count)?;
            (digits.iter().fold(0, |sum, &digit| (sum << 8) | usize::from(digit)), rest)
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// Takes the next element if it has this tag.
    fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }

    /// Takes a time: `YYMMDDHHMMSSZ` (1950 to 2049) or `YYYYMMDDHHMMSSZ`.
    fn time(&mut self) -> Option<Timestamp> {
        let (tag, content) = self.next()?;
        let digits = content.strip_suffix(b"Z")?;
        let pair = |index: usize| -> Option<i8> {
            let text = std::str::from_utf8(digits.get(index..index + 2)?).ok()?;
            text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
        };
        let (year, start) = match tag {
            UTC_TIME => {
                let short = i16::from(pair(0)?);
                (if short < 50 { 2000 + short } else { 1900 + short }, 2)
            }
            GENERALIZED_TIME => (i16::from(pair(0)?) * 100 + i16::from(pair(2)?), 4),
            _ => return None,
        };
        let date = DateTime::new(
            year,
            pair(start)?,
            pair(start + 2)?,
            pair(start + 4)?,
            pair(start + 6)?,
            pair(start + 8)?,
            0,
        );
        TimeZone::UTC.to_timestamp(date.ok()?).ok()
    }
}
