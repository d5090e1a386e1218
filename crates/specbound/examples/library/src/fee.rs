//! A type of this crate in the generated ones: `x-rust-type` of the document names it.

use serde::{Deserialize, Serialize};

/// An amount of money. It is read from JSON with these members, or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fee {
    /// In hundredths.
    pub cents: u32,
    pub currency: Currency,
}

/// The document takes three letters, and this library some of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    Eur,
    Usd,
}

impl Fee {
    /// Up to whole units.
    pub fn rounded(&self) -> Fee {
        Fee { cents: self.cents.div_ceil(100) * 100, ..self.clone() }
    }
}
