//! The errors of a service that does not fit its document.

/// Why a service does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Two pages, or a page and an operation, have one path.
    #[error("{0} is already served")]
    TakenPath(&'static str),
    /// The document names a security scheme that the host does not know.
    #[error(
        "`{name}` requires the security scheme `{scheme}`, for which the host has no authenticator"
    )]
    UnknownScheme {
        /// The operation id, or the path of a page.
        name: &'static str,
        /// The scheme.
        scheme: &'static str,
    },
    /// Operations of two documents have one id.
    #[error("two operations have the id `{0}`")]
    TakenId(&'static str),
    /// An operation of the table is not part of the API.
    #[error("operation `{0}` is declared, but the API has no handler for it")]
    NotRouted(&'static str),
    /// dropshot's state cannot be created: this machine does not reach itself.
    #[error("cannot create dropshot's state over a connection of this machine to itself: {0}")]
    State(#[source] std::io::Error),
}
