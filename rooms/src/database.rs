//! Where rooms are remembered: the SQLite file or the PostgreSQL server that the settings name.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sqlx::any::AnyConnectOptions;

/// Parameters of a PostgreSQL URL. sqlx warns of others in the log, with their values.
const PARAMETERS: [&str; 11] = [
    "application_name",
    "dbname",
    "host",
    "options",
    "password",
    "port",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "user",
];

/// A database: the path of a SQLite file, with or without `sqlite:` before it, or `postgres://user@host/database`.
///
/// `Debug` and `Display` show neither passwords nor parameters.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DatabaseUrl(Place);

#[derive(Clone, PartialEq, Eq)]
enum Place {
    File(PathBuf),
    Server { url: String, shown: String },
}

impl DatabaseUrl {
    /// The SQLite file of that path.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Place::File(path.into()))
    }

    /// The path, if this is a SQLite file.
    pub fn as_file(&self) -> Option<&Path> {
        match &self.0 {
            Place::File(path) => Some(path),
            Place::Server { .. } => None,
        }
    }

    /// How to connect. A SQLite file is created, unless it is for reading alone.
    pub(crate) fn connect_options(&self, is_read_only: bool) -> Result<AnyConnectOptions, sqlx::Error> {
        match &self.0 {
            Place::File(path) => {
                let mode = if is_read_only { "ro" } else { "rwc" };
                format!("sqlite:{}?mode={mode}", percent_encoded(path)).parse()
            }
            Place::Server { url, .. } => url.parse(),
        }
    }
}

/// Every byte but letters and digits: a URL would shorten `..`, and read `?` and `%` as its own.
fn percent_encoded(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes().iter();
    let encoded = bytes.map(|byte| match byte {
        letter if letter.is_ascii_alphanumeric() => char::from(*letter).to_string(),
        other => format!("%{other:02X}"),
    });
    encoded.collect()
}

impl FromStr for DatabaseUrl {
    type Err = String;

    /// A refusal repeats no part of the text that may be secret.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("postgres:") || text.starts_with("postgresql:") {
            return Ok(Self(Place::Server { url: text.to_owned(), shown: shown(text)? }));
        }
        let path = text.strip_prefix("sqlite://").or(text.strip_prefix("sqlite:")).unwrap_or(text);
        if path.is_empty() {
            return Err("names no SQLite file".to_owned());
        }
        match path.split_once("://") {
            Some((scheme, _)) => Err(format!(
                "begins with {scheme:?}: it must be the path of a SQLite file, or postgres://user@host/database"
            )),
            None => Ok(Self::file(path)),
        }
    }
}

/// A PostgreSQL URL without password and parameters.
fn shown(text: &str) -> Result<String, String> {
    let options = text.parse::<AnyConnectOptions>().map_err(|_| "is no URL of a PostgreSQL server".to_owned())?;
    let url = &options.database_url;
    let (mut host, mut user) = (url.host_str().unwrap_or_default().to_owned(), url.username().to_owned());
    for (name, value) in url.query_pairs() {
        match name.as_ref() {
            "host" => host = value.into_owned(),
            "user" => user = value.into_owned(),
            known if PARAMETERS.contains(&known) => (),
            unknown => return Err(format!("has the parameter {unknown:?}; there are {}", PARAMETERS.join(", "))),
        }
    }
    if host.is_empty() {
        return Err("names no PostgreSQL host: postgres://user@host/database".to_owned());
    }
    let user = if user.is_empty() { user } else { user + "@" };
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Ok(format!("{}://{user}{host}{port}{}", url.scheme(), url.path()))
}

impl TryFrom<String> for DatabaseUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// As the settings have it, password and all.
impl From<DatabaseUrl> for String {
    fn from(database: DatabaseUrl) -> Self {
        match database.0 {
            Place::File(path) => path.to_string_lossy().into_owned(),
            Place::Server { url, .. } => url,
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::File(path) => path.display().fmt(f),
            Place::Server { shown, .. } => f.write_str(shown),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_urls_are_read_and_shown_without_secrets() {
        for (text, shown) in [
            ("data/spillway.db", "data/spillway.db"),
            ("sqlite:data/spillway.db", "data/spillway.db"),
            ("sqlite:///var/lib/spillway.db", "/var/lib/spillway.db"),
            ("postgres://ann@db.example/spillway", "postgres://ann@db.example/spillway"),
            ("postgresql://ann:hush@db:5433/s?password=hush&sslmode=require", "postgresql://ann@db:5433/s"),
            ("postgres://localhost/s?host=/run/postgresql&user=ann", "postgres://ann@/run/postgresql/s"),
        ] {
            let database: DatabaseUrl = text.parse().unwrap();
            assert_eq!((database.to_string(), format!("{database:?}")), (shown.to_owned(), format!("\"{shown}\"")));
            assert!(database.as_file().is_some() || String::from(database) == text);
        }
    }

    #[test]
    fn impossible_databases_are_refused_in_a_sentence_without_secrets() {
        for (text, word) in [
            ("", "no SQLite file"),
            ("sqlite:", "no SQLite file"),
            ("mysql://ann:hush@db/spillway", "\"mysql\""),
            ("postgres://ann:hush@:x/", "no URL"),
            ("postgres:hush", "no PostgreSQL host"),
            ("postgres://db/s?passcode=hush", "passcode"),
        ] {
            let sentence = text.parse::<DatabaseUrl>().unwrap_err();
            assert!(sentence.contains(word) && !sentence.contains("hush"), "{text}: {sentence}");
        }
    }
}
