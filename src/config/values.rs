//! The texts of environment and file by setting, and typed access to them.

use std::collections::BTreeMap;
use std::path::Path;
use std::str::FromStr;

use serde_json::Value;

use super::error::ConfigError;
use super::inventree;
use super::settings::{self, DefaultValue, Kind, PREFIX, SECTIONS, Setting};
use crate::network::Network;
use crate::secret::Secret;

pub(super) struct Values {
    texts: BTreeMap<String, String>,
    /// Names of InvenTree's settings that mean nothing here.
    pub ignored: Vec<String>,
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
        let mut values = Values { texts: values, ignored: Vec::new() };
        let provider_ids = values.provider_ids()?;
        let unknown = values.texts.keys().filter(|name| !is_known(name, &provider_ids)).cloned();
        let (ignored, unknown) = unknown.partition(|name| inventree::is_setting(name));
        values.ignored = ignored;
        values.check(unknown)?;
        Ok(values)
    }

    /// # Errors
    ///
    /// For unknown names, and for every value that is not of its setting's type.
    fn check(&self, unknown: Vec<String>) -> Result<(), ConfigError> {
        let mut errors: Vec<ConfigError> = unknown.into_iter().map(ConfigError::Unknown).collect();
        for setting in SECTIONS.iter().flat_map(|section| section.settings) {
            let checked = match setting.kind {
                Kind::Flag => self.optional_flag(setting).map(drop),
                Kind::Port => self.parsed::<u16>(setting).map(drop),
                Kind::Count { .. } => self.count::<i64>(setting).map(drop),
                _ => Ok(()),
            };
            errors.extend(checked.err());
        }
        match errors.len() {
            0 => Ok(()),
            1 => errors.pop().map_or(Ok(()), Err),
            _ => Err(ConfigError::Several(errors)),
        }
    }

    /// As it is set. An empty value counts as unset.
    pub fn explicit(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// As it is set, or the default.
    pub fn get(&self, setting: &Setting) -> Option<&str> {
        self.explicit(setting.name).or(default(setting))
    }

    pub fn text(&self, setting: &Setting) -> String {
        self.get(setting).unwrap_or_default().to_owned()
    }

    /// Not trimmed, and an empty value counts.
    pub fn verbatim(&self, setting: &Setting) -> String {
        self.texts
            .get(setting.name)
            .map(String::as_str)
            .or(default(setting))
            .unwrap_or_default()
            .to_owned()
    }

    /// `None` without a value and a default.
    pub fn optional_flag(&self, setting: &Setting) -> Result<Option<bool>, ConfigError> {
        match self.get(setting).map(str::to_ascii_lowercase).as_deref() {
            None => Ok(None),
            Some("true" | "1" | "yes" | "on" | "y" | "t") => Ok(Some(true)),
            Some("false" | "0" | "no" | "off" | "n" | "f") => Ok(Some(false)),
            Some(_) => Err(ConfigError::invalid(setting)),
        }
    }

    pub fn flag(&self, setting: &Setting) -> Result<bool, ConfigError> {
        Ok(self.optional_flag(setting)?.unwrap_or(false))
    }

    /// `None` without a value and a default.
    pub fn parsed<T: FromStr>(&self, setting: &Setting) -> Result<Option<T>, ConfigError> {
        let parse = |text: &str| text.parse().map_err(|_| ConfigError::invalid(setting));
        self.get(setting).map(parse).transpose()
    }

    /// Within the range of a [`Kind::Count`].
    pub fn count<T: TryFrom<i64>>(&self, setting: &Setting) -> Result<T, ConfigError> {
        let number = self.parsed(setting)?.filter(|number| match setting.kind {
            Kind::Count { min, max, .. } => (min..=max).contains(number),
            _ => true,
        });
        number.and_then(|n| T::try_from(n).ok()).ok_or_else(|| ConfigError::invalid(setting))
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

fn read_file(path: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    let failed = |reason: String| ConfigError::Unreadable(path.display().to_string(), reason);
    let text = std::fs::read_to_string(path).map_err(|e| failed(e.to_string()))?;
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
