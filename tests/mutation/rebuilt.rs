//! Changes of the document in `spec/`, followed by a build: is each reported, or does the server
//! follow it?
//!
//! Every mutation goes through the generator in this process, and a sample of each kind through a
//! build of a copy of this package, with the mutated document in `spec/` and `generated/`
//! refreshed. The verdict is the first that applies:
//!
//! 1. *generator*: it rejects the document and names the JSON path.
//! 2. *compiler*: the handlers do not match the generated code.
//! 3. *spec diff*: it builds, and the export of the server differs from the new document.
//! 4. *followed*: the export matches, because the change is in code with an effect: routes, types,
//!    the constraint table of a request, the table of operations.
//! 5. *nothing to follow*: only the export has changed, correctly, since the change requires
//!    nothing of a server; [`asks_nothing`] gives the reason for each kind.
//!
//! Otherwise the mutation has *survived*: the gate passes, and the server does not do as its
//! document says.
//!
//! The new value of a length, pattern or bound must be in the constraint table. `http/fields.rs`
//! enforces that table and has its own tests.
//!
//! [`acting`] removes the code without an effect: schemas of the export, comments, rows of
//! readOnly members, and constraint tables of types that are not requests.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Instant;

use inventree_auth::contract::diff::diff;
use inventree_auth::contract::{GUARANTEES, SOURCE, export_with_source, parse};
use quote::ToTokens;
use serde_json::Value;
use specbound::export::enforced;
use specbound_codegen::{Settings, generate};
use syn::visit_mut::{self, VisitMut};

use crate::mutations::{Mutation, Step, find};
use test_support::package::{dependencies, section};

/// The generator's output for a document: the code with an effect, and all of it.
fn generated(document: &Value) -> Result<(String, String), String> {
    let settings = Settings { trait_name: "AuthApi", ..Default::default() };
    let made = generate(&document.to_string(), &settings).map_err(|e| e.to_string())?;
    Ok((acting(&made.server), made.server))
}

/// The generated code without the parts that have no effect.
fn acting(server: &str) -> String {
    let mut file = syn::parse_file(server).expect("generated code");
    let all = file.to_token_stream().to_string();
    file.items.retain(|item| {
        let syn::Item::Impl(item) = item else { return true };
        let request = format!("Body < {} ,", item.self_ty.to_token_stream());
        !implements(item, "JsonSchema")
            && (!implements(item, "HasConstraints") || all.contains(&request))
    });
    Speechless.visit_file_mut(&mut file);
    file.to_token_stream().to_string()
}

fn implements(item: &syn::ItemImpl, name: &str) -> bool {
    let last = item.trait_.as_ref().and_then(|(path, _)| path.segments.last());
    last.is_some_and(|segment| segment.ident == name)
}

struct Speechless;

impl VisitMut for Speechless {
    fn visit_attributes_mut(&mut self, attributes: &mut Vec<syn::Attribute>) {
        attributes.retain(|attribute| !attribute.path().is_ident("doc"));
    }

    fn visit_item_mod_mut(&mut self, module: &mut syn::ItemMod) {
        for (_, items) in module.content.iter_mut() {
            items.retain(
                |item| !matches!(item, syn::Item::Impl(item) if implements(item, "JsonSchema")),
            );
        }
        visit_mut::visit_item_mod_mut(self, module);
    }

    /// `http/fields.rs` skips readOnly members, ignores `write_only`, and reads a `Uri` as a text.
    fn visit_expr_array_mut(&mut self, array: &mut syn::ExprArray) {
        let rows = std::mem::take(&mut array.elems);
        array.elems = rows
            .into_iter()
            .filter(|row| !row.to_token_stream().to_string().contains("read_only : true"))
            .collect();
        visit_mut::visit_expr_array_mut(self, array);
    }

    fn visit_field_value_mut(&mut self, field: &mut syn::FieldValue) {
        if matches!(&field.member, syn::Member::Named(name) if name == "write_only") {
            field.expr = syn::parse_quote!(false);
        }
        visit_mut::visit_field_value_mut(self, field);
    }

    fn visit_ident_mut(&mut self, name: &mut proc_macro2::Ident) {
        if name == "Uri" {
            *name = proc_macro2::Ident::new("Text", name.span());
        }
    }
}

/// The reason why a documented change of this kind requires nothing of a server.
fn asks_nothing(mutation: &Mutation) -> Option<&'static str> {
    Some(match mutation.kind {
        "title added" | "title changed" | "title removed" => {
            "a title names a schema for people and generators"
        }
        "schema deprecated" => "deprecation is advice to clients",
        "title of the API changed" | "version of the API changed" => "it names the document itself",
        "readOnly flipped" | "readOnly becomes writeOnly" => {
            "a schema that stands in replies alone: no request has it"
        }
        "writeOnly flipped" | "writeOnly becomes readOnly" => {
            "a schema that stands in requests alone: no reply has it"
        }
        "format added" | "format changed" | "format removed" => "int64 is what an integer is here",
        _ => return None,
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Generator,
    Compiler,
    SpecDiff,
    Followed,
    NothingToFollow,
    Survived,
}

const VERDICTS: [(Verdict, &str); 6] = [
    (Verdict::Generator, "generator"),
    (Verdict::Compiler, "compiler"),
    (Verdict::SpecDiff, "spec diff"),
    (Verdict::Followed, "followed"),
    (Verdict::NothingToFollow, "nothing"),
    (Verdict::Survived, "SURVIVED"),
];

/// The generator's verdict on a mutation.
enum Generated {
    /// Decidable without a build.
    Judged(Verdict, String),
    /// Code with an effect has changed.
    Behaves,
    /// Only the export has changed, with the verdict to expect of a build.
    Documented(Verdict, String),
}

fn without_a_build(mutation: &Mutation, mutated: &Value, before: &(String, String)) -> Generated {
    match generated(mutated) {
        Err(why) => Generated::Judged(Verdict::Generator, why),
        Ok((_, all)) if all == before.1 => {
            // The rebuilt server equals this one, compared with another document.
            let differences =
                diff(mutated, &export_with_source(mutated).expect("the export of this server"));
            let verdict =
                if differences.is_empty() { Verdict::Survived } else { Verdict::SpecDiff };
            Generated::Judged(verdict, "the generated code is the same".to_owned())
        }
        Ok((acts, _)) if acts == before.0 => {
            let differences = diff(mutated, &expected_export(mutated));
            let (verdict, why) = green(mutation, false);
            if differences.is_empty() {
                Generated::Documented(verdict, why)
            } else {
                Generated::Documented(
                    Verdict::SpecDiff,
                    format!("absent at {}", differences[0].path),
                )
            }
        }
        Ok((acts, _)) => {
            let row = row(mutation);
            assert!(
                row.iter().all(|row| acts.contains(row)),
                "{}: {row:?} is in no table",
                mutation.pointer
            );
            Generated::Behaves
        }
    }
}

/// The constraint table row of a request after the change.
fn row(mutation: &Mutation) -> Option<String> {
    let [Step::Put(pointer, value)] = mutation.steps.as_slice() else { return None };
    let number = value.to_string().replace('-', "- ");
    let bound = |name: &str| format!("{name} : Some (:: specbound :: Bound {{ value : {number}f64");
    let of_schema = pointer.starts_with("/components/schemas/");
    Some(match pointer.rsplit('/').next()? {
        "minimum" if of_schema => bound("minimum"),
        "maximum" if of_schema => bound("maximum"),
        "minItems" if of_schema => format!("min_items : Some ({value}usize)"),
        "maxItems" if of_schema => format!("max_items : Some ({value}usize)"),
        "maxLength" => format!("max_length : Some ({value}usize)"),
        "minLength" => format!("min_length : Some ({value}usize)"),
        "pattern" => format!("pattern : Some ({value})"),
        _ => return None,
    })
}

/// The export of this server if its schemas had the texts of another document.
fn expected_export(mutated: &Value) -> Value {
    let mut document = export_with_source(mutated).expect("the export of this server");
    let schemas = &mutated["components"]["schemas"];
    let roles = enforced::SchemaRoles::new(&document["paths"], schemas);
    for (name, schema) in schemas.as_object().into_iter().flatten() {
        document["components"]["schemas"][name] =
            enforced::schema(name, schema, &roles, GUARANTEES);
    }
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            let said = mutated["paths"][path][method]["parameters"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            for parameter in
                operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten()
            {
                let same = |other: &&Value| {
                    other["name"] == parameter["name"] && other["in"] == parameter["in"]
                };
                parameter["schema"] =
                    said.iter().find(same).map_or(Value::Null, |other| other["schema"].clone());
                enforced::parameter(&mut parameter["schema"]);
            }
        }
    }
    document
}

/// The export matches the document. Returns whether the server's behaviour does too.
fn green(mutation: &Mutation, acts: bool) -> (Verdict, String) {
    match asks_nothing(mutation) {
        _ if acts => (Verdict::Followed, "in code that acts".to_owned()),
        Some(reason) => (Verdict::NothingToFollow, reason.to_owned()),
        None => (Verdict::Survived, "green, and nothing that acts has changed".to_owned()),
    }
}

/// Maps `all` in order, with one thread per processor.
fn in_parallel<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = all.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let work = &work;
        let running: Vec<_> = all
            .chunks(share)
            .map(|part| scope.spawn(move || part.iter().map(work).collect::<Vec<R>>()))
            .collect();
        running.into_iter().flat_map(|thread| thread.join().expect("a thread")).collect()
    })
}

/// The section of the dependencies of one C library only.
const GNU: &str = "target.'cfg(target_env = \"gnu\")'.dependencies";

/// A copy of this package, built repeatedly.
struct Copy {
    root: PathBuf,
}

impl Copy {
    fn new() -> Copy {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutation");
        let from = Path::new(env!("CARGO_MANIFEST_DIR"));
        let _ = std::fs::remove_dir_all(&root);
        for folder in ["src", "spec", "generated"] {
            copy_folder(&from.join(folder), &root.join(folder));
        }
        for file in ["build.rs", "Cargo.lock"] {
            std::fs::copy(from.join(file), root.join(file)).expect("a file of this package");
        }
        // The same dependencies, features and profile, so that cargo reuses the builds of the
        // tests. The name differs, so that this package's binary is not replaced.
        let own = std::fs::read_to_string(from.join("Cargo.toml")).expect("the manifest");
        let manifest = format!(
            "[package]\nname = \"mutated\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n\
             [lib]\nname = \"inventree_auth\"\n[[bin]]\nname = \"mutated\"\npath = \
             \"src/main.rs\"\n\
             {}[{GNU}]\n{}\n[build-dependencies]\n{}\n[profile.dev]{}",
            dependencies(&own, env!("CARGO_MANIFEST_DIR")),
            section(&own, GNU),
            section(&own, "build-dependencies"),
            own.split_once("[profile.dev]").expect("the profile").1,
        );
        std::fs::write(root.join("Cargo.toml"), manifest).expect("the manifest of the copy");
        Copy { root }
    }

    fn build(&self, document: &Value) -> Output {
        std::fs::write(self.root.join("spec/inventree-auth-v291.yaml"), document.to_string())
            .expect("the document");
        Command::new(env!("CARGO"))
            .args([
                "build",
                "--bin",
                "mutated",
                "--offline",
                "--quiet",
                "--message-format",
                "short",
                "--color",
                "never",
            ])
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", target())
            .env("REFRESH_GENERATED", "1")
            .env_remove("RUSTFLAGS")
            .output()
            .expect("cargo")
    }

    fn spec_diff(&self) -> Output {
        Command::new(target().join("debug/mutated"))
            .args(["spec", "diff"])
            .output()
            .expect("the rebuilt server")
    }
}

fn target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("..")
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").map(|entry| entry.expect("an entry")) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_folder(&from, &to)
        } else {
            let _ = std::fs::copy(from, to).expect("a file");
        }
    }
}

fn with_a_build(
    copy: &Copy,
    mutation: &Mutation,
    mutated: &Value,
    acts: bool,
) -> (Verdict, String) {
    let built = copy.build(mutated);
    let said = String::from_utf8_lossy(&built.stderr).into_owned();
    if !built.status.success() {
        let error = said.lines().find(|line| line.contains("error")).unwrap_or(&said).to_owned();
        let verdict = if said.contains("error[E") { Verdict::Compiler } else { Verdict::Generator };
        return (verdict, error);
    }
    let gate = copy.spec_diff();
    if !gate.status.success() {
        let said = [gate.stdout, gate.stderr].concat();
        return (
            Verdict::SpecDiff,
            String::from_utf8_lossy(&said).lines().take(3).collect::<Vec<_>>().join(" "),
        );
    }
    green(mutation, acts)
}

/// Evenly spaced elements of a list.
fn sample<T>(all: &[T], most: usize) -> impl Iterator<Item = &T> {
    let step = all.len().div_ceil(most.max(1)).max(1);
    all.iter().step_by(step).take(most)
}

fn number(variable: &str, otherwise: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// `BUILDS`: number of builds of each kind, for changes with and without an effect on code
/// (default 1; 0 runs the generator only). `GENERATED`: number of generator runs of each kind
/// (default all). `KIND`: only kinds whose name contains this text.
#[test]
#[ignore = "builds the server again for each kind of change: minutes"]
fn rebuilt_server_refuses_reports_or_follows_every_change() {
    let (builds, most) = (number("BUILDS", 1), number("GENERATED", usize::MAX));
    let only = std::env::var("KIND").unwrap_or_default();
    let original = parse(SOURCE).unwrap();
    let before = generated(&original).unwrap();
    let copy = (builds > 0).then(Copy::new);
    if let Some(copy) = &copy {
        let built = copy.build(&original);
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        assert!(copy.spec_diff().status.success(), "the copy differs before anything is changed");
    }

    let mut by_kind: BTreeMap<&str, Vec<Mutation>> = BTreeMap::new();
    for mutation in find(&original).mutations {
        if mutation.kind.contains(&only) {
            by_kind.entry(mutation.kind).or_default().push(mutation);
        }
    }
    let mut totals = [0; 6];
    let (mut survivors, mut left, mut time, mut built) = (Vec::new(), 0, 0.0, 0);
    let started = Instant::now();
    println!("{:<40}  tried {}", "", VERDICTS.map(|(_, name)| format!("{name:>11}")).concat());
    for (kind, mutations) in &by_kind {
        let mut row = [0; 6];
        let mut judge = |mutation: &Mutation, verdict: Verdict, why: &str| {
            row[verdict as usize] += 1;
            totals[verdict as usize] += 1;
            if verdict == Verdict::Survived {
                survivors.push(format!("{kind} at {}: {why}", mutation.pointer));
            }
        };
        let tried: Vec<&Mutation> = sample(mutations, most).collect();
        // Silences progenitor's panics, which the generator catches.
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        let verdicts = in_parallel(&tried, |mutation| {
            without_a_build(mutation, &mutation.of(&original), &before)
        });
        std::panic::set_hook(hook);
        let (mut acting, mut documented) = (Vec::new(), Vec::new());
        for (mutation, verdict) in tried.iter().zip(verdicts) {
            match verdict {
                Generated::Judged(verdict, why) => judge(mutation, verdict, &why),
                Generated::Behaves => acting.push((*mutation, None)),
                Generated::Documented(verdict, why) => {
                    judge(mutation, verdict, &why);
                    documented.push((*mutation, Some(verdict)));
                }
            }
        }
        let mut said = Vec::new();
        for (mutation, expected) in sample(&acting, builds).chain(sample(&documented, builds)) {
            let Some(copy) = &copy else { break };
            let start = Instant::now();
            let (verdict, why) =
                with_a_build(copy, mutation, &mutation.of(&original), expected.is_none());
            time += start.elapsed().as_secs_f64();
            built += 1;
            match expected {
                None => judge(mutation, verdict, &why),
                // A report that is not necessary does no harm.
                Some(Verdict::NothingToFollow) if verdict == Verdict::SpecDiff => {}
                Some(expected) => {
                    assert_eq!(verdict, *expected, "{kind} at {}: {why}", mutation.pointer)
                }
            }
            said.push(format!("\n    {}: {verdict:?}, {why}", mutation.pointer));
        }
        left += acting.len() - sample(&acting, builds).count();
        let row = row.map(|count| {
            format!("{:>11}", if count == 0 { "-".to_owned() } else { count.to_string() })
        });
        println!("{kind:<40} {:>6} {}{}", tried.len(), row.concat(), said.concat());
    }
    for ((_, name), count) in VERDICTS.iter().zip(totals) {
        println!("{count:>6} {name}");
    }
    println!("{left:>6} not built, though code that acts has changed (more with BUILDS)");
    println!(
        "{} s, {built} builds, {:.1} s each",
        started.elapsed().as_secs(),
        time / f64::from(built.max(1_u32))
    );
    let judged: usize = totals.iter().sum();
    println!("rebuilt: {} of {judged} refused, reported or followed", judged - survivors.len());
    assert!(survivors.is_empty(), "{} survivors\n{}", survivors.len(), survivors.join("\n"));
}
