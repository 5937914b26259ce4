//! The claims of a verified token, reduced to what this server decides by.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use super::claims::Claims;
use super::guest::Guest;
use super::renewal::Permission;
use crate::class::Class;
use crate::name::Identity;

/// The attribute by which keys of ingresses named their ingress before there was a claim for it.
const INGRESS_ATTRIBUTE: &str = "ingress";
/// Ids of ingresses begin so, and 12 letters and digits follow.
const INGRESS_PREFIX: &str = "IN_";
const INGRESS_RANDOM_LENGTH: usize = 12;

/// The permissions that a verified token gives in rooms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grants {
    /// `sub`. `None`: the token names nobody, as tokens for the server API may, or by a text that is no identity.
    pub identity: Option<Identity>,
    /// `name`, else the identity.
    pub name: String,
    /// The room of its room grants.
    pub room: Option<String>,
    /// May join [`Grants::room`] at all.
    pub room_join: bool,
    /// May publish there: needs `room_join`; allowed unless the token says otherwise.
    pub can_publish: bool,
    /// May subscribe there: as above.
    pub can_subscribe: bool,
    /// May send data there: as above, and where the token does not say, as `can_publish`.
    pub can_publish_data: bool,
    /// The sources that may be published from, `camera`, `microphone`, `screen_share`, `screen_share_audio`; empty:
    /// all.
    pub can_publish_sources: Vec<String>,
    /// May change their own name, metadata and attributes.
    pub can_update_own_metadata: bool,
    /// The application's own words about the participant.
    pub metadata: String,
    /// The same by key.
    pub attributes: HashMap<String, String>,
    /// May create and delete rooms.
    pub room_create: bool,
    /// May list rooms.
    pub room_list: bool,
    /// May moderate [`Grants::room`].
    pub room_admin: bool,
    /// Not shown to others.
    pub hidden: bool,
    /// The claims of the token that no participant can change.
    pub standing: Standing,
    /// The id of the ingress that the token is the key of.
    pub ingress: Option<String>,
    /// When the lease of a seat ends that came with the token, milliseconds since the Unix epoch.
    pub leased_until_utc_ms: Option<i64>,
    /// `exp`.
    pub expires_at: SystemTime,
}

/// The claims `spillway.class`, `spillway.operator` and `spillway.guest`. They hold for as long as somebody stays, and
/// renewed tokens keep them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Standing {
    /// The seat class; `None`: the token names none.
    pub class: Option<Class>,
    /// May do everything in every room.
    pub operator: bool,
    /// A stranger whom this server gave the token; `None`: the application did, to somebody it knows.
    pub guest: Option<Guest>,
}

/// The permissions that a verified token gives beside rooms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ServiceGrants {
    /// `video.roomRecord`: may start and stop broadcasts, as LiveKit's egresses.
    pub room_record: bool,
    /// `video.ingressAdmin`: may make and delete ingresses.
    pub ingress_admin: bool,
}

impl Grants {
    /// The class of the bearer: as the token says, else by what it allows. A participant's attributes do not count.
    pub fn class(&self) -> Class {
        let by_grants = match (self.room_admin, self.can_publish) {
            (true, _) => Class::Host,
            (false, true) => Class::Speaker,
            (false, false) => Class::Viewer,
        };
        self.standing.class.unwrap_or(by_grants)
    }
}

impl Grants {
    /// The bearer's permissions in the room of the token.
    pub fn permission(&self) -> Permission {
        Permission {
            can_publish: self.can_publish,
            can_subscribe: self.can_subscribe,
            can_publish_data: self.can_publish_data,
            can_publish_sources: self.can_publish_sources.iter().cloned().collect(),
            can_update_own_metadata: self.can_update_own_metadata,
            hidden: self.hidden,
        }
    }
}

/// Grants of somebody who may do nothing and whose token has expired.
pub fn nobody() -> Grants {
    Grants::from(Claims::default())
}

impl From<Claims> for Grants {
    fn from(claims: Claims) -> Self {
        let video = claims.video;
        let allowed = |grant: Option<bool>, otherwise: bool| video.room_join && grant.unwrap_or(otherwise);
        // SystemTime has a last moment; 34 billion seconds, the year 3058, lies before it everywhere.
        let expires_s = claims.exp.min(u64::from(u32::MAX) * 8);
        Self {
            identity: claims.sub.parse().ok(),
            name: if claims.name.is_empty() { claims.sub } else { claims.name },
            room_join: video.room_join,
            can_publish: allowed(video.can_publish, true),
            can_subscribe: allowed(video.can_subscribe, true),
            can_publish_data: allowed(video.can_publish_data, video.can_publish.unwrap_or(true)),
            can_update_own_metadata: video.can_update_own_metadata.unwrap_or(false),
            can_publish_sources: video.can_publish_sources,
            metadata: claims.metadata,
            room_create: video.room_create,
            room_list: video.room_list,
            room_admin: video.room_admin,
            hidden: video.hidden,
            room: Some(video.room).filter(|room| !room.is_empty()),
            standing: Standing {
                class: claims.spillway.class,
                operator: claims.spillway.operator,
                guest: claims.spillway.guest,
            },
            ingress: claims.spillway.ingress.or_else(|| ingress_of_attributes(&claims.attributes)),
            attributes: claims.attributes,
            leased_until_utc_ms: claims.spillway.leased_until,
            expires_at: SystemTime::UNIX_EPOCH + Duration::from_secs(expires_s),
        }
    }
}

impl From<Claims> for ServiceGrants {
    fn from(claims: Claims) -> Self {
        let everything = claims.spillway.operator;
        Self {
            room_record: claims.video.room_record || everything,
            ingress_admin: claims.video.ingress_admin || everything,
        }
    }
}

/// Keys of ingresses that an earlier version made are good for up to ten years, and revoked by this attribute, which is
/// the only one they have. An application's attribute of that name has other values, or others beside it.
fn ingress_of_attributes(attributes: &HashMap<String, String>) -> Option<String> {
    let id = attributes.get(INGRESS_ATTRIBUTE).filter(|_| attributes.len() == 1)?;
    let random = id.strip_prefix(INGRESS_PREFIX)?;
    let is_ours = random.len() == INGRESS_RANDOM_LENGTH && random.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_ours.then(|| id.clone())
}
