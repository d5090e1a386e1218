//! The context of one operation: services, actor, client and request id.
//!
//! The HTTP layer builds it once per request, the command line once per command; the rules pass it
//! on by reference. Audit entries and log lines take actor, client and request id from here alone,
//! so that none of them can be left out or mixed up on the way.

use std::ops::Deref;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use slog::{Logger, o};

use super::client::Client;
use super::{App, DomainError};
use crate::mail::Request;
use crate::store::{Reader, StoreError, Writer};

/// The client of events from the command line.
pub const OPERATOR: &str = "operator";

/// On whose behalf an operation runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// A client that has proved no account.
    Anonymous,
    /// The owner of the account with this id.
    Account(i64),
    /// The operator at the command line, or a job of the server itself.
    Operator,
}

/// A session or a token that a request was authenticated by. It may end before the request does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocable {
    Session([u8; 32]),
    Token(i64),
}

/// The context of one operation. Clones are cheap; the services of [`App`] are reached through it.
#[derive(Clone)]
pub struct Operation {
    app: App,
    pub actor: Actor,
    revocable: Option<Revocable>,
    pub client: Arc<Client>,
    /// The id in the response and in the request's log line; `None` for an operator.
    pub request_id: Option<Arc<str>>,
}

impl Operation {
    pub fn of_request(app: &App, actor: Actor, client: Client, request_id: &str) -> Operation {
        Operation {
            app: app.clone(),
            actor,
            revocable: None,
            client: Arc::new(client),
            request_id: Some(request_id.into()),
        }
    }

    /// Writes only as long as this is live.
    #[must_use]
    pub fn by(self, revocable: Option<Revocable>) -> Operation {
        Operation { revocable, ..self }
    }

    pub fn of_operator(app: &App) -> Operation {
        let client = Client { address: OPERATOR.to_owned(), ..Client::default() };
        Operation {
            app: app.clone(),
            actor: Actor::Operator,
            revocable: None,
            client: Arc::new(client),
            request_id: None,
        }
    }

    /// The request behind the emails that it causes. They are in the language of the owner, and of
    /// the client only while that is unknown.
    pub(super) fn mail_request<'a>(&'a self, at: DateTime<Utc>, owner: &'a str) -> Request<'a> {
        let Client { address, user_agent, language, .. } = &*self.client;
        let language = if owner.is_empty() { language } else { owner };
        Request { at, address, user_agent, language }
    }

    /// The log, with the request id in each line.
    pub fn log(&self) -> Logger {
        match &self.request_id {
            Some(id) => self.log.new(o!("request_id" => id.to_string())),
            None => self.log.clone(),
        }
    }

    /// Counts how a sign-in ended.
    pub(super) fn count_login<T>(&self, result: &Result<T, DomainError>) {
        self.metrics.logins.count(result.as_ref().map_or_else(DomainError::outcome, |_| "success"));
    }

    /// Runs `f` in a write transaction, with this operation.
    ///
    /// # Errors
    ///
    /// [`DomainError::ReauthenticationNeeded`] if the session or token of the request has ended
    /// since: its body may come long after its head.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        f: impl Fn(&Writer<'_>, &Operation) -> Result<T, DomainError> + Send + 'static,
    ) -> Result<T, DomainError> {
        self.write_as(f).await
    }

    /// Like `write`, with an error type of the caller's.
    pub(super) async fn write_as<T, E>(
        &self,
        f: impl Fn(&Writer<'_>, &Operation) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + From<DomainError> + Send + 'static,
    {
        let op = self.clone();
        let write = self.store.write(move |w| match op.is_live(w)? {
            true => f(w, &op),
            false => Err(DomainError::ReauthenticationNeeded.into()),
        });
        write.await
    }

    /// Like `write`, for what may come too late: a sign-out.
    pub(super) async fn write_late<T: Send + 'static>(
        &self,
        f: impl Fn(&Writer<'_>, &Operation) -> Result<T, DomainError> + Send + 'static,
    ) -> Result<T, DomainError> {
        self.clone().by(None).write(f).await
    }

    fn is_live(&self, r: &Reader<'_>) -> Result<bool, StoreError> {
        let account = match self.revocable {
            None => return Ok(true),
            Some(Revocable::Session(digest)) => r.session_find(&digest)?.map(|(_, of)| of),
            Some(Revocable::Token(id)) => r.token_owner(id)?,
        };
        Ok(account.is_some_and(|account| self.rules.can_authenticate(&account)))
    }
}

impl Deref for Operation {
    type Target = App;

    fn deref(&self) -> &App {
        &self.app
    }
}
