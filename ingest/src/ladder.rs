//! The ladders one can choose from. Every picture is 16:9 with even sides, so that chroma halves exactly.

use serde::{Deserialize, Serialize};

/// A set of renditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ladder {
    /// 720p, 480p, 240p.
    Default,
    /// 720p, 480p, 360p, 240p, 144p at 800 down to 50 kbit/s.
    DataSaver,
    /// 1080p, 720p, 480p, 240p.
    FullHd,
    /// 360p, 180p: for weak machines and tests.
    #[serde(alias = "low")]
    Small,
}

/// One video rendition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Name in URIs.
    pub name: &'static str,
    /// Picture width, pixels.
    pub width: u32,
    /// Picture height, pixels.
    pub height: u32,
    /// Target of the encoder, bits a second.
    pub bits_per_second: u32,
}

const fn rung(name: &'static str, width: u32, height: u32, kilobits_per_second: u32) -> Rung {
    Rung { name, width, height, bits_per_second: kilobits_per_second * 1000 }
}

const DEFAULT: [Rung; 3] = [rung("720p", 1280, 720, 2500), rung("480p", 854, 480, 1200), rung("240p", 426, 240, 400)];
const DATA_SAVER: [Rung; 5] = [
    rung("720p", 1280, 720, 800),
    rung("480p", 854, 480, 400),
    rung("360p", 640, 360, 200),
    rung("240p", 426, 240, 100),
    rung("144p", 256, 144, 50),
];
const FULL_HD: [Rung; 4] = [
    rung("1080p", 1920, 1080, 5000),
    rung("720p", 1280, 720, 2500),
    rung("480p", 854, 480, 1200),
    rung("240p", 426, 240, 400),
];
const SMALL: [Rung; 2] = [rung("360p", 640, 360, 800), rung("180p", 320, 180, 300)];

impl Ladder {
    /// Its rungs, the biggest first. The biggest is the canvas the stage is composed on.
    pub fn rungs(self) -> &'static [Rung] {
        match self {
            Self::Default => &DEFAULT,
            Self::DataSaver => &DATA_SAVER,
            Self::FullHd => &FULL_HD,
            Self::Small => &SMALL,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rungs_descend_and_have_even_sides() {
        for ladder in [Ladder::Default, Ladder::DataSaver, Ladder::FullHd, Ladder::Small] {
            let rungs = ladder.rungs();
            assert!(rungs.iter().all(|r| r.width % 2 == 0 && r.height % 2 == 0));
            assert!(rungs.windows(2).all(|w| w[0].height > w[1].height && w[0].bits_per_second > w[1].bits_per_second));
        }
    }
}
