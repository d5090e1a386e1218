//! For build scripts: generates files in `OUT_DIR` from a document on disk.

use std::error::Error;
use std::path::Path;

use specbound_contract::{ReadOptions, report};

use crate::{Generated, Mode, Settings, generate_from};

/// Generates the code of a document into `OUT_DIR`: `api.rs` is the server's, `client.rs` the
/// client's, and `senders.rs` that of callbacks and webhooks. To be called from a build script; an
/// error stops the build with its message.
pub fn build(document: &str) {
    Build::new(document).api();
}

/// As [`build`], with settings.
#[derive(Debug, Clone, Copy)]
pub struct Build<'a> {
    document: &'a str,
    mode: Mode,
}

impl<'a> Build<'a> {
    /// Of this document.
    pub fn new(document: &'a str) -> Build<'a> {
        Build { document, mode: Mode::Strict }
    }

    /// Takes what the generated code does not enforce.
    pub fn lenient(mut self) -> Build<'a> {
        self.mode = Mode::Lenient;
        self
    }

    /// Writes `api.rs`, `client.rs`, and for callbacks and webhooks `senders.rs`.
    pub fn api(self) {
        self.run(|generated| {
            vec![
                ("api.rs", generated.server),
                ("client.rs", generated.client),
                ("senders.rs", generated.senders),
            ]
        });
    }

    /// Writes also `operations.rs`, `calls.rs` and `document.json`, for a project that
    /// `specbound new` made.
    pub fn project(self) {
        self.run(|generated| {
            vec![
                ("api.rs", generated.server),
                ("client.rs", generated.client),
                ("senders.rs", generated.senders),
                ("operations.rs", generated.project.operations),
                ("calls.rs", generated.project.calls),
                ("document.json", generated.document),
            ]
        });
    }

    fn run(self, files: impl FnOnce(Generated) -> Vec<(&'static str, String)>) {
        println!("cargo::rerun-if-changed={}", self.document);
        if let Err(error) = self.write(files) {
            for line in error.to_string().lines() {
                println!("cargo::error={line}");
            }
        }
    }

    fn write(
        self,
        files: impl FnOnce(Generated) -> Vec<(&'static str, String)>,
    ) -> Result<(), Box<dyn Error>> {
        let source = report::read_document(Path::new(self.document), ReadOptions::default())?;
        let generated = generate_from(&source.value, &Settings::default(), self.mode)
            .map_err(|error| format!("{}: {error}", self.document))?;
        let folder =
            std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set: this is no build script")?;
        for (name, text) in files(generated) {
            std::fs::write(Path::new(&folder).join(name), text)?;
        }
        Ok(())
    }
}
