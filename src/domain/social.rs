//! Accounts at a provider that are linked to an account here: signing in through them, signing up, linking, unlinking.
//!
//! Identity is (provider, subject): never a name or an address, which a provider lets people change. An address that a
//! provider has not verified proves nothing, and one that it has verified opens no account that is here already: its
//! owner signs in and connects the provider. The last way into an account is never taken away.
//!
//! Nothing is stored while somebody is at the provider. What ties the way back to the way out lies sealed in the
//! browser ([`Ticket`]), and only that a ticket came back is remembered. (RFC 9700, 4.7 and 4.5; OpenID Connect Core.)

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};

use super::audit::{self, Event};
use super::client::Client;
use super::email_format::is_email_address;
use super::hashing::is_usable;
use super::known_clients::{self, DeviceCookie};
use super::limits::{self, MailBudget, MailPurpose};
use super::notices::{self, Recipients};
use super::sessions::{self, SessionId};
use super::{Domain, Problems, Refusal, email_addresses, keys, ownership, usernames};
use crate::mail::Attached;
use crate::providers::{Challenge, Comeback, Fault, Person, Provider};
use crate::store::{NewAccount, NewSocialAccount, Reader, SocialAccount, StoreError, Writer};

/// How long somebody may be at the provider, and then at the form of a new account.
pub const TICKET_SECONDS: i64 = 600;

/// Links of one account; its list and each disconnect read them all.
const MAX_LINKS: i64 = 20;

/// Characters of `accounts.username`, `first_name` and `last_name`.
const MOST_NAME_CHARACTERS: usize = 150;

/// What a browser keeps between the way out and the way back. It is sealed: nobody reads or changes what is in it.
#[derive(Clone)]
pub struct Ticket(String);

impl Ticket {
    pub fn new(text: &str) -> Ticket {
        Ticket(text.to_owned())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(…)")
    }
}

/// What a sign-in is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Purpose {
    SignIn,
    /// Links the provider to the account of this session.
    Connect {
        session: [u8; 32],
    },
}

/// The way to a provider is open.
#[derive(Debug)]
pub struct Begun {
    pub ticket: Ticket,
    /// The authorization request.
    pub url: String,
}

/// What the provider's redirect carries (RFC 6749, 4.1.2).
#[derive(Default)]
pub struct Returned {
    pub state: Option<String>,
    pub code: Option<String>,
    pub issuer: Option<String>,
    pub error: Option<String>,
}

/// How a sign-in ended.
#[derive(Debug)]
pub enum Finished {
    SignedIn {
        session: SessionId,
        device: DeviceCookie,
        next: String,
    },
    Connected {
        next: String,
    },
    /// The account is made, and opens once its address is confirmed.
    Unconfirmed,
    /// A new account needs more than the provider said.
    Form {
        ticket: Ticket,
        form: Form,
    },
}

/// What somebody new is asked, filled in as far as the provider knows.
#[derive(Debug, Clone, Default)]
pub struct Form {
    pub username: String,
    pub email: String,
}

/// Why there is no sign-in. Nothing was written but that the ticket came back.
#[derive(Debug)]
pub enum Failure {
    /// Signing in through providers is off, or this one is not configured.
    Off,
    /// The way back belongs to no way out of this browser, or comes too late or twice. For the log: which of these.
    Stray(&'static str),
    /// The provider sent the person back without a code: its error (RFC 6749, 4.1.2.1).
    Declined(String),
    Fault(Fault),
    SignUpClosed,
    /// An account here has this address.
    AddressTaken,
    LinkedElsewhere,
    /// The account has as many links as it may have.
    TooManyLinks,
    Inactive,
    /// The address of the account is to be confirmed first.
    Unconfirmed,
    /// The session that wanted to connect is over.
    SessionOver,
    /// What the form of a new account is told.
    Form(Problems),
    Refusal(Refusal),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        Failure::Refusal(error.into())
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        Failure::Refusal(refusal)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Failure {
        Failure::Fault(fault)
    }
}

/// What a [`Ticket`] says.
#[derive(Clone, Serialize, Deserialize)]
struct Flow {
    /// Random; state, nonce and verifier follow from it.
    root: [u8; 32],
    provider: String,
    purpose: Purpose,
    next: String,
    expires: DateTime<Utc>,
    /// Who came back, once somebody has.
    person: Option<Person>,
}

impl Flow {
    fn derive(&self, label: &str) -> [u8; 32] {
        keys::mac(&self.root, &[label.as_bytes()])
    }

    fn challenge(&self) -> Challenge {
        // 43 characters each: the shortest verifier of RFC 7636.
        let text = |label| URL_SAFE_NO_PAD.encode(self.derive(label));
        Challenge { state: text("state"), nonce: text("nonce"), verifier: text("verifier") }
    }

    fn seal(&self, domain: &Domain) -> Ticket {
        let plain = serde_json::to_vec(self).unwrap_or_default();
        Ticket(URL_SAFE_NO_PAD.encode(keys::seal(&domain.secret, TICKET, &plain, domain.random())))
    }

    fn open(domain: &Domain, ticket: Option<&Ticket>) -> Result<Flow, Failure> {
        let ticket = ticket.ok_or(Failure::Stray("no ticket"))?;
        let sealed = URL_SAFE_NO_PAD.decode(&ticket.0).map_err(|_| Failure::Stray("a ticket that is none"))?;
        let plain = keys::open(&domain.secret, TICKET, &sealed).ok_or(Failure::Stray("a ticket of somebody else"))?;
        let flow: Flow = serde_json::from_slice(&plain).map_err(|_| Failure::Stray("a ticket of another version"))?;
        if flow.expires <= domain.now() { Err(Failure::Stray("a ticket that is too old")) } else { Ok(flow) }
    }

    /// A ticket comes back once with a code and once with a form.
    fn spend(&self, w: &Writer<'_>, label: &str) -> Result<(), Failure> {
        let is_first = w.ticket_consume(&self.derive(label), self.expires)?;
        if is_first { Ok(()) } else { Err(Failure::Stray("a ticket that came back before")) }
    }
}

const TICKET: &str = "sign-in-ticket";

/// Opens the way to a provider; nothing is written. `next` is where the browser goes in the end.
///
/// # Errors
///
/// [`Failure`]
pub async fn begin(
    domain: &Domain,
    provider: &str,
    purpose: Purpose,
    next: String,
    client: &Client,
) -> Result<Begun, Failure> {
    let provider = ready(domain, provider)?;
    let attempt = domain.limits.reserve_request(limits::Purpose::ProviderStart, client).await?;
    let expires = domain.now() + Duration::seconds(TICKET_SECONDS);
    let flow = Flow { root: domain.random(), provider: provider.id.clone(), purpose, next, expires, person: None };
    let url = provider.way_in(&flow.challenge(), domain.now()).await?;
    domain.limits.refund(attempt).await;
    Ok(Begun { ticket: flow.seal(domain), url })
}

/// Whether a good ticket is to link a provider to the account of a session.
pub fn is_to_connect(domain: &Domain, ticket: Option<&Ticket>) -> bool {
    Flow::open(domain, ticket).is_ok_and(|flow| matches!(flow.purpose, Purpose::Connect { .. }))
}

/// Takes whom the provider sent back. `session` is the live one of the browser that comes back: a provider is linked to
/// the account of the session that began it, in the browser of that session alone.
///
/// # Errors
///
/// [`Failure`]
pub async fn finish(
    domain: &Domain,
    provider: &str,
    ticket: Option<&Ticket>,
    returned: Returned,
    session: Option<[u8; 32]>,
    client: &Client,
) -> Result<Finished, Failure> {
    let provider = ready(domain, provider)?;
    let attempt = domain.limits.reserve_request(limits::Purpose::ProviderReturn, client).await?;
    let flow = Flow::open(domain, ticket)?;
    if flow.person.is_some() || flow.provider != provider.id {
        return Err(Failure::Stray("a ticket for another provider"));
    }
    let challenge = flow.challenge();
    if !returned.state.is_some_and(|state| keys::equal(state.as_bytes(), challenge.state.as_bytes())) {
        return Err(Failure::Stray("another state"));
    }
    if let Purpose::Connect { session: begun_by } = flow.purpose {
        match session {
            Some(session) if session == begun_by => {}
            Some(_) => return Err(Failure::Stray("another session")),
            None => return Err(Failure::SessionOver),
        }
    }
    if let Some(error) = returned.error {
        return Err(Failure::Declined(error));
    }
    let code = returned.code.ok_or(Failure::Stray("no code"))?;
    let spent = flow.clone();
    domain.store.write(move |w| spent.spend(w, "code")).await?;
    let back = Comeback { code, issuer: returned.issuer };
    let person = trimmed(provider.identify(&back, &challenge, domain.now()).await?);
    let mails = Mails::reserve(domain, &flow, &person, client).await?;
    let within = domain.clone();
    let client = client.clone();
    let finished = domain.store.write(move |w| match &flow.purpose {
        Purpose::SignIn => sign_in(w, &within, flow.clone(), person.clone(), mails.confirmation, &client),
        Purpose::Connect { session } => connect(w, &within, flow.clone(), &person, session, &mails.notice, &client),
    });
    let finished = finished.await?;
    domain.limits.refund(attempt).await;
    domain.outbox.wake();
    Ok(finished)
}

/// What the form of a new account has in it at first.
///
/// # Errors
///
/// [`Failure::Stray`] when its time is over.
pub async fn form(domain: &Domain, ticket: Option<&Ticket>) -> Result<(String, Form), Failure> {
    let flow = Flow::open(domain, ticket)?;
    let person = flow.person.ok_or(Failure::Stray("a ticket without a person"))?;
    let provider = ready(domain, &flow.provider)?;
    let username = domain
        .store
        .read(|r| free_username(&suggested_username(&person, &provider.id), |name| usernames::is_taken(r, name, None)));
    let username = username.await?;
    Ok((provider.name.clone(), Form { username, email: person.email.unwrap_or_default() }))
}

/// Makes the account that the form asks for.
///
/// # Errors
///
/// [`Failure::Form`] for what is to be mended; the ticket is still good then.
pub async fn sign_up(
    domain: &Domain,
    ticket: Option<&Ticket>,
    form: Form,
    client: &Client,
) -> Result<Finished, Failure> {
    let flow = Flow::open(domain, ticket)?;
    let person = flow.person.clone().ok_or(Failure::Stray("a ticket without a person"))?;
    ready(domain, &flow.provider)?;
    if !domain.rules.sso_registration {
        // Before the form's answers tell who has an account.
        return Err(Failure::SignUpClosed);
    }
    let _ = domain.limits.reserve_request(limits::Purpose::Registration, client).await?;
    let (username, email) = (form.username.trim().to_owned(), form.email.trim().to_ascii_lowercase());
    let problems = form_problems(domain, &username, &email).await?;
    if !problems.is_empty() {
        return Err(Failure::Form(problems));
    }
    let is_verified = person.email_verified && person.email.as_deref() == Some(email.as_str());
    let budget = match email.is_empty() || is_verified {
        true => MailBudget::Spent,
        false => domain.limits.reserve_mail(&email, MailPurpose::Confirmation, client).await?,
    };
    let within = domain.clone();
    let client = client.clone();
    let made = domain.store.write(move |w| {
        flow.spend(w, "form")?;
        let address = Some(email.clone()).filter(|email| !email.is_empty()).map(|email| (email, is_verified));
        make_account(
            w,
            &within,
            flow.clone(),
            &person,
            Registrant { username: username.clone(), address },
            budget,
            &client,
        )
    });
    let made = made.await?;
    domain.outbox.wake();
    Ok(made)
}

/// A page of the account's links, and how many there are.
pub async fn list(
    domain: &Domain,
    account_id: i64,
    limit: Option<i64>,
    offset: i64,
) -> Result<(i64, Vec<SocialAccount>), Refusal> {
    let read = domain.store.read(|r| {
        Ok::<_, Refusal>((r.social_account_count(account_id)?, r.social_account_list(account_id, limit, offset)?))
    });
    read.await
}

/// Takes a link away.
///
/// # Errors
///
/// [`Refusal::NotFound`] for a link that is not the caller's, [`Refusal::Forbidden`] for the only way in.
pub async fn disconnect(domain: &Domain, account_id: i64, id: i64, client: &Client) -> Result<(), Refusal> {
    let client = client.clone();
    domain
        .write(move |w, domain| {
            let link = w.social_account_find(account_id, id)?.ok_or(Refusal::NotFound)?;
            let account = w.account_find(account_id)?.ok_or(Refusal::NotFound)?;
            let links = w.social_account_list(account_id, None, 0)?;
            let opens = |other: &SocialAccount| other.id != id && ready(domain, &other.provider).is_ok();
            if !is_usable(&account.password) && !links.iter().any(opens) {
                return Err(Refusal::Forbidden(
                    "Your account has no password set up. Set a password before removing its only sign-in provider.",
                ));
            }
            w.social_account_delete(link.id)?;
            audit::record(w, domain, Event::ProviderDisconnected, account_id, &client, &link.provider)?;
            Ok(())
        })
        .await
}

/// The provider, if somebody can sign in through it now.
fn ready<'a>(domain: &'a Domain, id: &str) -> Result<&'a Provider, Failure> {
    let provider = domain.providers.find(id).ok_or(Failure::Refusal(Refusal::NotFound))?;
    if domain.rules.sso_enabled && provider.is_configured() { Ok(provider) } else { Err(Failure::Off) }
}

/// What may be mailed when a sign-in ends; reserved before its write.
struct Mails {
    confirmation: MailBudget,
    notice: Recipients,
}

impl Mails {
    async fn reserve(domain: &Domain, flow: &Flow, person: &Person, client: &Client) -> Result<Mails, Failure> {
        let mut mails = Mails { confirmation: MailBudget::Spent, notice: Recipients::default() };
        let find = |r: &Reader<'_>| r.social_account_find_by_uid(&flow.provider, &person.subject);
        if domain.store.read(find).await?.is_some() {
            return Ok(mails);
        }
        match (&flow.purpose, &person.email) {
            (Purpose::SignIn, Some(email)) if !person.email_verified => {
                mails.confirmation = domain.limits.reserve_mail(email, MailPurpose::Confirmation, client).await?;
            }
            (Purpose::SignIn, _) => {}
            (Purpose::Connect { session }, _) => {
                if let Some((_, account)) = domain.store.session_find(session).await? {
                    mails.notice = notices::recipients(domain, &account, client).await?;
                }
            }
        }
        Ok(mails)
    }
}

fn sign_in(
    w: &Writer<'_>,
    domain: &Domain,
    flow: Flow,
    person: Person,
    budget: MailBudget,
    client: &Client,
) -> Result<Finished, Failure> {
    if let Some(link) = w.social_account_find_by_uid(&flow.provider, &person.subject)? {
        let account = w.account_find(link.account_id)?.ok_or(Refusal::NotFound)?;
        if !account.is_active {
            return Err(Failure::Inactive);
        }
        if domain.rules.awaits_confirmation(&account) {
            return Err(Failure::Unconfirmed);
        }
        if domain.rules.mfa_enforced || w.totp_device_exists(account.id)? {
            return Err(Refusal::MfaRequired.into());
        }
        let now = domain.now();
        w.social_account_touch(link.id, now)?;
        w.account_touch_login(account.id, now)?;
        let session = sessions::generate(domain);
        sessions::insert(w, &session, account.id, client, domain)?;
        audit::record(w, domain, Event::Login, account.id, client, &flow.provider)?;
        let device = known_clients::renew(domain, client, account.id, &account.password);
        return Ok(Finished::SignedIn { session, device, next: flow.next });
    }
    if !domain.rules.sso_registration {
        return Err(Failure::SignUpClosed);
    }
    if let Some(email) = &person.email
        && w.email_address_is_verified(email)?
    {
        return Err(Failure::AddressTaken);
    }
    let suggested = suggested_username(&person, &flow.provider);
    let username = free_username(&suggested, |name| usernames::is_taken(w, name, None))?;
    let is_enough = match &person.email {
        Some(email) => domain.rules.approves(email),
        None => !domain.rules.needs_email(),
    };
    if !domain.rules.sso_auto || !is_enough {
        let form = Form { username, email: person.email.clone().unwrap_or_default() };
        let flow = Flow { person: Some(person), ..flow };
        return Ok(Finished::Form { ticket: flow.seal(domain), form });
    }
    let address = person.email.clone().map(|email| (email, person.email_verified));
    make_account(w, domain, flow, &person, Registrant { username, address }, budget, client)
}

/// User name of a new account, and its address with whether the provider verified it.
struct Registrant {
    username: String,
    address: Option<(String, bool)>,
}

/// Account, address, link, session and, where the address is not proved, the mail: all or nothing.
fn make_account(
    w: &Writer<'_>,
    domain: &Domain,
    flow: Flow,
    person: &Person,
    new: Registrant,
    budget: MailBudget,
    client: &Client,
) -> Result<Finished, Failure> {
    if !domain.rules.sso_registration {
        return Err(Failure::SignUpClosed);
    }
    if domain.rules.mfa_enforced {
        return Err(Refusal::MfaRequired.into());
    }
    let now = domain.now();
    let Registrant { username, address } = new;
    let (email, is_verified) = address.unwrap_or_default();
    let account = NewAccount {
        username_key: usernames::username_key(&username),
        username_skeleton: usernames::username_skeleton(&username),
        username,
        email,
        first_name: person.first_name.clone(),
        last_name: person.last_name.clone(),
        password: ownership::unusable_password(domain),
        is_superuser: false,
        date_joined: now,
        confirm_by: if is_verified { None } else { domain.rules.confirm_by(now) },
    };
    let is_held_back = domain.rules.confirm_first && account.confirm_by.is_some();
    let id = usernames::insert(w, &account).map_err(in_form)?;
    w.account_touch_login(id, now)?;
    if !account.email.is_empty() {
        let inserted = email_addresses::insert_from_provider(w, domain, id, &account, is_verified, budget, now);
        inserted.map_err(|refusal| match refusal {
            Refusal::Invalid(_) => Failure::AddressTaken,
            other => other.into(),
        })?;
    }
    insert_link(w, id, &flow.provider, &person.subject, now)?;
    if is_held_back {
        audit::record(w, domain, Event::Registered, id, client, &flow.provider)?;
        return Ok(Finished::Unconfirmed);
    }
    let session = sessions::generate(domain);
    sessions::insert(w, &session, id, client, domain)?;
    audit::record(w, domain, Event::Registered, id, client, &flow.provider)?;
    let device = known_clients::renew(domain, client, id, &account.password);
    Ok(Finished::SignedIn { session, device, next: flow.next })
}

fn connect(
    w: &Writer<'_>,
    domain: &Domain,
    flow: Flow,
    person: &Person,
    session: &[u8; 32],
    notice: &Recipients,
    client: &Client,
) -> Result<Finished, Failure> {
    let now = domain.now();
    let found = w.session_find(session)?;
    let (_, account) = found
        .filter(|(session, account)| sessions::is_live(session, now) && account.is_active)
        .ok_or(Failure::SessionOver)?;
    match w.social_account_find_by_uid(&flow.provider, &person.subject)? {
        Some(link) if link.account_id == account.id => w.social_account_touch(link.id, now)?,
        Some(_) => return Err(Failure::LinkedElsewhere),
        None => {
            if w.social_account_count(account.id)? >= MAX_LINKS {
                return Err(Failure::TooManyLinks);
            }
            insert_link(w, account.id, &flow.provider, &person.subject, now)?;
            let provider = domain.providers.find(&flow.provider).map_or(&flow.provider, |provider| &provider.name);
            notices::queue(w, domain, notice, &account, Attached::Provider(provider), client)?;
            audit::record(w, domain, Event::ProviderConnected, account.id, client, &flow.provider)?;
        }
    }
    Ok(Finished::Connected { next: flow.next })
}

fn insert_link(
    w: &Writer<'_>,
    account_id: i64,
    provider: &str,
    subject: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    w.social_account_insert(&NewSocialAccount {
        account_id,
        provider: provider.to_owned(),
        uid: subject.to_owned(),
        date_joined: now,
        // What else the provider said is nobody's here.
        extra_data: "{}".to_owned(),
    })?;
    Ok(())
}

fn in_form(refusal: Refusal) -> Failure {
    match refusal {
        Refusal::Invalid(problems) => Failure::Form(problems),
        other => other.into(),
    }
}

async fn form_problems(domain: &Domain, username: &str, email: &str) -> Result<Problems, Failure> {
    const BLANK: &str = "This field may not be blank.";
    let mut problems = Problems::none();
    if username.is_empty() {
        problems.add("username", vec![BLANK.to_owned()]);
    } else if username.chars().count() > MOST_NAME_CHARACTERS {
        let too_long = format!("Ensure this field has no more than {MOST_NAME_CHARACTERS} characters.");
        problems.add("username", vec![too_long]);
    } else {
        problems.add("username", usernames::username_problems(domain, username).await?);
    }
    if !email.is_empty() && !is_email_address(email) {
        problems.add("email", vec!["Enter a valid email address.".to_owned()]);
    } else if !email.is_empty() {
        problems.add("email", email_addresses::registration_problems(domain, email).await?);
    } else if domain.rules.needs_email() {
        problems.add("email", vec![BLANK.to_owned()]);
    }
    Ok(problems)
}

/// A person as far as an account can hold it.
fn trimmed(person: Person) -> Person {
    let name = |text: String| {
        let printable: String = text.chars().filter(|c| !c.is_control()).collect();
        printable.trim().chars().take(MOST_NAME_CHARACTERS).collect::<String>()
    };
    let email = person.email.map(|email| email.to_ascii_lowercase()).filter(|email| is_email_address(email));
    Person {
        subject: person.subject,
        email_verified: person.email_verified && email.is_some(),
        email,
        username: person.username.map(name),
        first_name: name(person.first_name),
        last_name: name(person.last_name),
    }
}

/// A user name after what the provider calls the person: whatever a user name may not have is left out.
fn suggested_username(person: &Person, provider: &str) -> String {
    let local = person.email.as_deref().and_then(|email| email.split('@').next());
    let wishes = [person.username.as_deref(), local, Some(provider)];
    let allowed = |wish: &str| -> String {
        wish.chars().filter(|c| c.is_alphanumeric() || "@.+-_".contains(*c)).take(MOST_NAME_CHARACTERS - 10).collect()
    };
    wishes.into_iter().flatten().map(allowed).find(|name| !name.is_empty()).unwrap_or_else(|| "user".to_owned())
}

/// The wished name, or the same with the first number that nobody has: a name that is taken is somebody else's.
fn free_username(wish: &str, is_taken: impl Fn(&str) -> Result<bool, StoreError>) -> Result<String, StoreError> {
    // Steps double, so that the thousandth of a name is found as fast as the third.
    let mut number = 1_u64;
    let mut step = 1;
    loop {
        let name = if number == 1 { wish.to_owned() } else { format!("{wish}{number}") };
        if !is_taken(&name)? {
            return Ok(name);
        }
        number = number.saturating_add(step);
        step *= 2;
        if step > 1 << 30 {
            return Err(StoreError::Other(format!("no free name after {wish}")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(username: Option<&str>, email: Option<&str>) -> Person {
        Person {
            subject: "1".to_owned(),
            email: email.map(str::to_owned),
            email_verified: true,
            username: username.map(str::to_owned),
            first_name: "A\u{7}my ".to_owned(),
            last_name: "x".repeat(400),
        }
    }

    #[test]
    fn what_a_provider_says_is_cut_to_what_an_account_holds() {
        let person = trimmed(person(Some("amy\r\n"), Some("Amy@Example.COM")));
        assert_eq!((person.first_name.as_str(), person.last_name.len()), ("Amy", 150));
        assert_eq!(person.email.as_deref(), Some("amy@example.com"));
        let bad = trimmed(self::person(None, Some("amy@example.com\r\nBcc: all@example.com")));
        assert!(bad.email.is_none() && !bad.email_verified);
    }

    #[test]
    fn user_name_follows_the_provider_as_far_as_it_is_one() {
        assert_eq!(suggested_username(&person(Some("Amy <b>"), None), "google"), "Amyb");
        assert_eq!(suggested_username(&person(Some("!!"), Some("amy@example.com")), "google"), "amy");
        assert_eq!(suggested_username(&person(None, None), "google"), "google");
    }

    #[test]
    fn taken_name_gets_a_number() {
        let taken = |name: &str| Ok(["amy", "amy2"].contains(&name.to_lowercase().as_str()));
        assert_eq!(free_username("Amy", taken).unwrap(), "Amy4");
        assert_eq!(free_username("bob", taken).unwrap(), "bob");
    }
}
