//! InvenTree's authentication API, version 291, as a server generated from its OpenAPI document.
//!
//! # Modules
//!
//! A layer never imports a higher one.
//!
//! - [`cli`], [`server`], [`config`], [`tls`]: parse arguments and settings, build, start and stop
//!   the server.
//! - `specbound-codegen` (used by `build.rs` only): generates types, client, server trait and
//!   constraint tables from the document.
//! - [`api`]: the generated code. It has no logic.
//! - [`contract`]: exports the document of the registered API and compares it with the source
//!   document. `specbound-contract` compares documents; `specbound-cli` is its command line. Both
//!   are independent of this server.
//! - `specbound`: the runtime of generated servers: connections, dispatch, security, bodies,
//!   constraints.
//! - [`http`]: implements the generated trait. Only this module chooses statuses and error bodies.
//! - [`domain`]: the rules, without HTTP or SQL.
//! - [`branding`]: the name and contact that pages and emails show.
//! - [`languages`]: the sentences of pages, emails and messages in each language.
//! - [`mail`]: renders and delivers email.
//! - [`providers`]: identifies users through sign-in providers. It knows no accounts and no rules.
//! - [`logging`]: the log, and its behaviour when lines cannot be written.
//! - [`metrics`]: the metrics of each layer; [`admin_server`] serves them on an address of its
//!   own.
//! - [`secret`]: strings redacted in debug output; [`network`]: IP address ranges.
//! - [`store`]: all SQL, one file per table, behind `read(closure)` and `write(closure)`.
//!
//! A resource has the same file name in each layer: `http/emails.rs`,
//! `domain/email_addresses.rs`, `store/email_addresses.rs`.
//!
//! # A request step by step: POST /api/auth/registration/
//!
//! 1. The runtime `specbound` accepts the connection, finds the operation, checks `Accept`,
//!    authenticates the caller by `http/host.rs`, and passes the request to dropshot's router.
//! 2. The trait method `auth_registration_create` in `http/operations.rs` calls
//!    `registration::create`.
//! 3. `Call::admit` returns the caller and decodes the body, in one of three content types, into
//!    fields.
//! 4. `Input::check` validates them against the constraint table and
//!    `registration::problems` against the rules, so that *all* field errors are returned
//!    together.
//! 5. `domain::registration::register` checks the password, hashes it **before any transaction**,
//!    and writes account, address, token, session and email in one commit. A unique violation is
//!    returned as a named conflict.
//! 6. The response is 201 with the key and two cookies. Later `mail/worker.rs` sends the email and
//!    deletes its row, or backs off.

#![cfg_attr(not(test), warn(clippy::unwrap_used, clippy::expect_used))]

pub mod admin_server;
pub mod api;
pub mod branding;
pub mod cli;
pub mod config;
pub mod contract;
pub mod domain;
pub mod http;
pub mod languages;
pub mod logging;
pub mod mail;
pub mod metrics;
pub mod network;
pub mod providers;
pub mod secret;
mod secret_key;
pub mod server;
pub mod store;
pub mod text;
pub mod tls;
