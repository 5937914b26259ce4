//! `spillway token`: signs an access token and prints it.

use interactive_sfu::signalling::token::{Keys, TokenSpec};

use crate::cli;
use crate::error::Error;
use crate::settings::Settings;

pub(crate) fn print(request: cli::Token) -> Result<(), Error> {
    let keys = match (&request.key, &request.secret) {
        (Some(key), Some(secret)) => Keys::new(key, secret),
        _ => Settings::load(request.config.as_deref())?.auth.signing_keys()?,
    };
    println!("{}", keys.mint(&spec(request))?);
    Ok(())
}

fn spec(request: cli::Token) -> TokenSpec {
    TokenSpec {
        room: request.room,
        identity: request.identity,
        name: request.name,
        publish: request.publish,
        subscribe: true,
        admin: request.admin,
        create: request.create,
        list: request.create,
        class: request.class,
        ttl: request.ttl,
        ..TokenSpec::default()
    }
}
