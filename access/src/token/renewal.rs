//! The contents of a token that replaces a participant's.

use std::collections::{BTreeSet, HashMap};

use super::claims::{Claims, OwnClaims, VideoGrants};
use super::grants::Standing;

/// The contents of a token that replaces a participant's. Signed by [`Keys::renew`](crate::Keys::renew).
#[derive(Clone, Debug)]
pub struct Renewal<'a> {
    /// The room they are in.
    pub room: &'a str,
    /// Their identity.
    pub identity: &'a str,
    /// The name they are called by.
    pub name: &'a str,
    /// The application's own words about them.
    pub metadata: &'a str,
    /// The same by key.
    pub attributes: &'a HashMap<String, String>,
    /// The participant's permissions at this moment.
    pub permission: Permission,
    /// As their first token had it.
    pub standing: Standing,
    /// When the lease of a seat ends that comes with the token, milliseconds since the Unix epoch.
    pub leased_until_utc_ms: Option<i64>,
}

/// The permissions of a participant in a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permission {
    /// May publish tracks.
    pub can_publish: bool,
    /// May subscribe to tracks.
    pub can_subscribe: bool,
    /// May send data.
    pub can_publish_data: bool,
    /// The sources that may be published from, as in [`Grants`](crate::Grants); empty: all.
    pub can_publish_sources: BTreeSet<String>,
    /// May change their own name, metadata and attributes.
    pub can_update_own_metadata: bool,
    /// Not shown to others.
    pub hidden: bool,
}

impl Renewal<'_> {
    /// The claims, with metadata and attributes or without.
    pub(super) fn claims(&self, with_metadata: bool, with_attributes: bool) -> Claims {
        let may = self.permission.clone();
        let video = VideoGrants {
            room_join: true,
            room: self.room.to_owned(),
            can_publish: Some(may.can_publish),
            can_subscribe: Some(may.can_subscribe),
            can_publish_data: Some(may.can_publish_data),
            can_publish_sources: may.can_publish_sources.into_iter().collect(),
            can_update_own_metadata: Some(may.can_update_own_metadata),
            hidden: may.hidden,
            ..VideoGrants::default()
        };
        Claims {
            sub: self.identity.to_owned(),
            name: self.name.to_owned(),
            metadata: if with_metadata { self.metadata.to_owned() } else { String::new() },
            attributes: if with_attributes { self.attributes.clone() } else { HashMap::new() },
            video,
            spillway: OwnClaims {
                class: self.standing.class,
                operator: self.standing.operator,
                guest: self.standing.guest,
                leased_until: self.leased_until_utc_ms,
                ..OwnClaims::default()
            },
            ..Claims::default()
        }
    }

    /// The token is at least so long, bytes: a token that is far too long need not be written to be measured.
    pub(super) fn bytes_min(&self, with_metadata: bool, with_attributes: bool) -> usize {
        let attributes = self.attributes.iter().map(|(key, value)| key.len() + value.len());
        let attributes: usize = if with_attributes { attributes.sum() } else { 0 };
        if with_metadata { attributes + self.metadata.len() } else { attributes }
    }
}
