//! Which track and layer the packets of an SSRC belong to.

use super::Publisher;
use crate::dropped::Dropped;
use crate::media::rtp::Header;

/// Where packets of an SSRC go.
#[derive(Clone, Copy)]
pub(super) struct Route {
    pub(super) ssrc: u32,
    pub(super) track: usize,
    pub(super) layer: usize,
    /// They are retransmissions.
    pub(super) rtx: bool,
}

impl Publisher {
    /// By SSRC, or by what the first packets of one say of themselves: MID, RID, repaired RID, or payload type alone.
    pub(super) fn route(&mut self, header: &Header, packet: &[u8]) -> Result<Route, Dropped> {
        if let Some(known) = self.routes.iter().find(|r| r.ssrc == header.ssrc) {
            let wanted = &self.tracks.get(known.track).ok_or(Dropped::UnknownSsrc)?.negotiated;
            let expected = if known.rtx {
                wanted.rtx_payload_type == Some(header.payload_type)
            } else {
                wanted.is_media(header.payload_type)
            };
            return if expected { Ok(*known) } else { Err(Dropped::UnknownSsrc) };
        }
        if self.tracks.iter().flat_map(|track| &track.layers).any(|layer| layer.has_left(header.ssrc)) {
            return Err(Dropped::SupersededSsrc);
        }
        self.new_route(header, packet).ok_or(Dropped::UnknownSsrc)
    }

    /// The first packet of an SSRC.
    fn new_route(&mut self, header: &Header, packet: &[u8]) -> Option<Route> {
        let text =
            |id: Option<u8>| id.and_then(|id| header.extension(packet, id)).and_then(|v| std::str::from_utf8(v).ok());
        let (track, rtx) = self.track_of(header, text)?;
        let published = self.tracks.get_mut(track)?;
        let rid = text(if rtx { published.negotiated.rrid_extension } else { published.negotiated.rid_extension });
        let layer = match rid {
            _ if published.negotiated.rids.is_empty() => 0,
            Some(rid) => published.layers.iter().position(|l| l.rid == rid)?,
            None if rtx => {
                let (media, _) = published.negotiated.fid_groups.iter().find(|(_, rtx)| *rtx == header.ssrc)?;
                published.layers.iter().position(|l| l.ssrc == Some(*media))?
            }
            None => return None,
        };
        let route = Route { ssrc: header.ssrc, track, layer, rtx };
        // A restarted encoder comes with new SSRCs, which take the old ones' place. New media may have new
        // retransmissions.
        self.routes.retain(|r| (r.track, r.layer) != (track, layer) || (rtx && !r.rtx));
        if !rtx {
            published.layers.get_mut(layer)?.follow(header.ssrc);
        }
        self.routes.push(route);
        Some(route)
    }

    /// Which track the first packet of an SSRC belongs to, and whether it is a retransmission. `text` reads an
    /// extension of it.
    fn track_of<'p>(&self, header: &Header, text: impl Fn(Option<u8>) -> Option<&'p str>) -> Option<(usize, bool)> {
        let fitting = || {
            self.tracks.iter().enumerate().filter_map(|(i, track)| {
                let negotiated = &track.negotiated;
                let media = negotiated.is_media(header.payload_type);
                (media || negotiated.rtx_payload_type == Some(header.payload_type)).then_some((i, !media, negotiated))
            })
        };
        let named = fitting().find(|(.., n)| text(n.mid_extension).is_some_and(|mid| mid == n.mid));
        let announced = || fitting().find(|(.., n)| n.ssrcs.contains(&header.ssrc));
        // Several tracks of one payload type cannot be told apart by it.
        let only = || {
            let mut all = fitting();
            all.next().filter(|_| all.next().is_none())
        };
        named.or_else(announced).or_else(only).map(|(track, rtx, _)| (track, rtx))
    }
}
