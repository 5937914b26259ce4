//! The mark at the end of our packets: when they were sent, and a check value by which it is known as ours.

/// Send time and check value, bytes.
pub const BYTES: usize = 16;
/// Added to the send time, so that foreign payload is not taken for ours.
const CHECK: u64 = 0x5350_494c_4c57_4159;

/// Appends the mark of a packet that is sent at `sent_ns`.
pub fn append(packet: &mut Vec<u8>, sent_ns: u64) {
    packet.extend(sent_ns.to_be_bytes());
    packet.extend((sent_ns ^ CHECK).to_be_bytes());
}

/// The send time that a decrypted packet carries, nanoseconds; `None` when it is none of ours.
pub fn sent_ns(packet: &[u8]) -> Option<u64> {
    let mark = packet.len().checked_sub(BYTES).and_then(|at| packet.get(at..))?;
    let word = |at: usize| Some(u64::from_be_bytes(mark.get(at..at + 8)?.try_into().ok()?));
    let sent = word(0)?;
    (word(8)? == sent ^ CHECK).then_some(sent)
}
