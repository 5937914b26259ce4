//! One rung of the ladder at work: its gate, its scaler and its encoder.
//!
//! Each rung is scaled from the smallest bigger picture at hand, so that the small ones cost next to nothing. A dead
//! encoder is rebuilt at the next segment start. Driven by `composer.rs`.

use std::sync::Arc;
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_video as gst_video;
use packager::delivery::RenditionId;

use crate::canvas::{Placer, i420};
use crate::config::Config;
use crate::encoder::VideoEncoder;
use crate::error::IngestError;
use crate::keyframes::{Gate, Step};
use crate::ladder::Rung;
use crate::layout::Rect;
use crate::metrics;
use crate::outlet::Outlet;
use crate::stage::Picture;

/// A rung at work.
pub(crate) struct Line {
    rung: Rung,
    rendition: RenditionId,
    gate: Gate,
    canvases: Canvases,
    placer: Placer,
    encoder: Option<VideoEncoder>,
}

impl Line {
    pub(crate) fn start(
        rung: Rung,
        rendition: RenditionId,
        config: &Config,
        outlet: Arc<Outlet>,
    ) -> Result<Self, IngestError> {
        Ok(Self {
            rung,
            rendition,
            gate: Gate::new(config.segment_frames()),
            canvases: Canvases::new(rung.width, rung.height, config.frames_per_second)?,
            placer: Placer::default(),
            encoder: Some(VideoEncoder::start(&rung, rendition, config, outlet)?),
        })
    }

    /// Encodes frame number `frame`, scaled from `source`, unless the rung is shed, broken or full. The picture it
    /// made, for the next smaller rung.
    pub(crate) fn frame(
        &mut self,
        frame: u64,
        source: &Picture,
        wanted: bool,
        config: &Config,
        outlet: &Arc<Outlet>,
    ) -> Option<Picture> {
        let start = frame.is_multiple_of(u64::from(config.segment_frames()));
        if self.encoder.is_none() && wanted && start {
            self.restart(config, outlet);
        }
        let room = self.encoder.as_ref().is_some_and(VideoEncoder::has_room);
        if wanted && !room {
            metrics::encoder_full();
        }
        let step = self.gate.step(frame, wanted, room);
        if step == Step::Skip {
            return None;
        }
        let picture = self.scaled(source)?;
        let pushed = self
            .encoder
            .as_ref()
            .is_some_and(|encoder| encoder.push(picture.buffer.clone(), frame, step == Step::EncodeKeyframe));
        if !pushed {
            self.encoder = None;
            self.gate.close();
        }
        Some(picture)
    }

    fn restart(&mut self, config: &Config, outlet: &Arc<Outlet>) {
        metrics::encoder_restarted();
        match VideoEncoder::start(&self.rung, self.rendition, config, outlet.clone()) {
            Ok(encoder) => self.encoder = Some(encoder),
            Err(error) => tracing::error!(rung = self.rung.name, %error, "an encoder could not be rebuilt"),
        }
    }

    fn scaled(&mut self, source: &Picture) -> Option<Picture> {
        if source.size() == (self.rung.width, self.rung.height) {
            return Some(source.clone());
        }
        let from = gst_video::VideoFrameRef::from_buffer_ref_readable(&source.buffer, &source.info).ok()?;
        let whole = Rect { x: 0, y: 0, width: self.rung.width, height: self.rung.height };
        let placer = &mut self.placer;
        self.canvases.draw(|canvas| placer.draw(&from, canvas, whole))
    }

    /// See [`VideoEncoder::take_lag`].
    pub(crate) fn take_lag(&self) -> Duration {
        self.encoder.as_ref().map(VideoEncoder::take_lag).unwrap_or_default()
    }

    /// Takes the encoder out, to be drained.
    pub(crate) fn finish(self) -> Option<VideoEncoder> {
        self.encoder.inspect(VideoEncoder::finish)
    }
}

/// Buffers for I420 pictures of one size, used again and again.
pub(crate) struct Canvases {
    pool: gst_video::VideoBufferPool,
    pub(crate) info: gst_video::VideoInfo,
}

impl Canvases {
    pub(crate) fn new(width: u32, height: u32, fps: u32) -> Result<Self, IngestError> {
        let fail = |reason: &str| IngestError::pipeline("canvas", reason);
        let info = i420(width, height, fps).ok_or_else(|| fail("impossible size"))?;
        let caps = info.to_caps().map_err(|_| fail("impossible format"))?;
        let pool = gst_video::VideoBufferPool::new();
        let mut config = pool.config();
        config.set_params(Some(&caps), info.size() as u32, 4, 0);
        pool.set_config(config).map_err(|_| fail("the pool refuses its size"))?;
        pool.set_active(true).map_err(|_| fail("the pool does not start"))?;
        Ok(Self { pool, info })
    }

    /// A fresh canvas, drawn by `paint`; `None` if that fails.
    pub(crate) fn draw(
        &self,
        paint: impl FnOnce(&mut gst_video::VideoFrameRef<&mut gst::BufferRef>) -> bool,
    ) -> Option<Picture> {
        let mut buffer = self.pool.acquire_buffer(None).ok()?;
        {
            let writable = buffer.get_mut()?;
            let mut canvas = gst_video::VideoFrameRef::from_buffer_ref_writable(writable, &self.info).ok()?;
            if !paint(&mut canvas) {
                return None;
            }
        }
        Some(Picture { buffer, info: self.info.clone() })
    }
}

impl Drop for Canvases {
    fn drop(&mut self) {
        let _ = self.pool.set_active(false);
    }
}
