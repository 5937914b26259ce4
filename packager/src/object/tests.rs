use proptest::prelude::*;

use super::*;

#[test]
fn a_path_has_one_spelling() {
    let rendition = "720p";
    let of = |object| Some(ObjectKey::new("k3f9a1", object));
    let table = [
        ("index.m3u8", Some(ObjectKey::ENTRY)),
        ("k3f9a1/index.m3u8", of(Object::Multivariant)),
        ("k3f9a1/720p.m3u8", of(Object::Playlist { rendition })),
        ("k3f9a1/720p/init-2.mp4", of(Object::Init { rendition, map: 2 })),
        ("k3f9a1/720p/17.m4s", of(Object::Segment { rendition, msn: 17 })),
        ("k3f9a1/720p/17.3.m4s", of(Object::Part { rendition, at: Position { msn: 17, part: 3 } })),
    ];
    for (path, expected) in table {
        assert_eq!(ObjectKey::parse(path), expected, "{path}");
        assert_eq!(expected.map(|key| key.to_string()).as_deref(), Some(path));
    }
    let nothing = [
        "",
        "/",
        "k3f9a1",
        "k3f9a1/",
        "../720p.m3u8",
        "k3f9a1/../x.m3u8",
        "k3f9a1/720p/017.m4s",
        "k3f9a1/720p/1.2.3.m4s",
        "k3f9a1/720p/.m4s",
        "k3f9a1/720p/99999999999999999999.m4s",
        "k3f9a1/a/b.m3u8",
        "k3f9a1/720p/init-.mp4",
        "K3F9A1/720p.m3u8",
        "k3f9a1/720p.m3u8?x",
        "k3f9a1//1.m4s",
    ];
    for path in nothing {
        assert_eq!(ObjectKey::parse(path), None, "{path}");
    }
}

#[test]
fn a_key_tells_sound_from_picture_and_live_from_recorded() {
    let kinds = |path| ObjectKey::parse(path).map(|key| (key.object().live_kind(), key.object().recording_kind()));
    use ObjectKind as K;
    for (path, live, recorded) in [
        ("k3f9a1/index.m3u8", K::Multivariant, K::RecordingMultivariant),
        ("k3f9a1/audio.m3u8", K::BarePlaylist, K::RecordingPlaylist),
        ("k3f9a1/audio/init-0.mp4", K::AudioMedia, K::RecordingAudio),
        ("k3f9a1/audio/7.m4s", K::AudioMedia, K::RecordingAudio),
        ("k3f9a1/720p/7.m4s", K::VideoMedia, K::RecordingVideo),
        ("k3f9a1/720p/7.0.m4s", K::VideoMedia, K::RecordingVideo),
    ] {
        assert_eq!(kinds(path), Some((live, recorded)), "{path}");
    }
    assert_eq!((K::RecordingAudio.content_type(), K::RecordingVideo.content_type()), ("audio/mp4", "video/mp4"));
}

proptest! {
    #[test]
    fn what_is_printed_is_read_back(epoch in "[0-9a-z]{6,32}", rendition in "[0-9a-z-]{1,16}",
                                    map: u32, msn: u64, part: u32, form in 0usize..5) {
        let rendition = rendition.as_str();
        prop_assume!(rendition != "index");
        let at = Position { msn, part };
        let object = [
            Object::Multivariant,
            Object::Playlist { rendition },
            Object::Init { rendition, map },
            Object::Segment { rendition, msn },
            Object::Part { rendition, at },
        ][form];
        let key = ObjectKey::new(&epoch, object);
        let printed = key.to_string();
        prop_assert_eq!(ObjectKey::parse(&printed), Some(key));
    }

    #[test]
    fn what_is_read_is_printed_back_and_no_input_panics(path in "[0-9a-z./-]{0,40}|.{0,40}") {
        if let Some(key) = ObjectKey::parse(&path) {
            prop_assert_eq!(key.to_string(), path);
        }
    }
}
