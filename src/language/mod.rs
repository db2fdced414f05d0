//! The words of this service in both its languages: one catalogue, no text elsewhere.
//!
//! A [`Message`] says what happened, to what, and what to do; a hint says what to do about a [`crate::cause::Cause`], an
//! [`crate::explanation::Explanation`] is what a task's row keeps of its failure.
//! Each language is one exhaustive `match`, so that a message without its words in a language does not compile.

mod chinese;
mod english;
mod explanation;
mod hint;
mod message;
mod notice;
mod remark;
mod title;

pub use explanation::explain;
pub use hint::hint;
pub use message::{Excess, Message};
pub use notice::{Notice, part_columns, task_columns};
pub use remark::remark;
pub use title::title;

use crate::settings::DefaultLanguage;

/// A language of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Chinese.
    Chinese,
    /// English.
    English,
}

impl Language {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Chinese, Self::English];

    /// The better liked of both in an `Accept-Language` header, `default` where it names neither.
    pub fn from_accepted(header: &str, default: Self) -> Self {
        let mut best: Option<(f32, Self)> = None;
        for range in header.split(',') {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let tag = tag.trim();
            let language = match tag.split('-').next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "zh" => Self::Chinese,
                "en" => Self::English,
                "*" => default,
                _ => continue,
            };
            let weight = parameters.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>).unwrap_or(0.0);
            if weight > 0.0 && best.is_none_or(|(liked, _)| weight > liked) {
                best = Some((weight, language));
            }
        }
        best.map_or(default, |(_, language)| language)
    }

    /// Whether a text has Chinese characters.
    pub fn is_chinese(text: &str) -> bool {
        text.chars().any(|letter| ('\u{4e00}'..='\u{9fff}').contains(&letter))
    }

    /// The tag of `Content-Language` and `lang`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Chinese => "zh-CN",
            Self::English => "en",
        }
    }
}

impl From<DefaultLanguage> for Language {
    fn from(setting: DefaultLanguage) -> Self {
        match setting {
            DefaultLanguage::Chinese => Self::Chinese,
            DefaultLanguage::English => Self::English,
        }
    }
}

/// Bytes for people.
#[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
fn gigabytes(bytes: u64) -> String {
    format!("{:.2} GB", bytes as f64 / f64::from(1 << 30))
}

#[cfg(test)]
mod tests {
    use super::Language::{self, Chinese, English};

    #[test]
    fn the_better_liked_language_wins() {
        for (header, default, expected) in [
            ("", Chinese, Chinese),
            ("en", Chinese, English),
            ("en-US,en;q=0.9", Chinese, English),
            ("zh-CN,zh;q=0.9,en;q=0.8", English, Chinese),
            ("fr, en;q=0.3", Chinese, English),
            ("fr", English, English),
            ("en;q=0", Chinese, Chinese),
            ("zh;q=0.2, en;q=0.7", Chinese, English),
            ("*", English, English),
            ("en;q=nonsense", Chinese, Chinese),
            (";;;,,,", Chinese, Chinese),
        ] {
            assert_eq!(Language::from_accepted(header, default), expected, "{header:?}");
        }
    }
}
