//! The contents of a token to mint.

use std::time::Duration;

use super::claims::{Claims, OwnClaims, VideoGrants};
use super::guest::Guest;
use crate::class::Class;

/// The contents of a token. Signed by [`Keys::mint`](crate::Keys::mint). The default allows nothing, and has expired.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct TokenSpec {
    /// The only room it opens.
    pub room: String,
    /// The identity of its bearer.
    pub identity: String,
    /// The name to call them by; may be empty.
    pub name: String,
    /// May speak.
    pub publish: bool,
    /// May watch.
    pub subscribe: bool,
    /// May moderate this room.
    pub admin: bool,
    /// May create and delete rooms.
    pub create: bool,
    /// May list rooms.
    pub list: bool,
    /// May start and stop broadcasts.
    pub record: bool,
    /// May make and delete ingresses.
    pub ingress_admin: bool,
    /// Not shown to others.
    pub hidden: bool,
    /// Seat class.
    pub class: Option<Class>,
    /// May do everything in every room.
    pub operator: bool,
    /// For a stranger.
    pub guest: Option<Guest>,
    /// The id of the ingress that it is the key of.
    pub ingress: Option<String>,
    /// When the lease of a seat ends that comes with the token, milliseconds since the Unix epoch.
    pub leased_until_utc_ms: Option<i64>,
    /// How long it is good for, from when it is minted. Whole seconds count.
    pub ttl: Duration,
}

impl TokenSpec {
    pub(super) fn claims(&self) -> Claims {
        let video = VideoGrants {
            room_join: true,
            room: self.room.clone(),
            room_admin: self.admin,
            room_create: self.create,
            room_list: self.list,
            room_record: self.record,
            ingress_admin: self.ingress_admin,
            can_publish: Some(self.publish),
            can_subscribe: Some(self.subscribe),
            hidden: self.hidden,
            ..VideoGrants::default()
        };
        Claims {
            sub: self.identity.clone(),
            name: self.name.clone(),
            video,
            spillway: OwnClaims {
                class: self.class,
                operator: self.operator,
                guest: self.guest,
                ingress: self.ingress.clone(),
                leased_until: self.leased_until_utc_ms,
            },
            ..Claims::default()
        }
    }
}
