//! Emails of a demonstration, shown in the browser; only with `serve --demo`.
//!
//! Every user of this machine can read all emails, as intended. They are served under a loopback
//! name only, so that no site reads them through its own name that resolves to this machine (DNS
//! rebinding). An email's HTML is untrusted: it is shown in a sandbox, without scripts and without
//! an origin.

use std::sync::PoisonError;

use http::HeaderValue;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};

use super::people::{POLICY, escaped, shell};
use super::{Page, PageRequest};
use crate::http::{AppState, Settings, origin};
use crate::mail::Message;
use specbound::{ApiError, Response};

const LIST: &str = "/platform/demo/mails/";
const SANDBOX: &str = "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-popups \
    allow-top-navigation-by-user-activation; frame-ancestors 'none'";

pub fn pages(settings: &Settings) -> Vec<Box<dyn Page<AppState>>> {
    match settings.mailbox {
        Some(_) => vec![Box::new(Mails::All), Box::new(Mails::One)],
        None => Vec::new(),
    }
}

enum Mails {
    All,
    One,
}

#[async_trait::async_trait]
impl Page<AppState> for Mails {
    fn path(&self) -> &'static str {
        match self {
            Mails::All => LIST,
            Mails::One => "/platform/demo/mails/{number}/",
        }
    }

    fn description(&self) -> &'static str {
        "The mails of this demonstration."
    }

    fn renders(&self) -> Vec<&'static str> {
        vec!["text/html"]
    }

    async fn answer(
        &self,
        server: &AppState,
        PageRequest { request, .. }: PageRequest,
    ) -> Result<Response, ApiError> {
        if !origin::is_loopback_host(&request.headers) {
            return Err(ApiError::not_found());
        }
        let mailbox = server.settings.mailbox.as_ref().ok_or_else(ApiError::not_found)?;
        let mails = mailbox.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (page, policy) = match self {
            Mails::All => (shell("mails.title", "", &list(&mails), &server.settings), POLICY),
            Mails::One => {
                let number = request
                    .uri
                    .path()
                    .strip_prefix(LIST)
                    .and_then(|rest| rest.trim_end_matches('/').parse().ok());
                let mail = number
                    .and_then(|number: usize| mails.get(number))
                    .ok_or_else(ApiError::not_found)?;
                (mail.html.clone(), SANDBOX)
            }
        };
        let mut response = Response::new(dropshot::Body::from(page));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        Ok(response)
    }
}

/// The newest first.
fn list(mails: &[Message]) -> String {
    let mut page = "<main id=\"content\"><h1>{{mails.title}}</h1>".to_owned();
    if mails.is_empty() {
        page.push_str("<p class=\"hint\">{{mails.none}}</p>");
    }
    for (number, mail) in mails.iter().enumerate().rev() {
        let [to, subject] = [&mail.to, &mail.subject].map(|text| escaped(text));
        let text = linked(&mail.text);
        page.push_str(&format!(
            "<article class=\"card mail\"><h2>{subject}</h2><p class=\"hint\">{{{{mails.to}}}} \
             {to} · \
             <a href=\"{LIST}{number}/\">{{{{mails.html}}}}</a></p><pre>{text}</pre></article>"
        ));
    }
    page + "</main>"
}

/// Lines that are links can be followed.
fn linked(text: &str) -> String {
    let line = |line: &str| match line.starts_with("http://") || line.starts_with("https://") {
        true => format!("<a href=\"{0}\">{0}</a>", escaped(line)),
        false => escaped(line),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}
