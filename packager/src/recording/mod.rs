//! Recordings in an object store: written while a broadcast runs, read whenever somebody asks.
//!
//! The `recorder` queues what the live path completes (`queue`), puts it into the store (`upload`) and writes the
//! playlists (`listing`) that name what arrived. The `reader` serves any room's recordings without a running broadcast,
//! and [`Stored`] is an object on its way out. Repair of recordings that broke off, and how long recordings are kept,
//! belong here too once they are built.

mod listing;
mod queue;
mod reader;
mod recorder;
mod stored;
mod upload;

pub use reader::Recordings;
pub(crate) use recorder::{Completed, Finished, Recorder};
pub use stored::{Chunks, ReadFailed, Stored};

use object_store::path::Path;

use crate::object::ObjectKey;

/// The place of a room's object in the store. The name of a room is not judged here, so that recordings stay readable
/// under the name they were written with.
fn store_path(room: &str, key: ObjectKey<'_>) -> Path {
    Path::from(format!("{room}/{key}"))
}
