//! The driver seen from the inside: every room, and everything that is left when all have gone.

use access::RoomName;

use crate::room::driver::Driver;
use crate::room::machine::Room;

impl Driver {
    /// Looks at every room.
    pub(crate) fn each_room(&self, mut look: impl FnMut(&RoomName, &Room)) {
        for cell in self.cells.all() {
            let inside = cell.lock();
            look(inside.room.name(), &inside.room);
        }
    }

    /// Places that are taken, for participants or leases.
    pub(crate) fn participants_count(&self) -> usize {
        self.ground.node.participants()
    }

    /// Everything that is still known of anybody, in words; none when nobody is there.
    pub(crate) fn remains(&self) -> Vec<String> {
        let node = &self.ground.node;
        let mut remains = self.cells.remains();
        self.each_room(|_, room| remains.extend(room.remains()));
        remains.extend((node.participants() > 0).then(|| format!("{} participants", node.participants())));
        remains.extend((node.on_stage() > 0).then(|| format!("{} on stage", node.on_stage())));
        remains.extend((node.peers() > 0).then(|| format!("{} peers", node.peers())));
        remains.extend(node.pending().oldest().map(|pending| format!("pending {pending:?}")));
        remains
    }
}
