//! Reads and verifies the token of a request, and decides whether its bearer may do what the request asks for. A token
//! comes in `Authorization: Bearer`, or in the query where a client can set no headers. Tokens are never logged.

use std::time::SystemTime;

use access::limits::NAME_BYTES_MAX;
use access::{Grants, Identity, Keys, RoomName, ServiceGrants};
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::Error;

/// The grants of the request's bearer.
pub(crate) fn grants(keys: &Keys, headers: &HeaderMap) -> Result<Grants, Error> {
    verify(keys, bearer(headers)?)
}

/// The grants of the request's bearer beside rooms: egress and ingress.
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

/// Refuses a bearer who may not publish in `room`. Returns the bearer's identity.
pub(crate) fn may_publish(grants: &Grants, room: &str) -> Result<Identity, Error> {
    may_enter(grants, room, grants.can_publish, "the token does not allow publishing")
}

/// Refuses a bearer who may not watch `room`. Returns the bearer's identity.
pub(crate) fn may_subscribe(grants: &Grants, room: &str) -> Result<Identity, Error> {
    may_enter(grants, room, grants.can_subscribe, "the token does not allow watching")
}

fn may_enter(grants: &Grants, room: &str, allowed: bool, otherwise: &'static str) -> Result<Identity, Error> {
    let everything = grants.standing.operator;
    if grants.room.as_deref() != Some(room) && !everything {
        return Err(Error::Forbidden("the token is for another room"));
    }
    let identity = grants.identity.clone().filter(|_| grants.name.len() <= NAME_BYTES_MAX);
    let identity = identity.ok_or(Error::Forbidden("the token must name an identity of at most 256 bytes"))?;
    if allowed || everything { Ok(identity) } else { Err(Error::Forbidden(otherwise)) }
}

/// The room that the bearer may join as LiveKit's clients do, and the bearer's identity.
pub(crate) fn may_join(grants: &Grants) -> Result<(RoomName, Identity), Error> {
    let room = grants.room.as_deref().ok_or(Error::Malformed("the token names no room".into()))?;
    if !grants.room_join {
        return Err(Error::Forbidden("the token does not allow joining"));
    }
    if grants.ingress.is_some() {
        return Err(Error::Forbidden("the token is an ingress's key: it publishes by WHIP alone"));
    }
    let identity = may_enter(grants, room, true, "")?;
    Ok((room.parse().map_err(|_| rooms::Error::UnknownRoom)?, identity))
}

/// Refuses a bearer who may not start and stop broadcasts of any room.
pub(crate) fn may_record(grants: ServiceGrants) -> Result<(), Error> {
    if grants.room_record { Ok(()) } else { Err(Error::Forbidden("the token does not allow egress")) }
}

/// Refuses a bearer who may not make and delete ingresses into any room.
pub(crate) fn may_manage_ingress(grants: ServiceGrants) -> Result<(), Error> {
    if grants.ingress_admin { Ok(()) } else { Err(Error::Forbidden("the token does not allow ingress")) }
}

/// Refuses a bearer who does not operate the server.
pub(crate) fn may_operate(grants: &Grants) -> Result<(), Error> {
    if grants.standing.operator { Ok(()) } else { Err(Error::Forbidden("this takes an operator's token")) }
}

/// Refuses a bearer who may not list rooms.
pub(crate) fn may_list(grants: &Grants) -> bool {
    grants.room_list || grants.standing.operator
}

/// Refuses a bearer who may not create and delete rooms.
pub(crate) fn may_create(grants: &Grants) -> Result<(), Error> {
    if grants.room_create || grants.standing.operator {
        Ok(())
    } else {
        Err(Error::Forbidden("the token does not allow creating or deleting rooms"))
    }
}

/// Refuses a bearer who may not change `room` and moderate its participants. As with LiveKit, the right to create rooms
/// is not enough: only the room's administrators and operators may.
pub(crate) fn may_administer(grants: &Grants, room: &str) -> Result<(), Error> {
    let admin = grants.room_admin && grants.room.as_deref() == Some(room);
    if admin || grants.standing.operator {
        Ok(())
    } else {
        Err(Error::Forbidden("the token does not allow changing this room"))
    }
}
