//! One object of the store, on its way to a client.
//!
//! It is read in pieces of at most [`CHUNK_BYTES`] (a remote store decides for itself, within what its connection
//! buffers), each when the one before has been taken, so a response holds one piece however large the object is. The
//! store has a bounded time for every piece.

use std::io::SeekFrom;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, GetResult, GetResultPayload, ObjectStore};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::time::timeout;

/// Largest piece that is read from a file at once.
const CHUNK_BYTES: u64 = 64 * 1024;

/// Reasons why an object, or the rest of it, could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadFailed {
    /// The store has no such object.
    #[error("the store has no such object")]
    Missing,
    /// The store answered with a failure.
    #[error("reading from the store")]
    Store(#[source] object_store::Error),
    /// The file system failed under a local store.
    #[error("reading a stored file")]
    File(#[source] std::io::Error),
    /// The store did not answer in time.
    #[error("the store did not answer in time")]
    Late,
    /// The object ended before its length.
    #[error("a stored object is shorter than the store said")]
    Short,
}

/// An opened object whose bytes have not been read yet.
pub struct Stored {
    store: Arc<dyn ObjectStore>,
    path: Path,
    length_bytes: u64,
    answer_max: Duration,
    whole: Chunks,
}

/// The bytes of a [`Stored`] object, or of a range of it, in order.
pub struct Chunks {
    source: Source,
    /// Bytes that were read ahead.
    ahead: Option<Bytes>,
    left_bytes: u64,
    answer_max: Duration,
}

enum Source {
    File(File),
    Remote(BoxStream<'static, object_store::Result<Bytes>>),
}

impl Stored {
    /// Opens an object; each answer of the store may take `answer_max`.
    pub(super) async fn open(
        store: Arc<dyn ObjectStore>,
        path: Path,
        answer_max: Duration,
    ) -> Result<Self, ReadFailed> {
        let got = get(&*store, &path, None, answer_max).await?;
        let length_bytes = got.meta.size;
        let whole = Chunks::new(got, answer_max).await?;
        Ok(Self { store, path, length_bytes, answer_max, whole })
    }

    /// Length of the whole object, bytes.
    pub fn length_bytes(&self) -> u64 {
        self.length_bytes
    }

    /// Looks at the object's first bytes, [`CHUNK_BYTES`] at most; they are not read again.
    pub(super) async fn peek(&mut self) -> Result<Bytes, ReadFailed> {
        let first = self.whole.next().await.transpose()?.unwrap_or_default();
        self.whole.put_back(first.clone());
        Ok(first)
    }

    /// The whole object.
    pub fn read(self) -> Chunks {
        self.whole
    }

    /// The bytes from `range.start` on, up to `range.end`, which is not included. The range must lie within the object
    /// and not be empty.
    pub async fn read_range(self, range: Range<u64>) -> Result<Chunks, ReadFailed> {
        if range == (0..self.length_bytes) {
            return Ok(self.whole);
        }
        let got = get(&*self.store, &self.path, Some(GetRange::Bounded(range)), self.answer_max).await?;
        Chunks::new(got, self.answer_max).await
    }
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (path, length_bytes) = (&self.path, self.length_bytes);
        f.debug_struct("Stored").field("path", path).field("length_bytes", &length_bytes).finish_non_exhaustive()
    }
}

async fn get(
    store: &dyn ObjectStore,
    path: &Path,
    range: Option<GetRange>,
    answer_max: Duration,
) -> Result<GetResult, ReadFailed> {
    let options = GetOptions { range, ..GetOptions::default() };
    match timeout(answer_max, store.get_opts(path, options)).await {
        Ok(Ok(got)) => Ok(got),
        Ok(Err(object_store::Error::NotFound { .. })) => Err(ReadFailed::Missing),
        Ok(Err(error)) => Err(ReadFailed::Store(error)),
        Err(_) => Err(ReadFailed::Late),
    }
}

impl Chunks {
    async fn new(got: GetResult, answer_max: Duration) -> Result<Self, ReadFailed> {
        let (start, left_bytes) = (got.range.start, got.range.end.saturating_sub(got.range.start));
        let source = match got.payload {
            // A file is read here, because the store's own stream of it has pieces of 8 KiB, each a task of a thread.
            GetResultPayload::File(file, _) => {
                let mut file = File::from_std(file);
                let seek = timeout(answer_max, file.seek(SeekFrom::Start(start)));
                seek.await.map_err(|_| ReadFailed::Late)?.map_err(ReadFailed::File)?;
                Source::File(file)
            }
            GetResultPayload::Stream(stream) => Source::Remote(stream),
        };
        Ok(Self { source, ahead: None, left_bytes, answer_max })
    }

    fn put_back(&mut self, chunk: Bytes) {
        self.left_bytes += chunk.len() as u64;
        self.ahead = Some(chunk).filter(|chunk| !chunk.is_empty());
    }

    /// The number of bytes that have not been taken yet.
    pub fn left_bytes(&self) -> u64 {
        self.left_bytes
    }

    /// The next bytes; `None` after the last. After an error the rest is not to be used.
    pub async fn next(&mut self) -> Option<Result<Bytes, ReadFailed>> {
        if self.left_bytes == 0 {
            return None;
        }
        let read = match self.ahead.take() {
            Some(chunk) => Ok(chunk),
            None => timeout(self.answer_max, self.source.read(self.left_bytes)).await.unwrap_or(Err(ReadFailed::Late)),
        };
        Some(read.map(|mut chunk| {
            // A store that sends more than it promised must not spoil the response's length.
            chunk.truncate(usize::try_from(self.left_bytes).unwrap_or(usize::MAX));
            self.left_bytes -= chunk.len() as u64;
            chunk
        }))
    }
}

impl Source {
    /// Some bytes, of which `left_bytes` are wanted at most.
    async fn read(&mut self, left_bytes: u64) -> Result<Bytes, ReadFailed> {
        let chunk = match self {
            Self::File(file) => {
                let mut chunk = BytesMut::with_capacity(left_bytes.min(CHUNK_BYTES) as usize);
                file.read_buf(&mut chunk).await.map_err(ReadFailed::File)?;
                chunk.freeze()
            }
            Self::Remote(stream) => loop {
                match stream.next().await {
                    Some(Ok(chunk)) if chunk.is_empty() => {}
                    Some(Ok(chunk)) => break chunk,
                    Some(Err(error)) => return Err(ReadFailed::Store(error)),
                    None => break Bytes::new(),
                }
            },
        };
        if chunk.is_empty() { Err(ReadFailed::Short) } else { Ok(chunk) }
    }
}

#[cfg(test)]
mod tests {
    use object_store::local::LocalFileSystem;
    use object_store::memory::InMemory;
    use object_store::{ObjectStoreExt as _, PutPayload};

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn all(mut chunks: Chunks) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.unwrap();
            assert!(chunk.len() as u64 <= CHUNK_BYTES, "a response holds one piece");
            bytes.extend_from_slice(&chunk);
        }
        bytes
    }

    #[tokio::test]
    async fn an_object_comes_in_pieces_whole_or_in_ranges() {
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
        let object: Vec<u8> = (0..200_000u32).map(|number| (number / 7) as u8).collect();
        let path = Path::from("main/k3f9a1/720p/0.m4s");
        store.put(&path, PutPayload::from(object.clone())).await.unwrap();
        let open = || Stored::open(store.clone(), path.clone(), SECOND);

        assert_eq!(open().await.unwrap().length_bytes(), 200_000);
        assert_eq!(all(open().await.unwrap().read()).await, object);
        for range in [0..1, 0..200_000, 65_535..65_537, 199_999..200_000] {
            let chunks = open().await.unwrap().read_range(range.clone()).await.unwrap();
            assert_eq!(chunks.left_bytes(), range.end - range.start);
            assert_eq!(all(chunks).await, object[range.start as usize..range.end as usize], "{range:?}");
        }
        let mut peeked = open().await.unwrap();
        assert_eq!(peeked.peek().await.unwrap(), object[..CHUNK_BYTES as usize]);
        assert_eq!(all(peeked.read()).await, object, "what was looked at is sent all the same");
    }

    #[tokio::test]
    async fn a_missing_object_is_told_from_a_store_that_fails() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("main"), "a file where a folder should be").unwrap();
        let local: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
        let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let open = |store: &Arc<dyn ObjectStore>, path: &str| Stored::open(store.clone(), Path::from(path), SECOND);
        assert!(matches!(open(&local, "other/0.m4s").await, Err(ReadFailed::Missing)));
        assert!(matches!(open(&memory, "main/0.m4s").await, Err(ReadFailed::Missing)));
        assert!(matches!(open(&local, "main/0.m4s").await, Err(ReadFailed::Store(_))));
    }
}
