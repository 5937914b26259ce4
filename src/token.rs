//! `spillway token`: signs a token and prints it.

use std::time::SystemTime;

use access::{Keys, TokenError, TokenSpec};
use api::{PlaybackKeys, PlaybackSpec};
use rooms::{DatabaseUrl, Rooms};

use crate::cli;
use crate::error::Error;
use crate::settings::Settings;

pub(crate) fn print(request: cli::Token) -> Result<(), Error> {
    let token = if request.playback {
        let settings = Settings::load(request.config.as_deref())?;
        let keys = PlaybackKeys::new(&keys(&request)?);
        crate::in_runtime(playback(&request, &settings.api.database, &keys))?
    } else {
        keys(&request)?.mint(&spec(request), SystemTime::now())?
    };
    println!("{token}");
    Ok(())
}

fn keys(request: &cli::Token) -> Result<Keys, Error> {
    match (&request.key, &request.secret) {
        (Some(key), Some(secret)) => Ok(Keys::new(key, secret)),
        _ => Settings::load(request.config.as_deref())?.auth.signing_keys(),
    }
}

/// A playback token for the room as it is in the server's database.
async fn playback(request: &cli::Token, database: &DatabaseUrl, keys: &PlaybackKeys) -> Result<String, Error> {
    let created_at_utc_ms = Rooms::created_at_utc_ms(database, &request.room).await?;
    let expires_at = SystemTime::now() + request.ttl;
    let spec = PlaybackSpec { room: &request.room, created_at_utc_ms, expires_at, address: request.address };
    keys.mint(&spec).ok_or(Error::Token(TokenError::Incomplete))
}

fn spec(request: cli::Token) -> TokenSpec {
    TokenSpec {
        room: request.room.into(),
        identity: request.identity.map(String::from).unwrap_or_default(),
        name: request.name,
        publish: request.publish,
        subscribe: true,
        admin: request.admin,
        create: request.create,
        list: request.create,
        class: request.class,
        operator: request.operator,
        ttl: request.ttl,
        ..TokenSpec::default()
    }
}
