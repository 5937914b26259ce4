//! Who asks, and whether they may. Tokens are read from `Authorization: Bearer`, or where that cannot be from the
//! query; they are never logged.

use std::time::SystemTime;

use access::limits::{IDENTITY_BYTES_MAX, NAME_BYTES_MAX};
use access::{Grants, Keys, RoomName, ServiceGrants};
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::Error;

/// What the bearer of a request may do.
pub(crate) fn grants(keys: &Keys, headers: &HeaderMap) -> Result<Grants, Error> {
    verify(keys, bearer(headers)?)
}

/// What the bearer of a request may do beside rooms.
pub(crate) fn service_grants(keys: &Keys, headers: &HeaderMap) -> Result<ServiceGrants, Error> {
    Ok(keys.verify_service(bearer(headers)?, SystemTime::now())?)
}

/// As [`grants`], or by the query's `access_token` where a client can set no headers: a browser opens a WebSocket.
pub(crate) fn grants_or_token(keys: &Keys, headers: &HeaderMap, token: Option<&str>) -> Result<Grants, Error> {
    match token {
        Some(token) => verify(keys, token),
        None => grants(keys, headers),
    }
}

fn verify(keys: &Keys, token: &str) -> Result<Grants, Error> {
    Ok(keys.verify(token, SystemTime::now())?)
}

/// The token of a request.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<&str, Error> {
    let value = headers.get(AUTHORIZATION).ok_or(Error::TokenMissing)?.to_str().map_err(|_| Error::TokenMissing)?;
    let (scheme, token) = value.split_once(' ').ok_or(Error::TokenMissing)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Error::TokenMissing);
    }
    Ok(token.trim())
}

/// As [`grants`], for routes that strangers may call too. A bad token is still refused.
pub(crate) fn grants_if_any(keys: &Keys, headers: &HeaderMap) -> Result<Option<Grants>, Error> {
    if headers.contains_key(AUTHORIZATION) { grants(keys, headers).map(Some) } else { Ok(None) }
}

/// May publish in `room`.
pub(crate) fn may_publish(grants: &Grants, room: &str) -> Result<(), Error> {
    may_enter(grants, room, grants.can_publish, "the token does not allow publishing")
}

/// May watch `room`.
pub(crate) fn may_subscribe(grants: &Grants, room: &str) -> Result<(), Error> {
    may_enter(grants, room, grants.can_subscribe, "the token does not allow watching")
}

fn may_enter(grants: &Grants, room: &str, allowed: bool, otherwise: &'static str) -> Result<(), Error> {
    let everything = grants.standing.operator;
    if grants.room.as_deref() != Some(room) && !everything {
        return Err(Error::Forbidden("the token is for another room"));
    }
    if grants.identity.is_empty() || grants.identity.len() > IDENTITY_BYTES_MAX || grants.name.len() > NAME_BYTES_MAX {
        return Err(Error::Forbidden("the token must name an identity of at most 256 bytes"));
    }
    if allowed || everything { Ok(()) } else { Err(Error::Forbidden(otherwise)) }
}

/// May join a room as LiveKit's clients do. Returns the room.
pub(crate) fn may_join(grants: &Grants) -> Result<RoomName, Error> {
    let room = grants.room.as_deref().ok_or(Error::Malformed("the token names no room".into()))?;
    if !grants.room_join {
        return Err(Error::Forbidden("the token does not allow joining"));
    }
    if grants.ingress.is_some() {
        return Err(Error::Forbidden("the token is an ingress's key: it publishes by WHIP alone"));
    }
    may_enter(grants, room, true, "")?;
    room.parse().map_err(|_| rooms::Error::UnknownRoom.into())
}

/// May start and stop broadcasts, of any room.
pub(crate) fn may_record(grants: ServiceGrants) -> Result<(), Error> {
    if grants.room_record { Ok(()) } else { Err(Error::Forbidden("the token does not allow egress")) }
}

/// May make and delete ingresses, into any room.
pub(crate) fn may_manage_ingress(grants: ServiceGrants) -> Result<(), Error> {
    if grants.ingress_admin { Ok(()) } else { Err(Error::Forbidden("the token does not allow ingress")) }
}

/// May list rooms.
pub(crate) fn may_list(grants: &Grants) -> bool {
    grants.room_list || grants.standing.operator
}

/// May create and delete rooms.
pub(crate) fn may_create(grants: &Grants) -> Result<(), Error> {
    if grants.room_create || grants.standing.operator {
        Ok(())
    } else {
        Err(Error::Forbidden("the token does not allow creating or deleting rooms"))
    }
}

/// May change `room` and moderate those in it. As with LiveKit, who may create rooms may not: only the room's own
/// administrators and operators.
pub(crate) fn may_administer(grants: &Grants, room: &str) -> Result<(), Error> {
    let admin = grants.room_admin && grants.room.as_deref() == Some(room);
    if admin || grants.standing.operator {
        Ok(())
    } else {
        Err(Error::Forbidden("the token does not allow changing this room"))
    }
}
