//! The patterns of Harbor's rules: `*` and `?` within a path segment, `**` across segments, `{a,b}`, `[a-c]`, `\`.
//!
//! Harbor matches with the doublestar library, and so do we. The work is bounded: a pattern that needs too much of it
//! matches nothing that can be told.

const WORK_LIMIT: usize = 20_000;
/// The recursion goes no deeper than pattern and text are long.
const PATTERN_LIMIT_CHARACTERS: usize = 1000;

/// Whether a pattern matches a whole text; `None` when it cannot be told. An empty pattern matches everything.
pub(super) fn matches(pattern: &str, text: &str) -> Option<bool> {
    if pattern.is_empty() {
        return Some(true);
    }
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    if pattern.len() > PATTERN_LIMIT_CHARACTERS || text.len() > PATTERN_LIMIT_CHARACTERS {
        return None;
    }
    let mut work_left = WORK_LIMIT;
    match_from(&pattern, &text, true, &mut work_left)
}

fn match_from(pattern: &[char], text: &[char], at_segment_start: bool, work_left: &mut usize) -> Option<bool> {
    *work_left = work_left.checked_sub(1)?;
    let Some((&first, rest)) = pattern.split_first() else { return Some(text.is_empty()) };
    match first {
        '*' if at_segment_start && is_double_star(pattern) => {
            let after = &pattern[2..];
            match after.split_first() {
                None => Some(true),
                Some((_, after)) => {
                    // Any number of whole segments, none included.
                    let mut start = 0;
                    loop {
                        if match_from(after, &text[start..], true, work_left)? {
                            return Some(true);
                        }
                        match text[start..].iter().position(|&character| character == '/') {
                            Some(offset) => start += offset + 1,
                            None => return Some(false),
                        }
                    }
                }
            }
        }
        '*' => {
            let segment = text.iter().take_while(|&&character| character != '/').count();
            for length in 0..=segment {
                if match_from(rest, &text[length..], false, work_left)? {
                    return Some(true);
                }
            }
            Some(false)
        }
        '{' => {
            let (alternatives, after) = alternatives(rest)?;
            for alternative in alternatives {
                let joined: Vec<char> = alternative.into_iter().chain(after.iter().copied()).collect();
                if match_from(&joined, text, at_segment_start, work_left)? {
                    return Some(true);
                }
            }
            Some(false)
        }
        _ => {
            let Some((&character, text)) = text.split_first() else { return Some(false) };
            let (is_match, rest) = match first {
                '?' => (character != '/', rest),
                '[' => match_class(rest, character)?,
                '\\' => {
                    let (&literal, rest) = rest.split_first()?;
                    (character == literal, rest)
                }
                literal => (character == literal, rest),
            };
            if is_match { match_from(rest, text, character == '/', work_left) } else { Some(false) }
        }
    }
}

/// `**` that is a segment of its own.
fn is_double_star(pattern: &[char]) -> bool {
    pattern.get(1) == Some(&'*') && matches!(pattern.get(2), None | Some('/'))
}

/// The alternatives up to the closing brace, and what follows it.
fn alternatives(pattern: &[char]) -> Option<(Vec<Vec<char>>, &[char])> {
    let mut found = vec![Vec::new()];
    let mut depth = 0_usize;
    let mut index = 0;
    loop {
        let character = *pattern.get(index)?;
        match character {
            '}' if depth == 0 => return Some((found, &pattern[index + 1..])),
            ',' if depth == 0 => found.push(Vec::new()),
            _ => {
                depth = match character {
                    '{' => depth + 1,
                    '}' => depth - 1,
                    _ => depth,
                };
                let current = found.last_mut()?;
                current.push(character);
                if character == '\\' {
                    index += 1;
                    current.push(*pattern.get(index)?);
                }
            }
        }
        index += 1;
    }
}

/// Whether the class before the closing bracket holds a character, and what follows it.
fn match_class(pattern: &[char], character: char) -> Option<(bool, &[char])> {
    let is_negated = matches!(pattern.first(), Some('^' | '!'));
    let mut index = usize::from(is_negated);
    let mut is_member = false;
    let mut is_first = true;
    loop {
        let mut low = *pattern.get(index)?;
        if low == ']' && !is_first {
            return Some((is_member != is_negated && character != '/', &pattern[index + 1..]));
        }
        is_first = false;
        if low == '\\' {
            index += 1;
            low = *pattern.get(index)?;
        }
        let mut high = low;
        if pattern.get(index + 1) == Some(&'-') && pattern.get(index + 2).is_some_and(|&next| next != ']') {
            high = pattern[index + 2];
            index += 2;
        }
        is_member |= (low..=high).contains(&character);
        index += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_as_doublestar_does() {
        for (pattern, text, expected) in [
            ("", "anything", Some(true)),
            ("**", "a/b/c", Some(true)),
            ("*", "v1.0", Some(true)),
            ("*", "a/b", Some(false)),
            ("v*", "v1", Some(true)),
            ("v*", "1v", Some(false)),
            ("a/**/c", "a/c", Some(true)),
            ("a/**/c", "a/b/b/c", Some(true)),
            ("a/**", "a/b/c", Some(true)),
            ("**/c", "c", Some(true)),
            ("**/c", "a/bc", Some(false)),
            ("v?.?", "v1.2", Some(true)),
            ("v?", "v", Some(false)),
            ("{release,v*}-final", "v2-final", Some(true)),
            ("{a,{b,c}}d", "cd", Some(true)),
            ("{a,b}", "c", Some(false)),
            ("[0-9]*", "1.2", Some(true)),
            ("[^0-9]*", "1.2", Some(false)),
            ("[!a]b", "cb", Some(true)),
            ("a\\*", "a*", Some(true)),
            ("a\\*", "ab", Some(false)),
            ("{a", "a", None),
            ("[a", "a", None),
            ("a\\", "ab", None),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} on {text}");
        }
    }

    #[test]
    fn hostile_patterns_end() {
        assert_eq!(matches(&("*a".repeat(40) + "b"), &"a".repeat(200)), None);
        assert_eq!(matches(&"{a,a}".repeat(40), &"a".repeat(41)), None);
        assert_eq!(matches(&"**/".repeat(100_000), "a"), None);
    }
}
