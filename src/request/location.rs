//! Where in a request body a value stands.

use std::fmt;

use serde::Serialize;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, utoipa::ToSchema)]
#[serde(untagged)]
pub enum LocationItem {
    /// A field's name.
    Field(String),
    /// A position in a list, or in the body's text.
    Index(usize),
}

/// A path such as `["body", "image_data", "task_name"]`. `Display` leaves out `body`: `image_data.task_name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, utoipa::ToSchema)]
#[serde(transparent)]
pub struct Location(Vec<LocationItem>);

impl Location {
    /// The body itself.
    pub fn body() -> Self {
        Self(vec![LocationItem::Field("body".to_owned())])
    }

    /// The query string.
    pub fn query() -> Self {
        Self(vec![LocationItem::Field("query".to_owned())])
    }

    /// The headers.
    pub fn header() -> Self {
        Self(vec![LocationItem::Field("header".to_owned())])
    }

    /// A field of what stands here.
    #[must_use]
    pub fn field(&self, name: &str) -> Self {
        self.with(LocationItem::Field(name.to_owned()))
    }

    /// An entry of the list that stands here.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.with(LocationItem::Index(index))
    }

    /// The steps.
    pub fn items(&self) -> &[LocationItem] {
        &self.0
    }

    fn with(&self, item: LocationItem) -> Self {
        Self(self.0.iter().cloned().chain([item]).collect())
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = if self.0.len() > 1 { &self.0[1..] } else { &self.0 };
        for (position, item) in shown.iter().enumerate() {
            match item {
                LocationItem::Field(name) if position == 0 => formatter.write_str(name)?,
                LocationItem::Field(name) => write!(formatter, ".{name}")?,
                LocationItem::Index(index) => write!(formatter, "[{index}]")?,
            }
        }
        Ok(())
    }
}
