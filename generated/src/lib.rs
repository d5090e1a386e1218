//! Typed client for InvenTree's authentication API, version 291.
//!
//! [`Client`] and [`types`] are generated from the OpenAPI document ([`mod@client`]).
//! [`Credentials`] and [`Problem`] are written by hand: authentication, and reading an error
//! response. [`mod@user_client`] is generated from the document of the calls with which InvenTree's
//! own clients begin; [`connect_user`] makes one.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! use inventree_auth_client::{Credentials, Problem, connect, types};
//!
//! let anonymous = connect("http://localhost:8000", &Credentials::Anonymous)?;
//! let account = types::Register {
//!     username: "amy".into(),
//!     email: Some("amy@example.com".into()),
//!     password1: "Zebra-Quartz-77".into(),
//!     password2: "Zebra-Quartz-77".into(),
//! };
//! let token = match anonymous.auth_registration_create(&account).await {
//!     Ok(made) => made.into_inner().key.unwrap_or_default(),
//!     // "username: A user with that username already exists."
//!     Err(error) => return Err(Problem::read(error).await.to_string().into()),
//! };
//!
//! let amy = connect("http://localhost:8000", &Credentials::Token(token))?;
//! println!("{}", amy.auth_user_retrieve().await?.username);
//! # Ok(())
//! # }
//! ```

#[allow(clippy::all)]
#[rustfmt::skip]
pub mod client;
mod credentials;
mod problem;
#[allow(clippy::all)]
#[rustfmt::skip]
mod support;
#[allow(clippy::all)]
#[rustfmt::skip]
pub mod user_client;

pub use client::{Client, Error, ResponseValue, types};
pub use credentials::{Credentials, connect, connect_user, connect_with};
pub use problem::Problem;
