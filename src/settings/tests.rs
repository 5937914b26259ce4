#![allow(clippy::result_large_err)] // figment's own, in Jail's closures

use figment::Jail;

use super::auth::Secret;
use super::*;

fn good() -> Settings {
    let auth = Auth { key: "k".into(), secret: Secret("0123456789abcdef0123456789abcdef".into()), ..Auth::default() };
    Settings { auth, ..Settings::default() }
}

#[test]
fn example_file_equals_the_defaults() {
    let text = include_str!("../../deploy/spillway.toml");
    Jail::expect_with(|jail| {
        jail.create_file("spillway.toml", text)?;
        let shipped = Settings::load(Some(Path::new("spillway.toml"))).unwrap();
        assert!(shipped.validate(false).unwrap_err().to_string().contains("openssl rand"), "it ships without a secret");
        assert_eq!(shipped, Settings::default());
        Ok(())
    });
}

#[test]
fn the_example_file_names_every_key() {
    let text = include_str!("../../deploy/spillway.toml");
    let defaults = toml::Value::try_from(Settings::default()).unwrap();
    for (section, keys) in defaults.as_table().unwrap() {
        let start = text.find(&format!("\n[{section}]\n")).unwrap_or_else(|| panic!("no section [{section}]"));
        let body = text[start + 1..].split("\n[").next().unwrap();
        for key in keys.as_table().unwrap().keys().filter(|key| !keys[key.as_str()].is_table()) {
            assert!(
                body.lines().any(|line| line.trim_start_matches("# ").starts_with(&format!("{key} ="))),
                "[{section}] {key}"
            );
        }
    }
}

#[test]
fn environment_overrides_file_and_file_overrides_defaults() {
    Jail::expect_with(|jail| {
        jail.create_file("s.toml", "[api]\nrooms_max = 5\nconnections_max = 7\n[auth]\nkey = \"k\"\n")?;
        jail.set_env("SPILLWAY__API__ROOMS_MAX", "6");
        jail.set_env("SPILLWAY__AUTH__SECRET", "0123456789abcdef0123456789abcdef");
        jail.set_env("SPILLWAY__INGEST__SHEDDING__LAG_HIGH_MS", "250");
        let settings = Settings::load(Some(Path::new("s.toml"))).unwrap();
        assert_eq!((settings.api.rooms_max, settings.api.connections_max), (6, 7));
        assert_eq!(settings.auth, good().auth);
        assert_eq!(settings.ingest.shedding.lag_high_ms, 250);
        settings.validate(false).unwrap();
        Ok(())
    });
}

#[test]
fn unknown_or_unreadable_key_is_refused_by_name() {
    for (text, key) in [
        ("[api]\nroms_max = 5", "roms_max"),
        ("[apy]\n", "apy"),
        ("[api]\nrooms_max = \"many\"", "rooms_max"),
        ("[packager]\nplaylist_seconds = -1", "playlist_seconds"),
        ("[api.livekit_rooms]\nvisibility = \"hidden\"", "public, unlisted, private"),
        ("[api.livekit_rooms]\nbroadcast = \"sometimes\"", "off, auto, on"),
        ("[api.livekit_rooms]\nbroadcast = 7", "one of off, auto, on"),
        ("[api.livekit_rooms]\nlisted = false", "listed"),
    ] {
        Jail::expect_with(|jail| {
            jail.create_file("s.toml", text)?;
            let error = Settings::load(Some(Path::new("s.toml"))).unwrap_err().to_string();
            assert!(error.contains(key), "{error}");
            Ok(())
        });
    }
    assert!(
        Settings::load(Some(Path::new("/nonexistent.toml"))).unwrap_err().to_string().contains("/nonexistent.toml")
    );
}

#[test]
fn impossible_setting_is_refused_by_section_and_key() {
    good().validate(false).unwrap();
    type Spoil = fn(&mut Settings);
    let table: [(Spoil, &str, &str); 17] = [
        (|s| s.auth = Auth::default(), "[auth]", "key"),
        (|s| s.auth = Auth::development(), "[auth]", "development"),
        (|s| s.auth.secret.0 = "short".into(), "[auth]", "32 bytes"),
        (|s| s.auth.previous_key = "old".into(), "[auth]", "previous_secret"),
        (|s| s.api.rooms_max = 0, "[api]", "rooms_max"),
        (|s| s.ingest.part_ms = 1, "[ingest]", "part_ms"),
        (|s| s.packager.playlist_seconds = 0, "[packager]", "playlist_seconds"),
        (|s| s.broadcast.idle_end_seconds = 0, "[broadcast]", "idle_end_seconds"),
        (|s| s.broadcast.rung_rest_seconds = 5, "[broadcast]", "rung_rest_seconds"),
        (|s| (s.ingest.segment_ms, s.broadcast.rung_rest_seconds) = (10_000, 29), "[broadcast]", "three segments"),
        (
            |s| (s.broadcast.record, s.api.livekit_rooms.record) = (false, RecordSetting::On),
            "[api]",
            "livekit_rooms.record",
        ),
        (|s| s.log.filter = "a=b=c".into(), "[log]", "filter"),
        (|s| s.shutdown.http_ms_max = u32::MAX, "[shutdown]", "http_ms_max"),
        (|s| s.shutdown.farewell_ms = u32::MAX, "[shutdown]", "farewell_ms: "),
        (|s| s.ingest.shedding.calm_ms = 0, "[ingest]", "shedding.calm_ms: "),
        (|s| s.api.metrics.token = "short".into(), "[api]", "metrics.token: "),
        (|s| s.auth.previous_key = s.auth.key.clone(), "[auth]", "previous_secret: "),
    ];
    for (spoil, section, key) in table {
        let mut settings = good();
        spoil(&mut settings);
        let sentence = settings.validate(false).unwrap_err().to_string();
        assert!(sentence.contains(section) && sentence.contains(key), "{sentence}");
        assert!(
            !sentence.contains("configuration: ") && sentence.starts_with(&format!("settings: {section} ")),
            "{sentence}"
        );
    }
    let demo = Settings { auth: Auth::development(), ..Settings::default() };
    demo.validate(true).unwrap();
}

#[test]
fn secret_in_debug_output_is_hidden() {
    assert!(!format!("{:?}", good()).contains("0123456789abcdef"));
}
