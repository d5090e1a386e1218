//! Builds the server from its settings, starts it, and shuts it down without losing a write.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dropshot::ApiDescriptionBuildErrors;
use slog::{Logger, info, o, warn};
use tokio::task::JoinSet;

mod certificates;

use crate::admin_server;
use crate::branding::{PictureError, Pictures};
use crate::config::{Backend, Config};
use crate::domain::hashing::{Cost, Hasher, HasherError};
use crate::domain::housekeeping::CleanupJob;
use crate::domain::keys::SecretKey;
use crate::domain::leaked_passwords::{LeakedPasswords, UnusableFilter};
use crate::domain::limits::{Limits, SAVE_INTERVAL};
use crate::domain::operation::Operation;
use crate::domain::passwords::Password;
use crate::domain::rehash::Rehash;
use crate::domain::revocation::Revoked;
use crate::domain::{
    App, Clock, DomainError, Entropy, Services, SystemClock, SystemEntropy, administration, social,
    usernames,
};
use specbound::connections::{self, Connections, ConnectionsError, Service};
use specbound::{Document, HttpService};

use crate::api::{OPERATIONS, user};
use crate::http::pages::{self, PageError};
use crate::http::{AppState, Settings, documented_api, documented_user_api};
use crate::languages::{LanguageError, Languages};
use crate::mail::transport::{SmtpSettings, Transport};
use crate::mail::{Outbox, Site, smtp, worker};
use crate::metrics;
use crate::providers::{self, CommonSettings, Providers, STEP_TIMEOUT};
use crate::secret_key::{self, SecretKeyError};
use crate::store::{Store, StoreError};
use crate::tls::{LoadedCertificate, TlsError};
use certificates::{SighupListener, reload_certificates};

/// Why the server did not start, or did not stop in order: one line for the operator.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    SecretKey(#[from] SecretKeyError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Provider(#[from] providers::SetupError),
    #[error(transparent)]
    Email(#[from] smtp::SetupError),
    #[error(transparent)]
    Hasher(#[from] HasherError),
    #[error(transparent)]
    Language(#[from] LanguageError),
    #[error(transparent)]
    LeakedPasswords(#[from] UnusableFilter),
    #[error(transparent)]
    Picture(#[from] PictureError),
    #[error(transparent)]
    Page(#[from] PageError),
    #[error(transparent)]
    Routes(#[from] ApiDescriptionBuildErrors),
    #[error(transparent)]
    Service(Box<dyn std::error::Error + Send + Sync>),
    #[error("cannot create the administrator: {0}")]
    Administrator(DomainError),
    #[error("cannot listen on {address}: {reason}")]
    Listen { address: SocketAddr, reason: std::io::Error },
    #[error(transparent)]
    Stopped(#[from] ConnectionsError),
    #[error("the server is still in use")]
    StillInUse,
    #[error("the database was not closed: {0}")]
    StoreNotClosed(tokio::task::JoinError),
}

/// Dependencies that tests replace; [`Dependencies::default`] is for production.
pub struct Dependencies {
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub hash_cost: Cost,
    /// Overrides the transport from the settings.
    pub transport: Option<Transport>,
    /// Timeout of a request to a sign-in provider.
    pub provider_timeout: Duration,
    /// Metrics of the log.
    pub logging: metrics::Logging,
}

impl Default for Dependencies {
    fn default() -> Dependencies {
        Dependencies {
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            hash_cost: Cost::PRODUCTION,
            transport: None,
            provider_timeout: STEP_TIMEOUT,
            logging: metrics::Logging::default(),
        }
    }
}

/// A running server.
pub struct Running {
    http: Arc<Connections>,
    service: Arc<HttpService<AppState>>,
    admin_server: Option<Connections>,
    app: App,
    mail: worker::WorkerHandle,
    /// Background tasks, aborted on drop.
    tasks: JoinSet<()>,
}

/// Opens the database, creates the administrator and binds the port.
///
/// # Errors
///
/// [`ServerError`]
pub async fn start(
    config: &Config,
    bind: SocketAddr,
    log: &Logger,
    dependencies: Dependencies,
) -> Result<Running, ServerError> {
    for warning in config.warnings() {
        warn!(log, "{}", warning);
    }
    let store = Store::open(&config.database)?;
    let secret = secret_key::of_server(
        config,
        &store,
        &*dependencies.entropy,
        dependencies.clock.now(),
        log,
    )
    .await?;
    let languages = Arc::new(languages(config)?);
    let pictures = Pictures::read(config.customize_dir.as_deref())?;
    let app = app(config, &store, (secret, &languages), &dependencies, log)?;
    let Dependencies { clock, transport, logging, .. } = dependencies;
    app.limits.load(&store).await?;
    social::record_issuers(&app).await?;
    match usernames::fill_skeletons(&app).await? {
        0 => {}
        accounts => info!(log, "username skeletons computed"; "accounts" => accounts),
    }
    if let Some(admin) = &config.admin {
        let password = Password::new(admin.password.expose().to_owned());
        let op = Operation::of_operator(&app);
        let made =
            administration::ensure_superuser(&op, &admin.username, &admin.email, password).await;
        if made.map_err(ServerError::Administrator)? {
            info!(log, "administrator created");
        }
    }
    let transport = match transport {
        Some(transport) => Some(transport),
        None => transport_of(config, log)?,
    };
    let now = Arc::new(move || clock.now());
    let mail =
        worker::start(store, app.outbox.clone(), transport, now, log.new(o!("part" => "mail")));
    let sighup = SighupListener::listen();
    let (pair, tls) = config.tls.as_ref().map(LoadedCertificate::read).transpose()?.unzip();
    let state = Arc::new(AppState::new(app.clone(), settings(config, languages, pictures))?);
    let pages = pages::all(&state)?;
    let service = HttpService::start_documents(state, documents()?, pages, log.clone()).await;
    let service = service.map_err(|e| ServerError::Service(e.into()))?;
    #[cfg(debug_assertions)]
    let service = service.check_responses(crate::api::RESPONSES).check_responses(user::RESPONSES);
    let service = Arc::new(service);
    let counted = service.metrics().clone();
    let part = log.new(o!("part" => "connections"));
    let http =
        Connections::listen(bind, connections::max_connections(), tls, Arc::clone(&service), part);
    let cannot_listen = |address| move |reason| ServerError::Listen { address, reason };
    let http = Arc::new(http.map_err(cannot_listen(bind))?);
    info!(log, "listening"; "address" => %http.address(), "site_url" => &config.rules.site_url,
        "tls" => pair.is_some());
    if pair.is_some() && config.rules.site_url.starts_with("http://") {
        warn!(
            log,
            "INVENTREE_SITE_URL is http:// although TLS is enabled: emailed links and cookies \
             follow it"
        );
    }
    let tls_metrics = metrics::Tls::default();
    if let Some(pair) = &pair {
        tls_metrics.certificate_expiry.set(pair.expiry());
    }
    let admin_server = match config.metrics_bind {
        Some(bind) => {
            let database = config.database.file().map(Path::to_owned);
            let state = admin_server::State {
                app: app.clone(),
                database,
                http: counted,
                logging,
                tls: pair.as_ref().map(|_| tls_metrics.clone()),
                outbox: mail.handle(),
            };
            let part = log.new(o!("part" => "admin server"));
            let admin_server =
                admin_server::listen(bind, state, part).map_err(cannot_listen(bind))?;
            info!(log, "admin server started"; "address" => %admin_server.address());
            Some(admin_server)
        }
        None => None,
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(run_maintenance(app.clone(), log.new(o!("part" => "housekeeping"))));
    tasks.spawn(save_limits(app.clone(), log.new(o!("part" => "limits"))));
    let part = log.new(o!("part" => "tls"));
    tasks.spawn(reload_certificates(pair, sighup, Arc::clone(&http), tls_metrics, part));
    Ok(Running { http, service, admin_server, app, mail, tasks })
}

/// Builds the domain for the operators' commands. They sign and send nothing, so they use an
/// ephemeral secret key: the server creates the key file, as its own user.
///
/// # Errors
///
/// [`ServerError`]
pub fn offline_app(config: &Config, store: &Store) -> Result<App, ServerError> {
    let dependencies = Dependencies::default();
    let mut bytes = [0; 32];
    dependencies.entropy.fill(&mut bytes);
    // They send no email.
    let languages = Arc::new(Languages::empty());
    let log = Logger::root(slog::Discard, o!());
    app(config, store, (SecretKey::new(&bytes), &languages), &dependencies, &log)
}

fn app(
    config: &Config,
    store: &Store,
    (secret, languages): (SecretKey, &Arc<Languages>),
    dependencies: &Dependencies,
    log: &Logger,
) -> Result<App, ServerError> {
    let Dependencies { clock, entropy, hash_cost, .. } = dependencies;
    Ok(App::new(Services {
        store: store.clone(),
        hasher: Hasher::start(*hash_cost)?,
        limits: Limits::new(config.rate_limits, store, Arc::clone(clock)),
        rehash: Rehash::default(),
        log: log.clone(),
        metrics: metrics::Accounts::default(),
        providers: providers(config, dependencies)?,
        leaked_passwords: LeakedPasswords::open(&config.leaked_passwords, log)?,
        clock: Arc::clone(clock),
        entropy: Arc::clone(entropy),
        outbox: Outbox::new(
            &secret.derive("outbox"),
            Site {
                product: config.branding.product.clone(),
                contact: config.branding.contact.clone(),
                prefix: config.email.prefix.clone(),
                url: config.rules.site_url.clone(),
                languages: Arc::clone(languages),
            },
        ),
        secret,
        rules: config.rules.clone(),
    }))
}

/// The sign-in providers from the settings.
///
/// # Errors
///
/// One line that names the provider and the settings it needs.
pub fn providers(
    config: &Config,
    dependencies: &Dependencies,
) -> Result<Providers, providers::SetupError> {
    let timeout = dependencies.provider_timeout;
    let common = CommonSettings {
        private: config.provider_networks.clone(),
        root_certificates: config.provider_roots.clone(),
        groups_claim: config.groups_claim.clone(),
        group_providers: config.group_providers.clone(),
    };
    Providers::new(&config.providers, &common, &config.rules.site_url, timeout)
}

fn documents() -> Result<Vec<Document<AppState>>, ApiDescriptionBuildErrors> {
    Ok(vec![
        Document { api: documented_api()?, operations: OPERATIONS },
        Document { api: documented_user_api()?, operations: user::OPERATIONS },
    ])
}

/// Poll interval of the wall clock, which may jump.
const POLL_INTERVAL: Duration = Duration::from_secs(60);

/// Periodic cleanup of expired sessions and tokens: at start and once a day.
async fn run_maintenance(app: App, log: Logger) {
    let mut cleanup = CleanupJob::new(app.clone());
    loop {
        if let Err(error) = app.limits.purge_expired(&app.store).await {
            warn!(log, "failed to purge expired rate-limit buckets"; "why" => %error);
        }
        match cleanup.run_if_due().await {
            Ok(Some(Revoked { sessions: 0, tokens: 0 }) | None) => {}
            Ok(Some(Revoked { sessions, tokens })) => {
                info!(log, "expired sessions and tokens \
                    deleted"; "sessions" => sessions, "tokens" => tokens);
            }
            Err(error) => {
                warn!(log, "failed to delete expired sessions and tokens"; "why" => %error)
            }
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Saves the in-memory rate-limit buckets periodically, so that a crash loses only the last
/// interval.
async fn save_limits(app: App, log: Logger) {
    let mut has_failed = false;
    loop {
        tokio::time::sleep(SAVE_INTERVAL).await;
        let saved = app.limits.save(&app.store).await;
        if let (Err(error), false) = (&saved, has_failed) {
            warn!(log, "failed to save rate-limit buckets"; "why" => %error);
        }
        has_failed = saved.is_err();
    }
}

impl Running {
    pub fn address(&self) -> SocketAddr {
        self.http.address()
    }

    /// The address of health checks and metrics.
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin_server.as_ref().map(Connections::address)
    }

    pub fn app(&self) -> &App {
        &self.app
    }

    /// Completes if the server stops unexpectedly, which is an error.
    pub async fn stopped(&self) -> Result<(), ServerError> {
        Ok(self.http.stopped().await?)
    }

    /// Graceful shutdown: rejects new requests, completes those in flight, then the current email,
    /// then queued writes.
    ///
    /// # Errors
    ///
    /// The error of the HTTP server.
    pub async fn stop(mut self) -> Result<(), ServerError> {
        self.tasks.shutdown().await;
        // The task that shared it has ended.
        let closed = match Arc::try_unwrap(self.http) {
            Ok(http) => http.stop().await.map_err(ServerError::Stopped),
            Err(_) => Err(ServerError::StillInUse),
        };
        self.service.close().await;
        if let Some(admin_server) = self.admin_server {
            // Stopped last, so that load balancers see that this server is shutting down.
            admin_server.stop().await?;
        }
        self.mail.stop().await;
        // Saved once, without retries: nothing is left to wait for.
        let _ = self.app.limits.save(&self.app.store).await;
        let store = self.app.store.clone();
        let ended = tokio::task::spawn_blocking(move || store.close()).await;
        closed.and(ended.map_err(ServerError::StoreNotClosed))
    }
}

/// The languages of this build, and those of the operator's folder.
///
/// # Errors
///
/// One line that names the file.
pub fn languages(config: &Config) -> Result<Languages, LanguageError> {
    let folder = config.customize_dir.as_ref().map(|folder| folder.join("locales"));
    let folder = folder.as_deref().filter(|folder| folder.is_dir());
    Languages::new(folder, &config.branding.product)
}

fn settings(config: &Config, languages: Arc<Languages>, pictures: Pictures) -> Settings {
    Settings {
        site_url: config.rules.site_url.clone(),
        http: config.http.clone(),
        mail_required: config.rules.needs_email(),
        email_configured: !matches!(config.email.backend, Backend::None),
        providers: config.providers.iter().map(|provider| provider.id.clone()).collect(),
        ends_tls: config.tls.is_some(),
        languages,
        branding: config.branding.clone(),
        pictures,
        email_sender: config.email.sender.clone(),
        mailbox: config.mailbox.clone(),
    }
}

fn transport_of(config: &Config, log: &Logger) -> Result<Option<Transport>, smtp::SetupError> {
    if let Some(mailbox) = &config.mailbox {
        return Ok(Some(Transport::Memory(Arc::clone(mailbox))));
    }
    match &config.email.backend {
        Backend::None => {
            warn!(
                log,
                "INVENTREE_EMAIL_HOST is not set: email stays in the outbox until it is set or the \
                 email expires"
            );
            Ok(None)
        }
        Backend::Console => Ok(Some(Transport::Console)),
        Backend::Smtp { host, port, credentials, starttls, tls, roots } => {
            let (username, password) = credentials.clone().unzip();
            let settings = SmtpSettings {
                host: host.clone(),
                port: *port,
                username,
                password,
                tls: *starttls,
                ssl: *tls,
                sender: config.email.sender.clone(),
                sender_name: config.email.sender_name.clone(),
                reply_to: config.email.reply_to.clone(),
                site_url: config.rules.site_url.clone(),
                roots: roots.clone(),
            };
            Transport::smtp(settings).map(Some)
        }
    }
}
