//! The texts of environment and file by setting, and typed access to them.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use serde_json::Value;

use super::error::{ConfigError, Errors};
use super::settings::{self, DefaultValue, Kind, PREFIX, PROVIDER_PREFIX, SECTIONS, Setting};
use super::{env_file, inventree};
use crate::network::Network;
use crate::secret::Secret;

pub(super) struct Values {
    texts: BTreeMap<String, String>,
    /// Names of InvenTree's settings that mean nothing here.
    pub ignored: Vec<String>,
    /// Unknown names, and values that are not of their setting's type.
    pub errors: Errors,
}

impl Values {
    pub fn read(
        file: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Values, ConfigError> {
        let mut values = match file {
            Some(path) => read_file(path)?,
            None => BTreeMap::new(),
        };
        values.extend(environment.filter(|(name, _)| name.starts_with(PREFIX)));
        let mut values = Values { texts: values, ignored: Vec::new(), errors: Errors::default() };
        let ids = values.provider_ids();
        let is_unknown = |name: &&String| match &ids {
            Ok(ids) => !is_known(name, ids),
            // The ids are refused; their settings are not all unknown for that.
            Err(_) => !is_known(name, &[]) && !name.starts_with(PROVIDER_PREFIX),
        };
        let unknown = values.texts.keys().filter(is_unknown).cloned();
        let (ignored, unknown) = unknown.partition::<Vec<_>, _>(|name| inventree::is_setting(name));
        let invalid = SECTIONS.iter().flat_map(|section| section.settings);
        let invalid =
            invalid.filter(|setting| !values.is_of_type(setting)).map(ConfigError::invalid);
        let errors = unknown.into_iter().map(ConfigError::Unknown).chain(invalid).collect();
        values.ignored = ignored;
        values.errors = Errors(errors);
        Ok(values)
    }

    fn is_of_type(&self, setting: &Setting) -> bool {
        let Some(text) = self.get(setting) else { return true };
        match setting.kind {
            Kind::Flag => flag(text).is_some(),
            Kind::Port => text.parse::<u16>().is_ok(),
            Kind::Count { min, max, .. } => {
                text.parse().is_ok_and(|number: i64| (min..=max).contains(&number))
            }
            _ => true,
        }
    }

    /// The value that is set. An empty value counts as unset.
    pub fn explicit(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The value that is set, or the default.
    pub fn get(&self, setting: &Setting) -> Option<&str> {
        self.explicit(setting.name).or(default(setting))
    }

    pub fn text(&self, setting: &Setting) -> String {
        self.get(setting).unwrap_or_default().to_owned()
    }

    /// Not trimmed, and an empty value counts.
    pub fn verbatim(&self, setting: &Setting) -> Option<String> {
        self.texts.get(setting.name).cloned()
    }

    /// `None` without a value and a default. Another value than a flag's is among
    /// [`Values::errors`], as one that is no port or count.
    pub fn optional_flag(&self, setting: &Setting) -> Option<bool> {
        self.get(setting).and_then(flag)
    }

    pub fn flag(&self, setting: &Setting) -> bool {
        self.optional_flag(setting).unwrap_or_default()
    }

    /// `None` without a value and a default.
    pub fn port(&self, setting: &Setting) -> Option<u16> {
        self.get(setting).and_then(|text| text.parse().ok())
    }

    pub fn count<T: FromStr + Default>(&self, setting: &Setting) -> T {
        self.get(setting).and_then(|text| text.parse().ok()).unwrap_or_default()
    }

    pub fn list(&self, setting: &Setting) -> Vec<String> {
        split(self.get(setting).unwrap_or_default())
    }

    /// The list of that full name, which for a provider holds its id.
    pub fn list_named(&self, name: &str) -> Vec<String> {
        split(self.explicit(name).unwrap_or_default())
    }

    pub fn origins(&self, setting: &Setting) -> Result<Vec<String>, ConfigError> {
        let list = self.list(setting);
        let is_origin = |text: &String| {
            let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
            host.is_some_and(|host| {
                !host.is_empty() && !host.contains(['/', '*', '@', '?', '#', ' '])
            })
        };
        if list.iter().all(is_origin) { Ok(list) } else { Err(ConfigError::invalid(setting)) }
    }

    pub fn networks(&self, setting: &Setting) -> Result<Vec<Network>, ConfigError> {
        let networks: Result<Vec<Network>, _> =
            self.list(setting).iter().map(|range| range.parse()).collect();
        networks.map_err(|_| ConfigError::invalid(setting))
    }

    pub fn secret(&self, setting: &Setting) -> Result<Option<Secret>, ConfigError> {
        self.secret_named(setting.name)
    }

    /// The value that is set, including surrounding whitespace.
    pub fn password(&self, setting: &Setting) -> Result<Option<Secret>, ConfigError> {
        let password = self.secret(setting)?;
        Ok(password
            .map(|trimmed| self.texts.get(setting.name).cloned().map_or(trimmed, Secret::new)))
    }

    /// The secret of that full name, which for a provider holds its id.
    pub fn secret_named(&self, name: &str) -> Result<Option<Secret>, ConfigError> {
        let file_name = settings::file_name(name);
        match (self.explicit(name), self.explicit(&file_name)) {
            (Some(_), Some(_)) => Err(ConfigError::Exclusive(name.to_owned(), file_name)),
            (Some(text), None) => Ok(Some(Secret::new(text.to_owned()))),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path).map_err(|e| {
                    ConfigError::Unreadable(format!("{file_name}: {path}"), e.to_string())
                })?;
                Ok(Some(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned())))
            }
            (None, None) => Ok(None),
        }
    }

    /// Distinct provider ids.
    pub fn provider_ids(&self) -> Result<Vec<String>, ConfigError> {
        let ids = self.list(&settings::SSO_PROVIDERS);
        let is_id = |id: &String| {
            id.len() <= 30
                && id
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
                && id.bytes().any(|byte| byte.is_ascii_lowercase())
        };
        let is_double = ids.iter().enumerate().any(|(n, id)| ids[..n].contains(id));
        if is_double || !ids.iter().all(is_id) {
            Err(ConfigError::invalid(&settings::SSO_PROVIDERS))
        } else {
            Ok(ids)
        }
    }
}

fn flag(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" | "y" | "t" => Some(true),
        "false" | "0" | "no" | "off" | "n" | "f" => Some(false),
        _ => None,
    }
}

/// A list with commas, or in JSON as InvenTree has it too.
fn split(list: &str) -> Vec<String> {
    if list.starts_with('[')
        && let Ok(items) = serde_json::from_str(list)
    {
        return items;
    }
    list.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

fn default(setting: &Setting) -> Option<&'static str> {
    match setting.default {
        DefaultValue::Value(text) => Some(text),
        DefaultValue::Unset | DefaultValue::Described(_) => None,
    }
}

/// Settings of a provider are known once the provider is named.
fn is_known(name: &str, provider_ids: &[String]) -> bool {
    let is = |setting: &Setting, known: &str| {
        name == known || setting.is_secret() && name == settings::file_name(known)
    };
    SECTIONS.iter().flat_map(|section| section.settings).any(|setting| {
        if setting.is_of_provider() {
            provider_ids.iter().any(|id| is(setting, &setting.name_for(id)))
        } else {
            is(setting, setting.name)
        }
    })
}

/// `.env`, or a name that ends so.
fn is_env_file(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().ends_with(b".env"))
}

fn read_file(path: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    let failed = |reason: String| ConfigError::Unreadable(path.display().to_string(), reason);
    let text = std::fs::read_to_string(path).map_err(|e| failed(e.to_string()))?;
    if is_env_file(path) {
        let variables = env_file::parse(&text).map_err(failed)?;
        return Ok(variables.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect());
    }
    let is_toml = path.extension().is_some_and(|extension| extension == "toml");
    let value: Value = if is_toml {
        toml::from_str(&text).map_err(|e| failed(e.message().to_owned()))?
    } else {
        serde_yaml_ng::from_str(&text).map_err(|e| failed(e.to_string()))?
    };
    let members = match value {
        Value::Object(members) => members,
        Value::Null => return Ok(BTreeMap::new()),
        _ => return Err(failed("expected `NAME: value` on each line".to_owned())),
    };
    let entry = |(name, value)| match value {
        Value::String(text) => Ok((name, text)),
        Value::Bool(flag) => Ok((name, flag.to_string())),
        Value::Number(number) => Ok((name, number.to_string())),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            Ok((name, items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")))
        }
        _ => Err(failed(format!("{name}: expected text, a number, a boolean or a list of texts"))),
    };
    members.into_iter().map(entry).collect()
}
