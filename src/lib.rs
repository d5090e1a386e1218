//! InvenTree's authentication API, version 291, as one server that is generated from its OpenAPI document.
//!
//! # The map
//!
//! Lower floors never import higher ones.
//!
//! - [`cli`], [`server`], [`config`], [`tls`]: the way in. Parse, build, start, stop.
//! - `specbound-codegen` (used by `build.rs` alone): document to types, client, server trait, constraint tables.
//! - [`api`]: what `build.rs` generated. No logic.
//! - [`contract`]: exports the document of the registered API, and compares it with the source document.
//!   `specbound-contract` compares documents; `specbound-cli` is its command line. Both know nothing of this server.
//! - [`http`]: the one implementation of the generated trait; the only place that chooses a status or an error body.
//! - [`domain`]: the rules. No HTTP, no SQL.
//! - [`mail`]: what is said in a mail, and how it gets out.
//! - [`providers`]: whom a sign-in provider says somebody is. No account, no rule.
//! - [`logging`]: the log, and what becomes of the lines that it cannot take.
//! - [`metrics`]: what each floor counts about itself; [`operating`] shows it on an address of its own.
//! - [`secret`]: a text that nothing shows; [`network`]: ranges of addresses.
//! - [`store`]: all SQL, by noun, behind `read(closure)` and `write(closure)`.
//!
//! The same noun names the file on each floor: `http/emails.rs`, `domain/email_addresses.rs`, `store/email_addresses.rs`.
//!
//! # A walk: POST /api/auth/registration/
//!
//! 1. `http/connections.rs` has the connection; `http/front.rs` finds the path, checks `Accept`, and hands the request to dropshot's router.
//! 2. The trait's method `auth_registration_create` in `http/operations.rs` names `registration::create`.
//! 3. `Call::admit` (`http/typed.rs`) finds out who calls and reads one of three content types into fields.
//! 4. `Input::check` holds them against the constraint table, and `accounts::registration_problems` against the rules,
//!    so that *all* field errors come back at once.
//! 5. `domain::accounts::register` judges the password, hashes it **before any transaction**, and writes account,
//!    address, token, session and the mail in one commit; a unique violation comes back as a named conflict.
//! 6. 201 with the key and two cookies. Later `mail/worker.rs` sends the mail and deletes the row, or backs off.

pub mod api;
pub mod cli;
pub mod config;
pub mod contract;
pub mod domain;
pub mod http;
pub mod logging;
pub mod mail;
pub mod metrics;
pub mod network;
pub mod operating;
pub mod providers;
pub mod secret;
mod secret_key;
pub mod server;
pub mod store;
pub mod text;
pub mod tls;
