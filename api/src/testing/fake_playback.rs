//! A broadcast that answers what a test wants.

use bytes::Bytes;
use packager::{Body, NotServed, ObjectKind, Served};

use crate::{BoxFuture, Playback};

/// The broadcast `k3f9a1`. Answers every path with the same object in memory; `None` waits for ever.
pub(crate) struct FakePlayback(Option<Result<FakeObject, NotServed>>);

/// An object's kind and bytes, and the same bytes gzipped.
type FakeObject = (ObjectKind, Bytes, Option<Bytes>);

impl FakePlayback {
    pub(crate) fn new(answer: Option<Result<Served, NotServed>>) -> Self {
        let object = |served: Served| match served.body {
            Body::Held(bytes) => (served.kind, bytes, served.gzip),
            Body::Stored(stored) => panic!("{stored:?} is not in memory"),
        };
        Self(answer.map(|answer| answer.map(object)))
    }
}

impl Playback for FakePlayback {
    fn get<'a>(&'a self, _path: &'a str, _query: Option<&'a str>) -> BoxFuture<'a, Result<Served, NotServed>> {
        Box::pin(async {
            match self.0.clone() {
                Some(answer) => answer.map(|(kind, bytes, gzip)| Served { kind, body: Body::Held(bytes), gzip }),
                None => std::future::pending().await,
            }
        })
    }

    fn epoch(&self) -> &str {
        "k3f9a1"
    }

    fn is_live(&self) -> bool {
        true
    }

    fn has_ended(&self) -> bool {
        false
    }

    fn target_duration_seconds(&self) -> u32 {
        2
    }
}
