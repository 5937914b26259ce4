//! The binary: settings, roles, demo. The only crate that knows all parts.
//!
//! `spillway serve` is [`role::start`] with the operator's settings, `spillway demo` the same with development keys, a
//! room and synthetic speakers. Both end in [`role::Running::end`].

mod address;
mod broadcast;
mod cli;
mod demo;
mod error;
mod logging;
mod node;
mod own_token;
mod progress;
mod recorder;
mod role;
mod settings;
mod shutdown;
mod token;

use std::process::ExitCode;

use clap::Parser as _;

use cli::{Cli, Command, ConfigCommand};
use error::Error;
use settings::Settings;

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress::failed(&error);
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<(), Error> {
    match command {
        Command::Serve { config } => {
            let settings = Settings::load(config.as_deref())?;
            settings.validate(false)?;
            in_runtime(serve(settings, None))
        }
        Command::Demo(demo) => {
            let settings = demo::settings(&demo)?;
            settings.validate(true)?;
            in_runtime(serve(settings, Some(demo)))
        }
        Command::Token(request) => token::print(request),
        Command::Config { command: ConfigCommand::Check { file } } => {
            Settings::load(Some(&file))?.validate(false)?;
            println!("{} is good", file.display());
            Ok(())
        }
    }
}

fn in_runtime<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|source| Error::System { doing: "starting the async runtime", source })?.block_on(work)
}

/// From the first line of output to the last.
async fn serve(settings: Settings, demo: Option<cli::Demo>) -> Result<(), Error> {
    logging::start(&settings.log);
    let mut signals = shutdown::Signals::catch()?;
    progress::starting(&settings, demo.is_some());
    let options = demo.as_ref().map(|_| demo::options()).unwrap_or_default();
    let running = role::start(settings, options).await?;
    let guests = match &demo {
        Some(demo) => Some(demo::send_guests(demo, &running)?),
        None => None,
    };
    progress::started(&running, demo.is_some());

    let signal = signals.next().await;
    progress::ending(signal);
    tokio::select! {
        () = async {
            if let Some(guests) = guests {
                guests.leave().await;
            }
            running.end().await;
        } => {}
        _ = signals.end_at_once_on_next() => {}
    }
    progress::ended();
    Ok(())
}
