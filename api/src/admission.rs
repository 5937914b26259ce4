//! Decides for every route whether a caller may see and watch a room.
//!
//! [`may_watch`] is pure. A stranger is told the same of a private room and of one that does not exist, in the same
//! way: whoever asks for a room by name asks here first, and where the answer is [`Sight::Hidden`] there is one
//! refusal.

use std::net::IpAddr;
use std::time::SystemTime;

use access::{Grants, Guest};
use chrono::Utc;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use rooms::{Room, RoomAccess, Visibility};

use crate::address_prefix::AddressPrefix;
use crate::app::App;
use crate::auth;
use crate::error::Error;
use crate::playback::Pass;

/// The credential that a caller has shown.
#[derive(Debug)]
pub(crate) enum Credential {
    /// No token at all.
    Nothing,
    /// A playback token that verified for the room's name.
    Playback(Pass),
    /// Something in a playback token's place that did not verify, or a guest's token for a room that is closed to them
    /// now.
    Worthless,
    /// An access token.
    Access(Box<Grants>),
}

/// The part of a room that a caller may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sight {
    /// No part: the caller is not told whether the room exists.
    Hidden,
    /// The room's data, and not its broadcast.
    Seen,
    /// The room's data and its broadcast.
    Watched,
}

/// The part of the room `name` that the bearer of `credential` may have. `access` is `None`: there is no such room.
///
/// A playback token counts for the very room it was made for, and one that does not count hides even a public room: an
/// edge would have refused it too. An access token shows the room that it may join, and every room if it may list them;
/// it lets its bearer watch where it lets them subscribe or administer.
pub(crate) fn may_watch(name: &str, access: Option<&RoomAccess>, credential: &Credential) -> Sight {
    let Some(access) = access else { return Sight::Hidden };
    let stranger = if access.is_private() { Sight::Hidden } else { Sight::Watched };
    match credential {
        Credential::Nothing => stranger,
        Credential::Playback(pass) if pass.created_at_utc_ms == access.created_at_utc_ms => Sight::Watched,
        Credential::Playback(_) | Credential::Worthless => Sight::Hidden,
        Credential::Access(grants) => stranger.max(by_grants(grants, name)),
    }
}

/// The part of a room that an access token opens, apart from the room's visibility.
pub(crate) fn by_grants(grants: &Grants, room: &str) -> Sight {
    let is_its_room = grants.room.as_deref() == Some(room);
    if auth::may_administer(grants, room).is_ok() || is_its_room && grants.can_subscribe {
        Sight::Watched
    } else if auth::may_list(grants) || is_its_room && grants.room_join {
        Sight::Seen
    } else {
        Sight::Hidden
    }
}

/// Whether a guest's token holds for the room it names: while strangers may watch that, or as long as the playback
/// token holds that the guest came by, and from the addresses that it holds for.
fn holds(guest: &Guest, access: &RoomAccess, from: Option<IpAddr>, now_utc_ms: i64) -> bool {
    let Some(playback) = guest.playback.filter(|_| access.is_private()) else { return !access.is_private() };
    let is_from_there = match playback.addresses {
        None => true,
        Some((address, bits)) => {
            AddressPrefix::new(address, bits).zip(from).is_some_and(|(addresses, from)| addresses.covers(from))
        }
    };
    playback.created_at_utc_ms == access.created_at_utc_ms && now_utc_ms < playback.expires_at_utc_ms && is_from_there
}

/// Refuses a guest whose token does not hold for the room any more, as if there were no such room. For whoever enters
/// by an access token. `from`: the client's address.
pub(crate) fn check_guest(grants: &Grants, room: &Room, from: Option<IpAddr>) -> Result<(), Error> {
    let now_utc_ms = Utc::now().timestamp_millis();
    match &grants.standing.guest {
        Some(guest) if !holds(guest, &RoomAccess::of(room), from, now_utc_ms) => Err(rooms::Error::UnknownRoom.into()),
        Some(_) | None => Ok(()),
    }
}

/// Whether the bearer may go on watching when the room becomes private.
pub(crate) fn may_stay(credential: &Credential, room: &str) -> bool {
    match credential {
        Credential::Nothing | Credential::Worthless => false,
        Credential::Playback(_) => true,
        Credential::Access(grants) => match grants.standing.guest {
            Some(guest) => guest.playback.is_some(),
            None => by_grants(grants, room) == Sight::Watched,
        },
    }
}

/// The credential that an access token is in a request for `room`.
pub(crate) fn access_credential(app: &App, grants: Grants, room: &str, from: Option<IpAddr>) -> Credential {
    let guest = grants.standing.guest.filter(|_| grants.room.as_deref() == Some(room));
    let (access, now_utc_ms) = (app.rooms.access(room), Utc::now().timestamp_millis());
    match guest.zip(access) {
        Some((guest, access)) if !holds(&guest, &access, from, now_utc_ms) => Credential::Worthless,
        Some(_) | None => Credential::Access(Box::new(grants)),
    }
}

/// Whether the list for the bearer of `grants` shows the room.
pub(crate) fn is_listed(room: &Room, grants: Option<&Grants>) -> bool {
    room.visibility == Visibility::Public || grants.is_some_and(|grants| by_grants(grants, &room.name) > Sight::Hidden)
}

/// The token of a request for `room` in its `Authorization` header: an access token, which has dots, or a playback
/// token. An access token that does not verify is an error, whatever the room.
pub(crate) fn credential(
    app: &App,
    headers: &HeaderMap,
    room: &str,
    from: Option<IpAddr>,
) -> Result<Credential, Error> {
    if !headers.contains_key(AUTHORIZATION) {
        return Ok(Credential::Nothing);
    }
    let token = auth::bearer(headers)?;
    if token.contains('.') {
        return Ok(access_credential(app, auth::grants(&app.keys, headers)?, room, from));
    }
    Ok(playback_credential(app, token, room, from))
}

/// As [`credential`], or else the token `in_query`, for clients that can set no headers.
pub(crate) fn credential_or_in_query(
    app: &App,
    headers: &HeaderMap,
    in_query: Option<&str>,
    room: &str,
    from: Option<IpAddr>,
) -> Result<Credential, Error> {
    match in_query {
        Some(token) if !headers.contains_key(AUTHORIZATION) => match token.contains('.') {
            true => Ok(access_credential(app, auth::grants_or_token(&app.keys, headers, Some(token))?, room, from)),
            false => Ok(playback_credential(app, token, room, from)),
        },
        _ => credential(app, headers, room, from),
    }
}

/// Verifies a playback token, from a header or a path.
pub(crate) fn playback_credential(app: &App, token: &str, room: &str, from: Option<IpAddr>) -> Credential {
    let pass = app.playback.verify(token, room, from, SystemTime::now());
    pass.map_or(Credential::Worthless, Credential::Playback)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use access::{Keys, PlaybackBounds, TokenSpec};
    use rooms::RoomSettings;

    use super::*;

    fn room(visibility: Visibility) -> Room {
        Room::new("demo".parse().unwrap(), 7, RoomSettings { visibility, ..RoomSettings::default() })
    }

    fn pass(created_at_utc_ms: i64) -> Credential {
        Credential::Playback(Pass { created_at_utc_ms, remaining: Duration::from_secs(1), address: None })
    }

    /// `grants` is a list of words; the token joins `room`.
    fn access(room: &str, grants: &str) -> Grants {
        let has = |word| grants.split(' ').any(|grant| grant == word);
        let spec = TokenSpec {
            room: room.into(),
            identity: "ann".into(),
            publish: has("publish"),
            subscribe: has("subscribe"),
            admin: has("admin"),
            create: has("create"),
            list: has("list"),
            operator: has("operator"),
            ttl: Duration::from_secs(60),
            ..TokenSpec::default()
        };
        let keys = Keys::new("k", "s");
        let now = SystemTime::now();
        keys.verify(&keys.mint(&spec, now).unwrap(), now).unwrap()
    }

    #[test]
    fn private_room_asks_for_a_credential_and_other_rooms_for_none() {
        use Sight::{Hidden, Seen, Watched};
        let bearer = |room: &str, grants: &str| Credential::Access(Box::new(access(room, grants)));
        let table = [
            ("a stranger", Credential::Nothing, Hidden, Watched),
            ("a playback token", pass(7), Watched, Watched),
            ("a playback token of an earlier room", pass(6), Hidden, Hidden),
            ("a playback token that does not hold", Credential::Worthless, Hidden, Hidden),
            ("a viewer", bearer("demo", "subscribe"), Watched, Watched),
            ("a speaker", bearer("demo", "publish subscribe"), Watched, Watched),
            ("who may publish alone", bearer("demo", "publish"), Seen, Watched),
            ("a viewer of another room", bearer("other", "publish subscribe"), Hidden, Watched),
            ("its moderator", bearer("demo", "admin"), Watched, Watched),
            ("another room's moderator", bearer("other", "admin"), Hidden, Watched),
            ("who may list rooms", bearer("other", "list"), Seen, Watched),
            ("who may make rooms", bearer("other", "create"), Hidden, Watched),
            ("an operator", bearer("other", "operator"), Watched, Watched),
        ];
        for (who, credential, private, open) in table {
            for (visibility, sight) in
                [(Visibility::Private, private), (Visibility::Unlisted, open), (Visibility::Public, open)]
            {
                let access = RoomAccess::of(&room(visibility));
                assert_eq!(may_watch("demo", Some(&access), &credential), sight, "{who}, {visibility:?}");
            }
            assert_eq!(may_watch("demo", None, &credential), Hidden, "{who}");
        }
    }

    #[test]
    fn guests_token_holds_while_the_room_is_open_or_as_its_playback_token_does() {
        let addresses = Some(("192.0.2.0".parse().unwrap(), 24));
        let bounds = PlaybackBounds { created_at_utc_ms: 7, expires_at_utc_ms: 100, addresses: None };
        let by = |playback| Guest { playback: Some(playback) };
        let table = [
            ("a stranger", Guest::default(), false),
            ("who came by a playback token", by(bounds), true),
            ("whose playback token has expired", by(PlaybackBounds { expires_at_utc_ms: 50, ..bounds }), false),
            (
                "whose playback token is for an earlier room",
                by(PlaybackBounds { created_at_utc_ms: 6, ..bounds }),
                false,
            ),
            ("who is where the playback token holds", by(PlaybackBounds { addresses, ..bounds }), true),
        ];
        for (who, guest, private) in table {
            for (visibility, expected) in
                [(Visibility::Private, private), (Visibility::Unlisted, true), (Visibility::Public, true)]
            {
                let access = RoomAccess::of(&room(visibility));
                let from = Some("192.0.2.9".parse().unwrap());
                assert_eq!(holds(&guest, &access, from, 50), expected, "{who}, {visibility:?}");
            }
        }
        let (guest, access) = (by(PlaybackBounds { addresses, ..bounds }), RoomAccess::of(&room(Visibility::Private)));
        for elsewhere in [None, Some("192.0.3.9".parse().unwrap()), Some("2001:db8::1".parse().unwrap())] {
            assert!(!holds(&guest, &access, elsewhere, 50), "{elsewhere:?}");
        }
    }

    #[test]
    fn room_is_listed_if_it_is_public_or_the_caller_may_see_it() {
        for (grants, private, unlisted) in [
            (None, false, false),
            (Some(access("other", "subscribe")), false, false),
            (Some(access("demo", "publish")), true, true),
            (Some(access("other", "list")), true, true),
        ] {
            let listed = |visibility| is_listed(&room(visibility), grants.as_ref());
            assert_eq!((listed(Visibility::Private), listed(Visibility::Unlisted)), (private, unlisted), "{grants:?}");
            assert!(listed(Visibility::Public));
        }
    }
}
