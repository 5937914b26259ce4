//! A client's wishes for a track that it is sent. Pure.

use livekit_protocol as proto;
use livekit_protocol::VideoQuality;

/// The picture that a client has use for: by its size, else by its quality.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TrackSetting {
    pub disabled: bool,
    pub quality: VideoQuality,
    /// Width and height, pixels. 0 × 0: by quality.
    pub size: (u32, u32),
    /// 0: as many as there are.
    pub pictures_per_second: u32,
}

impl From<&proto::UpdateTrackSettings> for TrackSetting {
    fn from(request: &proto::UpdateTrackSettings) -> Self {
        Self {
            disabled: request.disabled,
            quality: request.quality(),
            size: (request.width, request.height),
            pictures_per_second: request.fps,
        }
    }
}

impl TrackSetting {
    /// The largest picture of use, width and height in pixels, of a track with these layers. 0 × 0: none. `None`: any.
    pub(crate) fn size_max(self, layers: &[proto::VideoLayer]) -> Option<(u32, u32)> {
        if self.disabled || self.quality == VideoQuality::Off {
            return Some((0, 0));
        }
        if self.size.0 > 0 && self.size.1 > 0 {
            return Some(self.size);
        }
        if self.quality == VideoQuality::High {
            return None;
        }
        let layer = layers.iter().find(|layer| layer.quality() == self.quality);
        match (layer, self.quality) {
            (Some(layer), _) => Some((layer.width, layer.height)),
            // The smallest.
            (None, VideoQuality::Low) => Some((1, 1)),
            (None, _) => None,
        }
    }

    /// The smallest quality of use, of a track with these layers.
    pub(crate) fn quality_max(self, layers: &[proto::VideoLayer]) -> VideoQuality {
        match self.size_max(layers) {
            Some((0, 0)) => VideoQuality::Off,
            None => VideoQuality::High,
            Some((width, height)) => {
                let covers = |layer: &&proto::VideoLayer| layer.width >= width && layer.height >= height;
                let pixels = |layer: &&proto::VideoLayer| u64::from(layer.width) * u64::from(layer.height);
                let smallest = layers.iter().filter(covers).min_by_key(pixels);
                smallest.map_or(VideoQuality::High, proto::VideoLayer::quality)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(quality: VideoQuality, size: (u32, u32)) -> TrackSetting {
        TrackSetting { disabled: false, quality, size, pictures_per_second: 0 }
    }

    #[test]
    fn setting_takes_the_smallest_layer_that_covers_it() {
        use VideoQuality::{High, Low, Medium, Off};
        let layer = |quality: VideoQuality, width, height| proto::VideoLayer {
            quality: quality.into(),
            width,
            height,
            ..Default::default()
        };
        let layers = [layer(Low, 320, 180), layer(Medium, 640, 360), layer(High, 1280, 720)];
        for (setting, size_max, quality_max) in [
            (setting(High, (0, 0)), None, High),
            (setting(Medium, (0, 0)), Some((640, 360)), Medium),
            (setting(Low, (0, 0)), Some((320, 180)), Low),
            (setting(High, (320, 180)), Some((320, 180)), Low),
            (setting(High, (321, 180)), Some((321, 180)), Medium),
            (setting(Low, (4000, 3000)), Some((4000, 3000)), High),
            (setting(Off, (640, 360)), Some((0, 0)), Off),
            (TrackSetting { disabled: true, ..setting(High, (640, 360)) }, Some((0, 0)), Off),
        ] {
            assert_eq!(
                (setting.size_max(&layers), setting.quality_max(&layers)),
                (size_max, quality_max),
                "{setting:?}"
            );
        }
    }

    #[test]
    fn track_that_says_nothing_of_its_layers_comes_smallest_or_whole() {
        assert_eq!(setting(VideoQuality::Low, (0, 0)).size_max(&[]), Some((1, 1)));
        assert_eq!(setting(VideoQuality::Medium, (0, 0)).size_max(&[]), None);
        assert_eq!(setting(VideoQuality::Low, (0, 0)).quality_max(&[]), VideoQuality::High);
    }
}
