//! Where a page of rows stands in its list, and the way to its neighbours.

use std::collections::BTreeMap;

/// Rows of a page.
pub(super) const PAGE_SIZE: i64 = 20;

/// The query of a list.
pub(super) type ListQuery = BTreeMap<String, String>;

/// A text of the query, trimmed; empty when it is not there.
pub(super) fn text<'a>(query: &'a ListQuery, name: &str) -> &'a str {
    query.get(name).map(|text| text.trim()).unwrap_or_default()
}

/// The page asked for, from 1.
pub(super) fn page_number(query: &ListQuery) -> i64 {
    query.get("page").and_then(|page| page.parse().ok()).unwrap_or(1).clamp(1, 1 << 40)
}

/// A place in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Paging {
    /// First row shown, from 1.
    pub(super) first: i64,
    /// Last row shown.
    pub(super) last: i64,
    /// Rows in all.
    pub(super) total: i64,
    /// Link to the page before.
    pub(super) previous: Option<String>,
    /// Link to the page after.
    pub(super) next: Option<String>,
}

impl Paging {
    /// A place in a list of `total` rows, of which `shown` are on this page.
    pub(super) fn new(path: &str, query: &ListQuery, shown: usize, total: i64) -> Self {
        let page = page_number(query);
        let before = (page - 1) * PAGE_SIZE;
        let shown = i64::try_from(shown).unwrap_or(PAGE_SIZE);
        let link = |page: i64| {
            let mut link = url::form_urlencoded::Serializer::new(format!("{path}?"));
            for (name, value) in query.iter().filter(|(name, value)| *name != "page" && !value.is_empty()) {
                link.append_pair(name, value);
            }
            link.append_pair("page", &page.to_string());
            link.finish().replacen("?&", "?", 1)
        };
        let pages = (total + PAGE_SIZE - 1) / PAGE_SIZE;
        Self {
            first: if shown == 0 { 0 } else { before + 1 },
            last: if shown == 0 { 0 } else { before + shown },
            total,
            previous: (page > 1).then(|| link((page - 1).min(pages).max(1))),
            next: (page < pages).then(|| link(page + 1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(pairs: &[(&str, &str)]) -> ListQuery {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn neighbours_keep_the_filters() {
        let paging = Paging::new("/", &query(&[("page", "2"), ("state", "A&B"), ("image_name", "")]), 20, 41);
        assert_eq!((paging.first, paging.last), (21, 40));
        assert_eq!(paging.previous.as_deref(), Some("/?state=A%26B&page=1"));
        assert_eq!(paging.next.as_deref(), Some("/?state=A%26B&page=3"));
    }

    #[test]
    fn a_page_beyond_the_end_leads_back() {
        let paging = Paging::new("/x", &query(&[("page", "900")]), 0, 5);
        assert_eq!((paging.first, paging.last, paging.next), (0, 0, None));
        assert_eq!(paging.previous.as_deref(), Some("/x?page=1"));
        assert_eq!(page_number(&query(&[("page", "-4")])), 1);
        assert_eq!(page_number(&query(&[("page", "many")])), 1);
    }
}
