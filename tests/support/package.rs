//! A package that a test writes at run time and gives to the real cargo: for code that must compile, must not compile,
//! or must run, and that contains what the generator makes of some document.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub struct Package {
    folder: PathBuf,
}

impl Package {
    /// Empty, with this package's own dependencies. With the same features and profile, cargo finds what it has built
    /// for the other tests.
    pub fn new(name: &str) -> Package {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(folder.join("examples"));
        std::fs::create_dir_all(folder.join("examples")).unwrap();
        std::fs::create_dir_all(folder.join("src")).unwrap();
        let root = env!("CARGO_MANIFEST_DIR");
        let own = std::fs::read_to_string(Path::new(root).join("Cargo.toml")).unwrap();
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n{}\
             inventree-auth = {{ path = {root:?} }}\n[profile.dev]{}",
            dependencies(&own, root),
            own.split_once("[profile.dev]").unwrap().1,
        );
        std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
        std::fs::write(folder.join("src/lib.rs"), "").unwrap();
        // The same versions as here, and nothing from the network that is not here already.
        std::fs::copy(Path::new(root).join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
        Package { folder }
    }

    /// Adds the program `examples/<name>.rs`.
    pub fn add(&self, name: &str, code: &str) {
        std::fs::write(self.folder.join(format!("examples/{name}.rs")), code).unwrap();
    }

    pub fn cargo(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO"))
            .args(arguments)
            .args(["--offline", "--color", "never"])
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join(".."))
            .env_remove("RUSTFLAGS")
            .output()
            .unwrap()
    }
}

/// The text of one section of a manifest.
pub fn section<'a>(manifest: &'a str, name: &str) -> &'a str {
    manifest.split_once(&format!("\n[{name}]\n")).unwrap().1.split_once("\n[").unwrap().0
}

/// Sections `workspace.dependencies` and, as the last one, `dependencies` of a package with this package's dependencies
/// and dev-dependencies. A crate in both is taken from the latter, which has more features.
pub fn dependencies(own: &str, root: &str) -> String {
    let for_tests = section(own, "dev-dependencies");
    let name = |line: &str| line.split_once(" = ").map(|(name, _)| format!("\n{name} = "));
    let open_postgres: String = section(own, "dependencies")
        .lines()
        .filter(|line| name(line).is_none_or(|name| !format!("\n{for_tests}").contains(&name)))
        .map(|line| format!("{line}\n"))
        .collect();
    format!(
        "[workspace.dependencies]\n{}\n[dependencies]\n{open_postgres}{for_tests}\n",
        section(own, "workspace.dependencies")
    )
    .replace("path = \"crates", &format!("path = \"{root}/crates"))
    .replace("path = \"generated", &format!("path = \"{root}/generated"))
}
