//! Emails of a demonstration, shown in the browser; only with `serve --demo`.
//!
//! Every user of this machine can read all emails, as intended. They are served under a loopback
//! name or an address only, so that no site reads them through its own name that resolves to this
//! machine (DNS rebinding). An email's HTML is untrusted: it is shown in a sandbox, without scripts
//! and without an origin.

use std::sync::{Arc, PoisonError};

use askama::Template;
use http::header::CONTENT_SECURITY_POLICY;
use http::{HeaderValue, StatusCode};

use super::layout::{Layout, Ui, html, render};
use super::{Page, PageRequest};
use crate::http::{AppState, Settings, origin};
use crate::mail::Message;
use specbound::{ApiError, Response};

pub const LIST: &str = "/platform/demo/mails/";
const SANDBOX: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-popups \
    allow-top-navigation-by-user-activation; frame-ancestors 'none'";

/// All emails, the newest first.
#[derive(Template)]
#[template(path = "pages/mailbox.html")]
struct Mailbox<'a> {
    page: Layout<'a>,
    sender: &'a str,
    mails: &'a [Message],
}

pub fn pages(settings: &Settings, ui: &Arc<Ui>) -> Vec<Box<dyn Page<AppState>>> {
    match settings.mailbox {
        Some(_) => vec![Box::new(MailList::All(Arc::clone(ui))), Box::new(MailList::One)],
        None => Vec::new(),
    }
}

enum MailList {
    All(Arc<Ui>),
    One,
}

#[async_trait::async_trait]
impl Page<AppState> for MailList {
    fn path(&self) -> &'static str {
        match self {
            MailList::All(_) => LIST,
            MailList::One => "/platform/demo/mails/{number}/",
        }
    }

    fn description(&self) -> &'static str {
        "The emails of this demonstration."
    }

    fn renders(&self) -> Vec<&'static str> {
        vec!["text/html"]
    }

    async fn respond(
        &self,
        server: &AppState,
        PageRequest { request, .. }: PageRequest,
    ) -> Result<Response, ApiError> {
        if !origin::is_fixed_host(&request.headers) {
            return Err(ApiError::not_found());
        }
        let mailbox = server.settings.mailbox.as_ref().ok_or_else(ApiError::not_found)?;
        let mails = mailbox.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let MailList::All(ui) = self {
            let page = ui.layout(&request.headers, LIST);
            let sender = &server.settings.email_sender;
            let mailbox = Mailbox { page, sender, mails: &mails };
            return render(StatusCode::OK, page, &mailbox);
        }
        let number = request
            .uri
            .path()
            .strip_prefix(LIST)
            .and_then(|rest| rest.trim_end_matches('/').parse().ok());
        let mail =
            number.and_then(|number: usize| mails.get(number)).ok_or_else(ApiError::not_found)?;
        let mut response = html(StatusCode::OK, mail.html.clone());
        let sandbox = HeaderValue::from_static(SANDBOX);
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, sandbox);
        Ok(response)
    }
}
