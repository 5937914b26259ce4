//! Faults of settings, in sentences that begin with section and key: `[api] rooms_max: must be …`.
//!
//! [`sentence`] is of a file or an environment that cannot be read, [`ConfigFault`] of a value that cannot work.
//! Neither shows a line of the file or a value of `[auth]`, because these sentences end up in journals.

use std::fmt;

use figment::error::Kind;

use crate::error::Error;

/// A setting that cannot work, as every crate with a `Config` describes it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {sentence}")]
pub(crate) struct ConfigFault {
    /// The key of the setting within its section.
    pub(crate) key: &'static str,
    /// The rule that the setting breaks: "must be at least 1".
    pub(crate) sentence: String,
}

impl ConfigFault {
    pub(super) fn new(key: &'static str, sentence: impl Into<String>) -> Self {
        Self { key, sentence: sentence.into() }
    }

    /// The error of a server whose `[section]` has this fault.
    pub(super) fn of_section(&self, section: &str) -> Error {
        in_section(section, self)
    }
}

/// The error of a server whose `[section]` has a fault: a crate's `ConfigFault`, which prints as `key: sentence`.
pub(super) fn in_section(section: &str, fault: &impl fmt::Display) -> Error {
    Error::Settings(format!("[{section}] {fault}"))
}

/// All faults of a file or an environment, in one sentence.
pub(super) fn sentence(error: figment::Error) -> String {
    error.into_iter().map(|error| one(&error)).collect::<Vec<_>>().join("; ")
}

fn one(error: &figment::Error) -> String {
    let metadata = error.metadata.as_ref();
    let from_environment = metadata.is_some_and(|metadata| metadata.name.contains("environment"));
    let file = metadata.and_then(|metadata| metadata.source.as_ref()).and_then(|source| source.file_path());
    let key = if from_environment { variable(&error.path) } else { key(&error.path) };
    let file = file.map(|file| format!(" (in {})", file.display())).unwrap_or_default();
    format!("{key}{}{file}", fault(error))
}

fn fault(error: &figment::Error) -> String {
    let is_secret = error.path.first().is_some_and(|section| section == "auth");
    match &error.kind {
        Kind::UnknownField(_, known) => format!("there is no such key; there are {}", known.join(", ")),
        Kind::UnknownVariant(found, known) => format!("{found:?} is none of {}", known.join(", ")),
        Kind::InvalidType(..) | Kind::InvalidValue(..) if is_secret => "must be a text, in quotes".into(),
        Kind::Message(text) => without_excerpt(text),
        kind => kind.to_string(),
    }
}

/// `[api] rooms_max: `
fn key(path: &[String]) -> String {
    match path.split_last() {
        None => String::new(),
        Some((section, [])) => format!("[{section}] "),
        Some((key, sections)) => format!("[{}] {key}: ", sections.join(".")),
    }
}

/// `SPILLWAY__API__ROOMS_MAX: `
fn variable(path: &[String]) -> String {
    let name = path.iter().map(|word| word.to_uppercase());
    format!("{}: ", std::iter::once("SPILLWAY".to_owned()).chain(name).collect::<Vec<_>>().join("__"))
}

/// The message without the line that the parser stumbled over, which may hold a secret.
fn without_excerpt(text: &str) -> String {
    let is_drawn = |line: &str| line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ').starts_with('|');
    text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !is_drawn(line)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[allow(clippy::result_large_err)] // figment's own, in Jail's closures
mod tests {
    use std::path::Path;

    use figment::Jail;

    use crate::settings::Settings;

    fn said(file: &str, variable: Option<(&str, &str)>) -> String {
        let mut said = String::new();
        Jail::expect_with(|jail| {
            jail.create_file("s.toml", file)?;
            if let Some((name, value)) = variable {
                jail.set_env(name, value);
            }
            said = Settings::load(Some(Path::new("s.toml"))).unwrap_err().to_string();
            Ok(())
        });
        said
    }

    #[test]
    fn a_fault_is_found_by_section_and_key() {
        for (file, expected) in [
            ("[log]\nfromat = 'json'", "settings: [log] fromat: there is no such key; there are format, filter (in "),
            ("[log]\nformat = 'xml'", "settings: [log] format: \"xml\" is none of human, json (in "),
            (
                "[ingest.shedding]\nlag = 1",
                "settings: [ingest.shedding] lag: there is no such key; there are lag_high_ms",
            ),
            ("[apy]", "settings: [apy] there is no such key; there are auth, api,"),
            ("[api]\nrooms_max = -1", "settings: [api] rooms_max: invalid value signed int `-1`, expected u32 (in "),
            ("[api]\nhttp = ':80'", "settings: [api] http: invalid socket address syntax (in "),
        ] {
            let said = said(file, None);
            assert!(said.starts_with(expected), "{said}");
        }
    }

    #[test]
    fn a_fault_of_the_environment_is_found_by_variable() {
        for (name, value, expected) in [
            (
                "SPILLWAY__API__ROMS_MAX",
                "1",
                "settings: SPILLWAY__API__ROMS_MAX: there is no such key; there are http,",
            ),
            ("SPILLWAY__LOG__FORMAT", "xml", "settings: SPILLWAY__LOG__FORMAT: \"xml\" is none of human, json"),
        ] {
            let said = said("", Some((name, value)));
            assert!(said.starts_with(expected), "{said}");
        }
    }

    #[test]
    fn secrets_are_not_repeated() {
        for (file, variable) in [
            ("[auth]\nsecret = 4711", None),
            ("[auth]\nsecret = '4711", None),
            ("[auth]\nsecret = 4711abc", None),
            ("", Some(("SPILLWAY__AUTH__SECRET", "4711"))),
        ] {
            let said = said(file, variable);
            assert!(!said.contains("4711") && !said.contains('\n'), "{said}");
        }
    }
}
