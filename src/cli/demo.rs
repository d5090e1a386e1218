//! `serve --demo`: a complete demonstration on a temporary database.
//!
//! Every client that can connect can read everything, including email, so it listens on loopback by
//! default.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use data_encoding::BASE32_NOPAD;
use tempfile::TempDir;

use super::{Failure, failure, print};
use crate::config::Config;
use crate::domain::administration::{self, NewUser};
use crate::domain::factors::totp;
use crate::domain::operation::Operation;
use crate::domain::passwords::Password;
use crate::domain::{App, DomainError};
use crate::http::pages::demo_provider;
use crate::store::Account;

/// The second one has a second factor.
const PEOPLE: [(&str, &str); 2] = [("demo", "Dana"), ("sam", "Sam")];

/// Configures the demo. Returns its address, and its directory, which is deleted on drop.
///
/// # Errors
///
/// For an address that other machines reach, unless `is_remote`.
pub fn prepare(
    config: &mut Config,
    bind: SocketAddr,
    is_remote: bool,
) -> Result<(SocketAddr, TempDir), Failure> {
    if !bind.ip().is_loopback() && !is_remote {
        return Err(failure(format!(
            "--bind {bind}: other machines could read the email of the demo and use its accounts; \
             --demo-remote lets them"
        )));
    }
    let folder =
        tempfile::Builder::new().prefix("inventree-auth-demo-").tempdir().map_err(failure)?;
    // Links need the port before the server binds it.
    let bind = match bind.port() {
        0 => TcpListener::bind(bind).and_then(|free| free.local_addr()).map_err(failure)?,
        _ => bind,
    };
    config.database = folder.path().join("inventree-auth.sqlite3").into();
    config.rules.site_url = site_url(bind);
    config.http.session_cookie_secure = false;
    config.rules.registration_enabled = true;
    config.mailbox = Some(Default::default());
    if config.rules.site_url.starts_with("http://localhost:") {
        config.rules.sso_enabled = true;
        config.rules.sso_registration = true;
        let loopback = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
        for address in loopback {
            config.provider_networks.push(address.to_string().parse().map_err(failure)?);
        }
        config.providers = vec![demo_provider::settings(&config.rules.site_url)];
    }
    Ok((bind, folder))
}

/// Passkeys require a domain name, so a loopback address becomes `localhost`.
fn site_url(bind: SocketAddr) -> String {
    let ip = bind.ip();
    let is_here = ip.is_unspecified() || ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST;
    match is_here {
        true => format!("http://localhost:{}", bind.port()),
        false => format!("http://{bind}"),
    }
}

/// Creates the sample accounts and prints the URLs.
pub async fn seed(app: &App, site_url: &str) -> Result<(), Failure> {
    let op = Operation::of_operator(app);
    let mut text = format!(
        "Demo: all data is deleted when the server stops.\n\
         \x20 open      {site_url}/platform/\n\
         \x20 email     {site_url}/platform/demo/mails/\n"
    );
    for (username, first_name) in PEOPLE {
        let password = app.random_text::<12>();
        let account = create(&op, username, first_name, &password).await;
        let account =
            account.map_err(|e| failure(format!("cannot create the account {username}: {e}")))?;
        text += &format!("  sign in   {username}, password {password}\n");
        if username != PEOPLE[0].0 {
            let (secret, codes) = add_factor(&op, &account)
                .await
                .map_err(|e| failure(format!("cannot add the second factor: {e}")))?;
            text += &format!(
                "            second factor: secret {secret} for an authenticator app,\n\
                 \x20           or a recovery code: {}\n",
                codes.iter().take(3).cloned().collect::<Vec<_>>().join(", ")
            );
        }
    }
    if !app.providers.all().is_empty() {
        text += "  provider  the Demo Provider on the sign-in page, without a password\n";
    }
    print(&text)
}

/// An account with a verified address.
async fn create(
    op: &Operation,
    username: &str,
    first_name: &str,
    password: &str,
) -> Result<Account, DomainError> {
    let user = NewUser {
        username: username.to_owned(),
        email: format!("{username}@example.com"),
        first_name: first_name.to_owned(),
        last_name: "Example".to_owned(),
        password: Password::new(password.to_owned()),
        is_superuser: false,
    };
    let account = administration::create(op, user).await?;
    let id = account.id;
    let verified = op.store.write(move |w| {
        for address in w.email_address_list(id, None, 0)? {
            w.email_address_set_verified(address.id)?;
        }
        Ok::<_, DomainError>(())
    });
    verified.await?;
    Ok(account)
}

/// Adds an authenticator app: its secret, and the recovery codes. The code of the step before is
/// used up, so that the present one is good.
async fn add_factor(
    op: &Operation,
    account: &Account,
) -> Result<(String, Vec<String>), DomainError> {
    let totp::Setup { secret, setup, .. } = totp::begin(op, account);
    let bytes = BASE32_NOPAD.decode(secret.as_bytes()).unwrap_or_default();
    let code = totp::code(&bytes, op.now().timestamp() / 30 - 1, totp::DIGITS);
    let codes = totp::confirm(op, account, &setup, "Demo", &code, None).await?;
    Ok((secret, codes))
}
