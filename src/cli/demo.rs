//! `serve --demo`: a complete demonstration on a temporary database.
//!
//! All of it, including email, is readable by every client that can connect, so it listens on
//! loopback by default.

use std::net::{SocketAddr, TcpListener};

use tempfile::TempDir;

use super::{Failure, failure, print};
use crate::config::Config;
use crate::domain::administration::{self, NewUser};
use crate::domain::operation::Operation;
use crate::domain::passwords::Password;
use crate::domain::{App, DomainError};

const USERNAME: &str = "demo";

/// Configures the demo. Returns its address, and its directory, which is deleted on drop.
pub fn prepare(config: &mut Config, bind: SocketAddr) -> Result<(SocketAddr, TempDir), Failure> {
    let folder =
        tempfile::Builder::new().prefix("inventree-auth-demo-").tempdir().map_err(failure)?;
    // Links need the port before the server binds it.
    let bind = match bind.port() {
        0 => TcpListener::bind(bind).and_then(|free| free.local_addr()).map_err(failure)?,
        _ => bind,
    };
    config.database = folder.path().join("inventree-auth.sqlite3").into();
    config.site_url = format!("http://{bind}");
    config.session_cookie_secure = false;
    config.registration_enabled = true;
    config.mailbox = Some(Default::default());
    Ok((bind, folder))
}

/// Creates the sample account and prints the URLs.
pub async fn seed_demo(app: &App, site_url: &str) -> Result<(), Failure> {
    let password = app.random_text::<12>();
    let op = Operation::of_operator(app);
    let account = administration::create(
        &op,
        NewUser {
            username: USERNAME.to_owned(),
            email: "demo@example.com".to_owned(),
            first_name: "Dana".to_owned(),
            last_name: "Example".to_owned(),
            password: Password::new(password.clone()),
            is_superuser: false,
        },
    );
    let account =
        account.await.map_err(|e| failure(format!("cannot create the sample account: {e}")))?;
    let verified = app.store.write(move |w| {
        for address in w.email_address_list(account.id, None, 0)? {
            w.email_address_set_verified(address.id)?;
        }
        Ok::<_, DomainError>(())
    });
    verified
        .await
        .map_err(|e| failure(format!("cannot verify the address of the sample account: {e}")))?;
    print(&format!(
        "Demo: all data is deleted when the server stops.\n\
         \x20 open      {site_url}/platform/\n\
         \x20 email     {site_url}/platform/demo/mails/\n\
         \x20 sign in   {USERNAME}, password {password}\n"
    ))
}
