//! No import cycles within a crate: modules below one parent import each other in one direction
//! only. A parent and its children may import each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use crate::layers::{code, files};
use crate::markdown::root;

const SOURCES: [&str; 7] = [
    "benches/src/bin/bench",
    "src",
    "crates/specbound/src",
    "crates/specbound-cli/src",
    "crates/specbound-codegen/src",
    "crates/specbound-contract/src",
    "tools/src/bin/fuzz",
];

static USE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?m)^\s*(?:pub(?:\([^)]*\))? )?use ([^;]+);").unwrap());

/// A path in an expression. The path of an import is found by [`USE`].
static PATH: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b(?:crate|super|self)(?:::\w+)+").unwrap());

/// Segments, without the name of the crate.
type ModulePath = Vec<String>;

/// The paths that each module imports, and the module and name that an import brings a path under.
#[derive(Default)]
struct Crate {
    imports: BTreeMap<ModulePath, BTreeSet<String>>,
    names: BTreeMap<(ModulePath, String), String>,
}

/// The paths in a tree such as `a::{b, c::d as e}`.
fn expand(prefix: &str, tree: &str, found: &mut Vec<String>) {
    let Some((before, inner)) = tree.split_once('{') else {
        let name = tree.trim().split(" as ").next().unwrap_or_default();
        found.extend((!name.is_empty()).then(|| format!("{prefix}{name}")));
        return;
    };
    let prefix = format!("{prefix}{}", before.trim());
    let inner = inner.rsplit_once('}').map_or(inner, |(inner, _)| inner);
    let (mut depth, mut start) = (0, 0);
    for (at, letter) in inner.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&prefix, &inner[start..at], found);
                start = at + 1;
            }
            _ => {}
        }
    }
    expand(&prefix, &inner[start..], found);
}

fn module_path(folder: &Path, file: &Path) -> ModulePath {
    let relative = file.strip_prefix(folder).unwrap().with_extension("");
    let mut path: ModulePath =
        relative.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    path.pop_if(|last| ["mod", "lib", "main"].contains(&last.as_str()));
    path
}

impl Crate {
    fn read(folder: &Path) -> Crate {
        let mut read = Crate::default();
        for file in files(folder) {
            let module = module_path(folder, &file);
            if !module.iter().any(|part| part == "tests") {
                read.add(module, &file);
            }
        }
        read
    }

    fn add(&mut self, module: ModulePath, file: &PathBuf) {
        let text = std::fs::read_to_string(file).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        let text = code(text).collect::<Vec<_>>().join("\n");
        let mut paths = Vec::new();
        for import in USE.captures_iter(&text) {
            expand("", &import[1], &mut paths);
        }
        for path in &paths {
            let name = path.rsplit("::").next().unwrap_or_default().to_owned();
            self.names.insert((module.clone(), name), path.clone());
        }
        let rest = USE.replace_all(&text, "");
        paths.extend(PATH.find_iter(&rest).map(|path| path.as_str().to_owned()));
        self.imports.insert(module, paths.into_iter().collect());
    }

    /// The module that a path leads to. A name that a module re-exports leads to its origin.
    fn target(&self, module: &ModulePath, path: &str, depth: usize) -> Option<ModulePath> {
        let mut at = module.clone();
        let mut segments = path.split("::").peekable();
        if segments.next_if_eq(&"crate").is_some() {
            at.clear();
        }
        while let Some(step) = segments.next_if(|segment| ["self", "super"].contains(segment)) {
            if step == "super" {
                at.pop()?;
            }
        }
        let mut is_known = path.starts_with("crate::") || path.starts_with("super");
        for segment in segments {
            let below = [&at[..], &[segment.to_owned()]].concat();
            if !self.imports.contains_key(&below) {
                let origin = self.names.get(&(at.clone(), segment.to_owned()));
                let origin = origin.filter(|origin| is_known && *origin != path && depth < 4);
                return match origin {
                    Some(origin) => self.target(&at, origin, depth + 1),
                    None => is_known.then_some(at),
                };
            }
            (at, is_known) = (below, true);
        }
        is_known.then_some(at)
    }

    /// By parent, which of the modules below it imports which, and by which path.
    fn edges(&self) -> BTreeMap<ModulePath, BTreeMap<(String, String), String>> {
        let mut edges: BTreeMap<ModulePath, BTreeMap<(String, String), String>> = BTreeMap::new();
        for (module, paths) in &self.imports {
            for path in paths {
                let Some(target) = self.target(module, path, 0) else { continue };
                let same = module.iter().zip(&target).take_while(|(a, b)| a == b).count();
                if let (Some(from), Some(to)) = (module.get(same), target.get(same)) {
                    let why = format!("{} imports {path}", module.join("::"));
                    let siblings = edges.entry(module[..same].to_vec()).or_default();
                    siblings.insert((from.clone(), to.clone()), why);
                }
            }
        }
        edges
    }
}

/// The imports that take part in a circle.
fn circles(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for (parent, edges) in Crate::read(folder).edges() {
        let reaches = |from: &String, to: &String| {
            let (mut seen, mut ahead) = (BTreeSet::new(), vec![from]);
            while let Some(next) = ahead.pop() {
                let imported = edges.keys().filter(|(importer, _)| importer == next);
                ahead.extend(imported.map(|(_, to)| to).filter(|to| seen.insert(*to)));
            }
            seen.contains(to)
        };
        let circular = edges.iter().filter(|((from, to), _)| reaches(to, from));
        let at = folder.strip_prefix(root()).unwrap_or(folder).display();
        found.extend(circular.map(|(_, why)| format!("{at} {}: {why}", parent.join("::"))));
    }
    found
}

#[test]
fn modules_import_each_other_in_one_direction() {
    let found: Vec<String> =
        SOURCES.iter().flat_map(|folder| circles(&root().join(folder))).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn cycle_through_a_re_export_is_detected() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("lib.rs", "mod a;\nmod b;\npub use b::Thing;\nuse a::run;\n");
    write("a.rs", "use super::Thing;\npub fn run() {}\n");
    write("b.rs", "pub struct Thing;\n#[cfg(test)]\nmod tests {\n    use crate::a;\n}\n");
    assert_eq!(circles(folder.path()), Vec::<String>::new());
    write("b.rs", "pub struct Thing;\nfn f() {\n    crate::a::run()\n}\n");
    assert_eq!(circles(folder.path()).len(), 2);
}

#[test]
fn every_path_of_an_import_is_found() {
    let mut found = Vec::new();
    expand("", "crate::{a, b::{self, C as D},\n    e::*}", &mut found);
    assert_eq!(found, ["crate::a", "crate::b::self", "crate::b::C", "crate::e::*"]);
}
