//! The qualities that publishers are asked for: never less than somebody has use for, and after a while no more.

use livekit_protocol::VideoQuality;

use super::checks::Checked;
use super::client::Client;
use super::world::World;
use crate::room::machine::Room;
use crate::room::participant::livekit::{Track, rank};

impl World {
    /// Checks what clients were asked to publish. `exact`: it has been so for long.
    pub(super) fn check_qualities(&mut self, exact: bool) -> Checked {
        let (mut checked, mut compared) = (Ok(()), 0);
        self.driver.each_room(|name, room| {
            for client in self.clients.iter().filter(|client| client.room == name.as_str() && client.inbox.is_some()) {
                if checked.is_ok() {
                    checked = check_client(client, room, exact, &mut compared);
                }
            }
        });
        self.compared.qualities += compared;
        checked
    }
}

fn check_client(client: &Client, room: &Room, exact: bool, compared: &mut u64) -> Checked {
    let livekit = client.key.and_then(|key| room.roster.livekit(key)).filter(|(who, _)| !who.hidden);
    let tracks = livekit.into_iter().flat_map(|(_, livekit)| &livekit.uplink.tracks);
    for track in tracks.filter(|track| track.media.video().is_some()) {
        let codec = track.media.codec.name().as_str().to_owned();
        let asked = client.asked.get(&(track.info.sid.clone(), codec)).copied().unwrap_or(VideoQuality::High);
        let wanted = wanted(track, room);
        *compared += u64::from(wanted != VideoQuality::High);
        if rank(asked) < rank(wanted) || exact && asked != wanted {
            let (who, sid) = (&client.identity, &track.info.sid);
            return Err(format!("{who} is asked for {asked:?} of {sid}, and {wanted:?} is wanted"));
        }
    }
    Ok(())
}

/// The largest quality of a track that somebody has use for.
fn wanted(track: &Track, room: &Room) -> VideoQuality {
    let (sid, media) = (&track.info.sid, track.media.id);
    let layers = track.info.codecs.first().map(|codec| codec.layers.as_slice()).unwrap_or_default();
    let livekit = room.roster.all_livekit().map(|(_, livekit)| livekit);
    let takers = livekit.filter(|livekit| livekit.downlink.media_of(sid) == Some(media));
    let by_livekit = takers
        .map(|livekit| livekit.settings.get(sid).map_or(VideoQuality::High, |setting| setting.quality_max(layers)));
    let viewers = room.roster.iter().filter_map(|one| one.whip_whep());
    let by_whep = viewers.filter(|session| session.watches(media)).map(|_| VideoQuality::High);
    by_livekit.chain(by_whep).max_by_key(|quality| rank(*quality)).unwrap_or(VideoQuality::Off)
}
