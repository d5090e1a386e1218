//! Password strength while typing: the rules that it breaks, and zxcvbn's estimate
//! (Wheeler, "zxcvbn: Low-Budget Password Strength Estimation", USENIX Security 2016).
//!
//! The estimate is for a meter alone: the rules of [`passwords`] decide. The password is neither
//! stored nor logged.

use tokio::sync::Semaphore;
use zxcvbn::Score;

use super::limits::Purpose;
use super::operation::Operation;
use super::passwords::{self, Password, PasswordProblem, UserAttributes};
use super::{DomainError, ValidationErrors};

/// Characters of an estimate, which can take a tenth of a second for this many and seconds for
/// more. Further characters only make a password stronger.
const MAX_ESTIMATED: usize = 24;

/// One estimate at a time, so that chosen passwords occupy no more than one core.
static ONE: Semaphore = Semaphore::const_new(1);

/// The judgement that a page shows beside a new password.
#[derive(Debug)]
pub struct Strength {
    /// From 0 to 4.
    pub score: u8,
    pub broken: Vec<PasswordProblem>,
}

/// # Errors
///
/// [`DomainError::Throttled`], [`DomainError::Invalid`] for a password longer than any may be.
pub async fn of(
    op: &Operation,
    password: &Password,
    about: &UserAttributes<'_>,
) -> Result<Strength, DomainError> {
    // Never refunded: the limit bounds the work.
    let _ = op.limits.reserve_request(Purpose::Strength, &op.client).await?;
    if let Some(message) = passwords::too_long(password.expose()) {
        return Err(ValidationErrors::of("password", &message).into());
    }
    let broken = passwords::violated_rules(password.expose(), about, &op.leaked_passwords).await;
    if !broken.is_empty() {
        return Ok(Strength { score: 0, broken });
    }
    let inputs = [about.username, about.email, about.first_name, about.last_name];
    let inputs = inputs.map(str::to_owned);
    let start = Password::new(password.expose().chars().take(MAX_ESTIMATED).collect());
    let permit = ONE.acquire().await;
    let estimate = tokio::task::spawn_blocking(move || {
        let inputs = inputs.each_ref().map(String::as_str);
        zxcvbn::zxcvbn(start.expose(), &inputs).score()
    });
    let score = estimate.await.unwrap_or(Score::Zero);
    drop(permit);
    Ok(Strength { score: score.into(), broken })
}
