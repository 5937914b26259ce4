//! The claims of a token as they stand in its JSON: LiveKit's, and `spillway`, this server's own.
//!
//! Claims that this server does not decide by are skipped. An absent claim has its default.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::guest::Guest;
use crate::class::Class;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Claims {
    /// When it expires, Unix seconds. The only claim that must be there.
    pub(super) exp: u64,
    /// The name of the key that signed it.
    #[serde(default)]
    pub(super) iss: String,
    /// From when it is valid, Unix seconds.
    #[serde(default)]
    pub(super) nbf: u64,
    /// The identity.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) sub: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) video: VideoGrants,
    /// SHA-256 of the body that the token vouches for, in standard Base64.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) sha256: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) metadata: String,
    #[serde(default, skip_serializing_if = "HashMap::is_empty")]
    pub(super) attributes: HashMap<String, String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub(super) spillway: OwnClaims,
}

/// LiveKit's claim `video`.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct VideoGrants {
    #[serde(skip_serializing_if = "is_default")]
    pub(super) room_create: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) room_list: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) room_record: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) room_admin: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) room_join: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) room: String,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) can_publish: Option<bool>,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) can_subscribe: Option<bool>,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) can_publish_data: Option<bool>,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) can_publish_sources: Vec<String>,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) can_update_own_metadata: Option<bool>,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) ingress_admin: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) hidden: bool,
}

/// The claim `spillway`. Unlike attributes, participants cannot change it. A class that this version does not know
/// makes the token unreadable.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct OwnClaims {
    #[serde(skip_serializing_if = "is_default")]
    pub(super) class: Option<Class>,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) operator: bool,
    /// The token was given to a stranger.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) guest: Option<Guest>,
    /// The id of the ingress that the token is the key of.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) ingress: Option<String>,
    /// When the lease of a seat ends that came with the token, milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) leased_until: Option<i64>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
