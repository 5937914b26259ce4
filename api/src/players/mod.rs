//! Players without an events socket are counted by what they report of themselves: CMCD version 2, `POST /v1/cmcd`.
//!
//! `routes/cmcd.rs` decides which room a report is of, and whether its sender may watch it. [`Players`] is the handle
//! of the rest of the server.
//!
//! | file | does |
//! |---|---|
//! | `dictionary.rs`, `report.rs` | read reports |
//! | `session_ids.rs` | ids by which a player of an events socket is known |
//! | `accounting.rs`, `session.rs`, `tally.rs` | who watches, and how well |
//! | `exposition.rs` | the same as metrics |

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use access::{Keys, RoomName};

mod accounting;
mod dictionary;
mod exposition;
mod report;
mod session;
mod session_ids;
mod tally;

use accounting::Accounting;
pub(crate) use accounting::{Player, Taken};
pub(crate) use report::{BadReports, Report, reports};
pub(crate) use session_ids::OfRoom;
use session_ids::SessionIds;

/// Players that report. Cheap to clone; every clone sees the same.
#[derive(Clone)]
pub struct Players(Arc<Inner>);

struct Inner {
    ids: SessionIds,
    accounting: Mutex<Accounting>,
}

impl Players {
    /// Keeps at most `sessions_max` sessions with an events socket, and as many others. `keys` know ids again that were
    /// given before a restart.
    pub fn new(keys: &Keys, sessions_max: u32) -> Self {
        let sessions_max = usize::try_from(sessions_max).unwrap_or(usize::MAX);
        Self(Arc::new(Inner { ids: SessionIds::new(keys), accounting: Mutex::new(Accounting::new(sessions_max)) }))
    }

    fn accounting(&self) -> MutexGuard<'_, Accounting> {
        self.0.accounting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An id for the client of an events socket to report under.
    pub(crate) fn session_id(&self, room: OfRoom<'_>) -> String {
        self.0.ids.issue(room, rand::random())
    }

    /// Whether an events socket of the room was given the id.
    pub(crate) fn is_issued(&self, room: OfRoom<'_>, id: &str) -> bool {
        self.0.ids.is_issued(room, id)
    }

    /// Counts a report of a session in a room that its sender may watch.
    pub(crate) fn take(&self, of: Player<'_>, report: &Report) -> Taken {
        self.accounting().take(of, report, Instant::now())
    }

    /// Players of the room that watch, and were given no id by an events socket.
    pub(crate) fn unverified(&self, room: &str) -> u32 {
        self.accounting().unverified(room, Instant::now())
    }

    /// Prometheus text. `may_name` says whether a room may be named in it.
    pub(crate) fn exposition(&self, may_name: impl Fn(&RoomName) -> bool) -> String {
        exposition::exposition(&self.accounting().overview(may_name, Instant::now()))
    }
}

impl fmt::Debug for Players {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Players").finish_non_exhaustive()
    }
}
