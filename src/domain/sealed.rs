//! State of the server that a browser keeps, encrypted under a key derived from the secret key.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{App, keys};

/// State that the browser keeps for the server, encrypted: it can neither read nor modify it.
#[derive(Clone)]
pub struct Sealed(String);

impl Sealed {
    pub fn new(text: &str) -> Sealed {
        Sealed(text.to_owned())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(super) fn seal(app: &App, purpose: &str, state: &impl Serialize) -> Sealed {
        let plain = serde_json::to_vec(state).unwrap_or_default();
        Sealed(URL_SAFE_NO_PAD.encode(keys::seal(&app.secret, purpose, &plain, app.random())))
    }

    pub(super) fn open<T: DeserializeOwned>(&self, app: &App, purpose: &str) -> Option<T> {
        let sealed = URL_SAFE_NO_PAD.decode(&self.0).ok()?;
        serde_json::from_slice(&keys::open(&app.secret, purpose, &sealed)?).ok()
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(…)")
    }
}
