//! Notes the last request for each rendition, for its playlist or its media.
//!
//! Every request leaves the time with one atomic store. [`Demand::changed`] wakes when a rendition is asked for again
//! after it was not for [`SILENCE`]. Decides nothing: `spillway` reads it to say which rungs are encoded.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// A request this long after the last one is worth a look.
const SILENCE: Duration = Duration::from_secs(1);

/// The requests for the renditions of one broadcast.
#[derive(Debug)]
pub(crate) struct Demand {
    began: Instant,
    /// By rendition, milliseconds since `began` and one; 0: it was not asked for.
    asked: Vec<AtomicU64>,
    news: Notify,
}

impl Demand {
    pub(crate) fn new(renditions: usize) -> Self {
        let asked = (0..renditions).map(|_| AtomicU64::new(0)).collect();
        Self { began: Instant::now(), asked, news: Notify::new() }
    }

    /// Notes a request for a rendition.
    pub(crate) fn ask(&self, rendition: usize) {
        let Some(asked) = self.asked.get(rendition) else { return };
        let now_ms = self.began.elapsed().as_millis() as u64 + 1;
        let before_ms = asked.swap(now_ms, Relaxed);
        if before_ms == 0 || now_ms.saturating_sub(before_ms) >= SILENCE.as_millis() as u64 {
            self.news.notify_one();
        }
    }

    /// The last request for each rendition; `None`: there was none.
    pub(crate) fn asked_at(&self) -> Vec<Option<std::time::Instant>> {
        let at = |asked: &AtomicU64| {
            let ms = asked.load(Relaxed).checked_sub(1)?;
            Some((self.began + Duration::from_millis(ms)).into_std())
        };
        self.asked.iter().map(at).collect()
    }

    /// Done when a rendition was asked for that had not been for a while, since this was last done.
    pub(crate) async fn changed(&self) {
        self.news.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    const MOMENT: Duration = Duration::from_millis(10);

    #[tokio::test(start_paused = true)]
    async fn first_request_after_a_silence_is_news_and_each_leaves_its_time() {
        let demand = Demand::new(2);
        assert_eq!(demand.asked_at(), [None, None]);
        let began = Instant::now().into_std();
        demand.ask(1);
        demand.ask(9);
        timeout(MOMENT, demand.changed()).await.unwrap();
        for _ in 0..20 {
            advance(Duration::from_millis(900)).await;
            demand.ask(1);
        }
        assert!(timeout(MOMENT, demand.changed()).await.is_err(), "it is asked for all the time");
        assert_eq!(demand.asked_at(), [None, Some(began + Duration::from_millis(18_000))]);
        advance(Duration::from_secs(1)).await;
        demand.ask(1);
        timeout(MOMENT, demand.changed()).await.unwrap();
    }
}
