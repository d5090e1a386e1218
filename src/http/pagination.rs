//! `limit` and `offset`, parsed like DRF's LimitOffsetPagination, in the document's envelope.
//!
//! A limit that is missing, zero, negative or not a number returns all rows and ignores the offset.

use dropshot::RequestInfo;

use super::Settings;

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    pub limit: Option<i64>,
    pub offset: i64,
}

/// Links to the next and previous page.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Links {
    pub next: Option<String>,
    pub previous: Option<String>,
}

impl Page {
    pub fn new(limit: Option<i64>, offset: Option<i64>) -> Page {
        match limit.filter(|limit| *limit > 0) {
            Some(limit) => {
                Page { limit: Some(limit), offset: offset.filter(|o| *o > 0).unwrap_or(0) }
            }
            None => Page { limit: None, offset: 0 },
        }
    }

    /// The page as it is returned where no more than `most` of `count` rows are.
    pub fn at_most(self, most: i64, count: i64) -> Page {
        match count > most && self.limit.is_none_or(|limit| limit > most) {
            true => Page { limit: Some(most), ..self },
            false => self,
        }
    }

    /// Absolute, from the configured site; other parameters are kept, sorted in; an offset of 0 is
    /// left out.
    pub fn links(&self, settings: &Settings, request: &RequestInfo, count: i64) -> Links {
        let Some(limit) = self.limit else { return Links::default() };
        let link = |offset: i64| {
            let query = request.uri().query().unwrap_or_default();
            let mut pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
                .filter(|(key, _)| key != "limit" && key != "offset")
                .map(|(key, value)| (key.into_owned(), value.into_owned()))
                .collect();
            pairs.push(("limit".to_owned(), limit.to_string()));
            if offset > 0 {
                pairs.push(("offset".to_owned(), offset.to_string()));
            }
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            let query =
                form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
            format!("{}{}?{query}", settings.site_url, request.uri().path())
        };
        let end = self.offset.saturating_add(limit);
        Links {
            next: (end < count).then(|| link(end)),
            previous: (self.offset > 0).then(|| link((self.offset - limit).max(0))),
        }
    }

    /// The part of a list that is in memory already.
    pub fn of<T>(&self, all: Vec<T>) -> Vec<T> {
        let skip = usize::try_from(self.offset).unwrap_or(usize::MAX);
        let take =
            self.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        all.into_iter().skip(skip).take(take).collect()
    }
}
