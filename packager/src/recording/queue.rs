//! The objects that await their upload, and which of them gives way when there are too many. Pure. Driven by
//! `recorder.rs`.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::delivery::RenditionId;
use crate::object::Object;

/// One object to be stored once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Upload {
    pub(super) rendition: RenditionId,
    pub(super) key: UploadKey,
    pub(super) bytes: Bytes,
}

/// An object of a rendition that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UploadKey {
    /// The init segment of that number.
    Init(u32),
    /// The segment of that media sequence number.
    Segment(u64),
}

impl UploadKey {
    /// The object's key, below the broadcast's.
    pub(super) fn object(self, rendition: &str) -> Object<'_> {
        match self {
            Self::Init(map) => Object::Init { rendition, map },
            Self::Segment(msn) => Object::Segment { rendition, msn },
        }
    }
}

/// Uploads in order of their coming. Bounded: see [`Queue::push`].
#[derive(Debug)]
pub(super) struct Queue {
    uploads: VecDeque<Upload>,
    uploads_max: usize,
}

impl Queue {
    pub(super) fn new(uploads_max: usize) -> Self {
        Self { uploads: VecDeque::new(), uploads_max }
    }

    pub(super) fn pop(&mut self) -> Option<Upload> {
        self.uploads.pop_front()
    }

    pub(super) fn len(&self) -> usize {
        self.uploads.len()
    }

    /// Appends. A full queue answers with its oldest segment, which gives way. Init segments stay: they are few, and no
    /// player can do without them.
    pub(super) fn push(&mut self, upload: Upload) -> Option<Upload> {
        self.uploads.push_back(upload);
        if self.uploads.len() <= self.uploads_max {
            return None;
        }
        let oldest = self.uploads.iter().position(|upload| matches!(upload.key, UploadKey::Segment(_))).unwrap_or(0);
        self.uploads.remove(oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(key: UploadKey) -> Upload {
        Upload { rendition: RenditionId(0), key, bytes: Bytes::new() }
    }

    #[test]
    fn a_full_queue_gives_up_its_oldest_segment_and_no_init() {
        let mut queue = Queue::new(3);
        for key in [UploadKey::Init(0), UploadKey::Segment(0), UploadKey::Segment(1)] {
            assert_eq!(queue.push(upload(key)), None);
        }
        assert_eq!(queue.push(upload(UploadKey::Segment(2))), Some(upload(UploadKey::Segment(0))));
        assert_eq!(queue.push(upload(UploadKey::Segment(3))), Some(upload(UploadKey::Segment(1))));
        assert_eq!(queue.len(), 3);
    }
}
