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

/// Generates the code of several documents, each with a name, into `OUT_DIR`: `NAME_api.rs`,
/// `NAME_client.rs` and `NAME_senders.rs`, and once `support.rs`, which the clients share. It must
/// stand as the module `crate::support`:
///
/// ```ignore
/// mod support {
///     include!(concat!(env!("OUT_DIR"), "/support.rs"));
/// }
/// ```
pub fn build_all(documents: &[(&str, &str)]) {
    let settings = Settings { support: Some("crate::support"), ..Settings::default() };
    let mut all = Vec::new();
    for (name, document) in documents {
        println!("cargo::rerun-if-changed={document}");
        match Build::new(document).generate(&settings) {
            Ok(generated) => all.push((name, generated)),
            Err(error) => return print_error(&*error),
        }
    }
    let write = || -> Result<(), Box<dyn Error>> {
        let support = crate::support(all.iter().map(|(_, generated)| generated))?;
        let files = all.iter().flat_map(|(name, generated)| {
            [
                (format!("{name}_api.rs"), &generated.server),
                (format!("{name}_client.rs"), &generated.client),
                (format!("{name}_senders.rs"), &generated.senders),
            ]
        });
        write_files(files.chain([("support.rs".to_owned(), &support)]))
    };
    if let Err(error) = write() {
        print_error(&*error);
    }
}

fn print_error(error: &dyn Error) {
    for line in error.to_string().lines() {
        println!("cargo::error={line}");
    }
}

fn write_files<'a>(
    files: impl IntoIterator<Item = (String, &'a String)>,
) -> Result<(), Box<dyn Error>> {
    let folder =
        std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set: this is no build script")?;
    for (name, text) in files {
        std::fs::write(Path::new(&folder).join(name), text)?;
    }
    Ok(())
}

/// As [`build`], with settings.
#[derive(Debug, Clone, Copy)]
pub struct Build<'a> {
    document: &'a str,
    mode: Mode,
    shares_types: bool,
    crates: &'a [&'a str],
}

impl<'a> Build<'a> {
    /// Of this document.
    pub fn new(document: &'a str) -> Build<'a> {
        Build { document, mode: Mode::Strict, shares_types: false, crates: &[] }
    }

    /// Takes a document with parts that the generated code does not enforce.
    pub fn lenient(mut self) -> Build<'a> {
        self.mode = Mode::Lenient;
        self
    }

    /// Leaves the data types out of `client.rs`, for a crate that has the server too. They are then
    /// compiled once:
    ///
    /// ```ignore
    /// mod client {
    ///     pub use crate::api::types;
    ///     include!(concat!(env!("OUT_DIR"), "/client.rs"));
    /// }
    /// ```
    pub fn share_types(mut self) -> Build<'a> {
        self.shares_types = true;
        self
    }

    /// Crates whose types the code uses, where `x-rust-type` names one as typify reads it: see
    /// [`Settings::crates`].
    pub fn crates(mut self, crates: &'a [&'a str]) -> Build<'a> {
        self.crates = crates;
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
    /// `specbound new` made. Its client shares the types of the server.
    pub fn project(self) {
        self.share_types().run(|generated| {
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
        let written = self
            .generate(&Settings { crates: self.crates, ..Settings::default() })
            .and_then(|mut generated| {
                if self.shares_types {
                    generated.client = generated.client_without_types();
                }
                let files = files(generated);
                write_files(files.iter().map(|(name, text)| ((*name).to_owned(), text)))
            });
        if let Err(error) = written {
            print_error(&*error);
        }
    }

    fn generate(self, settings: &Settings<'_>) -> Result<Generated, Box<dyn Error>> {
        let source = report::read_document(Path::new(self.document), ReadOptions::default())?;
        let generated = generate_from(&source.value, settings, self.mode);
        Ok(generated.map_err(|error| format!("{}: {error}", self.document))?)
    }
}
