//! Settings of the forward authentication and of the cookies that it depends on.

use super::error::{ConfigError, Errors};
use super::settings::{
    COOKIE_DOMAIN, FORWARD_AUTH_ALLOW, FORWARD_AUTH_HOSTS, FORWARD_AUTH_OPEN_PATHS,
    SESSION_COOKIE_NAME,
};
use super::values::Values;
use crate::http::pages::forward_auth::{Allow, ForwardAuth, plain_host};

/// Names of cookies that this server sets for something else.
const RESERVED: [&str; 2] = ["csrftoken", "device"];

pub(super) fn session_cookie(values: &Values) -> Result<String, ConfigError> {
    let name = values.text(&SESSION_COOKIE_NAME);
    let is_name = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
        && !name.starts_with("__")
        && !RESERVED.contains(&name.as_str());
    if is_name { Ok(name) } else { Err(ConfigError::invalid(&SESSION_COOKIE_NAME)) }
}

pub(super) fn cookie_domain(
    values: &Values,
    site_url: &str,
) -> Result<Option<String>, ConfigError> {
    let Some(domain) = values.get(&COOKIE_DOMAIN) else { return Ok(None) };
    let domain = domain.trim_start_matches('.').to_ascii_lowercase();
    // A top-level domain or an address is no domain of anybody's own.
    let is_domain = domain.contains('.')
        && domain.chars().any(|c| c.is_ascii_alphabetic())
        && domain.split('.').all(is_label);
    if !is_domain || !is_within(&site_host(site_url), &domain) {
        return Err(ConfigError::invalid(&COOKIE_DOMAIN));
    }
    Ok(Some(domain))
}

/// Hosts are not checked without a site URL: its absence is an error already.
pub(super) fn settings(
    values: &Values,
    site_url: Option<&str>,
    errors: &mut Errors,
) -> ForwardAuth {
    ForwardAuth {
        hosts: errors.or_default(site_url.map_or(Ok(Vec::new()), |url| hosts(values, url))),
        open_paths: errors.or_default(open_paths(values)),
        allow: errors.or_default(allow(values)),
    }
}

fn hosts(values: &Values, site_url: &str) -> Result<Vec<String>, ConfigError> {
    let scheme = site_url.split_once("://").map_or("http", |(scheme, _)| scheme);
    let site = site_host(site_url);
    let named = values.list(&FORWARD_AUTH_HOSTS);
    let mut hosts: Vec<String> = named.iter().map(|host| plain_host(scheme, host)).collect();
    if !hosts.iter().all(|host| is_host(host)) {
        return Err(ConfigError::invalid(&FORWARD_AUTH_HOSTS));
    }
    let others = hosts.iter().filter(|host| name_of(host) != name_of(&site));
    match cookie_domain(values, site_url)? {
        None if others.clone().next().is_some() => {
            let needed = COOKIE_DOMAIN.name.to_owned();
            return Err(ConfigError::Missing(FORWARD_AUTH_HOSTS.name, needed));
        }
        Some(domain) if others.clone().any(|host| !is_within(host, &domain)) => {
            return Err(ConfigError::invalid(&COOKIE_DOMAIN));
        }
        _ => {}
    }
    if hosts.is_empty() {
        hosts.push(site);
    }
    Ok(hosts)
}

fn open_paths(values: &Values) -> Result<Vec<String>, ConfigError> {
    let open_paths = values.list(&FORWARD_AUTH_OPEN_PATHS);
    let is_path = |path: &String| {
        let named = path.strip_suffix("/*").unwrap_or(path);
        path.starts_with('/') && !named.contains(['?', '#', '%', '*'])
    };
    match open_paths.iter().all(is_path) {
        true => Ok(open_paths),
        false => Err(ConfigError::invalid(&FORWARD_AUTH_OPEN_PATHS)),
    }
}

fn allow(values: &Values) -> Result<Vec<Allow>, ConfigError> {
    let allow = values.list(&FORWARD_AUTH_ALLOW);
    let allow = allow.iter().map(|text| match (text.as_str(), text.strip_prefix("group:")) {
        ("everyone", _) => Some(Allow::Everyone),
        ("superusers", _) => Some(Allow::Superusers),
        (_, Some(group)) if !group.trim().is_empty() => Some(Allow::Group(group.trim().to_owned())),
        _ => None,
    });
    allow.collect::<Option<_>>().ok_or_else(|| ConfigError::invalid(&FORWARD_AUTH_ALLOW))
}

/// Host and port of the site.
fn site_host(site_url: &str) -> String {
    let (scheme, rest) = site_url.split_once("://").unwrap_or(("http", site_url));
    plain_host(scheme, rest.split('/').next().unwrap_or_default())
}

fn name_of(host: &str) -> &str {
    match host.starts_with('[') {
        true => host.split_inclusive(']').next().unwrap_or(host),
        false => host.split(':').next().unwrap_or(host),
    }
}

fn is_within(host: &str, domain: &str) -> bool {
    let name = name_of(host);
    name == domain || name.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

fn is_host(host: &str) -> bool {
    let name = name_of(host);
    let port = &host[name.len()..];
    let is_port =
        port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    let is_name = match name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => name.split('.').all(is_label),
    };
    is_name && is_port
}

fn is_label(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn load(pairs: &[(&str, &str)]) -> Result<Config, String> {
        let site = [("SITE_URL", "https://auth.example.com")];
        let pairs = site.iter().chain(pairs);
        let pairs = pairs.map(|(key, value)| (format!("INVENTREE_{key}"), (*value).to_owned()));
        Config::load(None, pairs).map_err(|e| e.to_string())
    }

    #[test]
    fn hosts_default_to_the_sites_own_and_others_require_a_cookie_domain() {
        assert_eq!(load(&[]).unwrap().http.forward_auth.hosts, ["auth.example.com"]);
        let same = load(&[("FORWARD_AUTH_HOSTS", "auth.example.com:8443")]).unwrap();
        assert_eq!(same.http.forward_auth.hosts, ["auth.example.com:8443"]);
        let hosts = ("FORWARD_AUTH_HOSTS", "Stock.example.com:443, wiki.example.com:8443");
        let refused = load(&[hosts]).unwrap_err();
        assert_eq!(refused, "INVENTREE_FORWARD_AUTH_HOSTS requires INVENTREE_COOKIE_DOMAIN");
        let both = load(&[hosts, ("COOKIE_DOMAIN", ".example.com")]).unwrap();
        assert_eq!(both.http.forward_auth.hosts, ["stock.example.com", "wiki.example.com:8443"]);
        assert_eq!(both.http.cookie_domain.as_deref(), Some("example.com"));
        for domain in ["com", "example.org", "ample.com", "10.0.0.1", "stock.example.com"] {
            let refused = load(&[hosts, ("COOKIE_DOMAIN", domain)]).unwrap_err();
            assert!(refused.starts_with("INVENTREE_COOKIE_DOMAIN: expected"), "{refused}");
        }
        for host in ["https://stock.example.com", "stock.example.com/", "*.example.com", "a:b"] {
            let pairs = [("FORWARD_AUTH_HOSTS", host), ("COOKIE_DOMAIN", "example.com")];
            assert!(load(&pairs).is_err(), "{host}");
        }
    }

    #[test]
    fn cookie_names_paths_and_permissions_are_checked() {
        for (name, value) in [
            ("SESSION_COOKIE_NAME", "csrftoken"),
            ("SESSION_COOKIE_NAME", "a=b"),
            ("SESSION_COOKIE_NAME", "__Host-session"),
            ("FORWARD_AUTH_OPEN_PATHS", "static/"),
            ("FORWARD_AUTH_OPEN_PATHS", "/static*"),
            ("FORWARD_AUTH_OPEN_PATHS", "/*/static/"),
            ("FORWARD_AUTH_ALLOW", "admins"),
            ("FORWARD_AUTH_ALLOW", "group:"),
        ] {
            let refused = load(&[(name, value)]).unwrap_err();
            assert!(refused.starts_with(&format!("INVENTREE_{name}: expected")), "{refused}");
        }
        let config = load(&[("FORWARD_AUTH_ALLOW", "superusers, group:Stock keepers")]).unwrap();
        assert_eq!(config.http.forward_auth.allow.len(), 2);
    }
}
