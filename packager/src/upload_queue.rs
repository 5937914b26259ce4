//! What awaits its upload, and what gives way when there is too much of it. Pure. Driven by `store.rs`.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::delivery::RenditionId;

/// One object to be stored once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upload {
    pub(crate) rendition: RenditionId,
    pub(crate) object: Object,
    pub(crate) bytes: Bytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    Init(u32),
    Segment(u64),
}

/// What awaits its upload. Bounded: see [`Queue::push`].
#[derive(Debug)]
pub(crate) struct Queue {
    uploads: VecDeque<Upload>,
    uploads_max: usize,
}

impl Queue {
    pub(crate) fn new(uploads_max: usize) -> Self {
        Self { uploads: VecDeque::new(), uploads_max }
    }

    pub(crate) fn pop(&mut self) -> Option<Upload> {
        self.uploads.pop_front()
    }

    pub(crate) fn len(&self) -> usize {
        self.uploads.len()
    }

    /// Appends; when full, answers with the oldest segment, which gives way. Init segments are few, and nothing plays
    /// without.
    pub(crate) fn push(&mut self, upload: Upload) -> Option<Upload> {
        self.uploads.push_back(upload);
        if self.uploads.len() <= self.uploads_max {
            return None;
        }
        let oldest = self.uploads.iter().position(|upload| matches!(upload.object, Object::Segment(_))).unwrap_or(0);
        self.uploads.remove(oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(object: Object) -> Upload {
        Upload { rendition: RenditionId(0), object, bytes: Bytes::new() }
    }

    #[test]
    fn a_full_queue_gives_up_its_oldest_segment_and_no_init() {
        let mut queue = Queue::new(3);
        for object in [Object::Init(0), Object::Segment(0), Object::Segment(1)] {
            assert_eq!(queue.push(upload(object)), None);
        }
        assert_eq!(queue.push(upload(Object::Segment(2))), Some(upload(Object::Segment(0))));
        assert_eq!(queue.push(upload(Object::Segment(3))), Some(upload(Object::Segment(1))));
        assert_eq!(queue.len(), 3);
    }
}
