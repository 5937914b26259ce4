//! The seat classes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The class of a participant, as the claim `spillway.class` of the token says: who gets a seat first. It does not
/// change while they stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Somebody who is to be on stage.
    Speaker,
    /// Somebody who leads the room.
    Host,
    /// A viewer who is served before others.
    Premium,
    /// A viewer with an identity.
    Viewer,
    /// A viewer without one.
    Anonymous,
}

/// A word that names no class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the classes are speaker, host, premium, viewer and anonymous")]
pub struct UnknownClass;

impl Class {
    /// Every class, the one that is served first in front.
    pub const ALL: [Self; 5] = [Self::Speaker, Self::Host, Self::Premium, Self::Viewer, Self::Anonymous];

    /// The word for it in tokens and settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Speaker => "speaker",
            Self::Host => "host",
            Self::Premium => "premium",
            Self::Viewer => "viewer",
            Self::Anonymous => "anonymous",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Class {
    type Err = UnknownClass;

    fn from_str(word: &str) -> Result<Self, UnknownClass> {
        Self::ALL.into_iter().find(|class| class.as_str() == word).ok_or(UnknownClass)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_is_read_as_it_is_printed_and_nothing_else_is_one() {
        for class in Class::ALL {
            assert_eq!(class.to_string().parse(), Ok(class));
            assert_eq!(serde_json::to_string(&class).unwrap(), format!("\"{class}\""));
        }
        for word in ["", "Premium", "vip"] {
            assert_eq!(word.parse::<Class>(), Err(UnknownClass), "{word}");
        }
    }
}
