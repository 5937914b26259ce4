//! The pipeline of every encoder, `appsrc ! encoder ! appsink`, and its health.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use crate::error::IngestError;
use crate::locked;

/// `appsrc name=source ! … ! appsink name=sink`.
pub(crate) struct EncoderPipeline {
    what: &'static str,
    pipeline: gst::Pipeline,
    ended: Arc<(Mutex<bool>, Condvar)>,
}

impl EncoderPipeline {
    pub(crate) fn build(what: &'static str, description: &str) -> Result<Self, IngestError> {
        let pipeline = gst::parse::launch(description)
            .map_err(|e| IngestError::pipeline(what, e))?
            .downcast::<gst::Pipeline>()
            .map_err(|_| IngestError::pipeline(what, "not a pipeline"))?;
        Ok(Self { what, pipeline, ended: Arc::default() })
    }

    fn element<T: IsA<gst::Element>>(&self, name: &str) -> Result<T, IngestError> {
        let element = self.pipeline.by_name(name).and_then(|element| element.downcast::<T>().ok());
        element.ok_or_else(|| IngestError::pipeline(self.what, format!("no {name}")))
    }

    pub(crate) fn source(&self, caps: &gst::Caps) -> Result<gst_app::AppSrc, IngestError> {
        let source: gst_app::AppSrc = self.element("source")?;
        source.set_caps(Some(caps));
        source.set_format(gst::Format::Time);
        Ok(source)
    }

    pub(crate) fn on_unit(&self, unit: impl Fn(&gst::Sample) + Send + Sync + 'static) -> Result<(), IngestError> {
        let ended = self.ended.clone();
        let callbacks = gst_app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                unit(&sink.pull_sample().map_err(|_| gst::FlowError::Eos)?);
                Ok(gst::FlowSuccess::Ok)
            })
            .eos(move |_| {
                *locked(&ended.0) = true;
                ended.1.notify_all();
            })
            .build();
        self.element::<gst_app::AppSink>("sink")?.set_callbacks(callbacks);
        Ok(())
    }

    pub(crate) fn play(&self) -> Result<(), IngestError> {
        let change = self.pipeline.set_state(gst::State::Playing);
        change.map(drop).map_err(|source| IngestError::State { what: self.what, source })
    }

    /// Whether the pipeline has posted an error. Drains the bus, which has no other listener.
    pub(crate) fn has_failed(&self) -> bool {
        let Some(bus) = self.pipeline.bus() else { return true };
        std::iter::from_fn(|| bus.pop()).any(|message| {
            let gst::MessageView::Error(error) = message.view() else { return false };
            tracing::error!(what = self.what, error = %error.error(), "an encoder failed");
            true
        })
    }

    pub(crate) fn drain(self, until: Instant) {
        let mut ended = locked(&self.ended.0);
        while !*ended {
            let Some(left) = until.checked_duration_since(Instant::now()) else { return };
            ended = self.ended.1.wait_timeout(ended, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for EncoderPipeline {
    fn drop(&mut self) {
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}
