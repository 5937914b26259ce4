//! Settings that cannot work are refused before anything begins.

#![allow(clippy::unwrap_used)] // A test that unwraps says where it failed.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output};

use rig::server::binary;

/// Runs `spillway serve` with these settings, its HTTP address being one that is taken: whoever binds it first
/// complains of that.
fn serve(folder: &Path, settings: &str) -> Output {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let database = folder.join("data/spillway.db");
    let media = folder.join("media");
    let http = format!("[api]\nhttp = \"{}\"\ndatabase = {database:?}\n", taken.local_addr().unwrap());
    let file = folder.join("spillway.toml");
    std::fs::write(&file, settings.replace("[api]\n", &http).replace("MEDIA", &format!("{media:?}"))).unwrap();
    let output = Command::new(binary().unwrap()).args(["serve", "--config"]).arg(&file).output().unwrap();
    assert!(!output.status.success());
    assert!(!database.exists() && !media.exists(), "something was begun");
    output
}

#[test]
fn impossible_setting_is_refused_by_its_key_before_anything_binds() {
    let auth = "[auth]\nkey = \"k\"\nsecret = \"0123456789abcdef0123456789abcdef\"\n";
    let cases = [
        ("[sfu]\nsilence_ms_max = 1\n", "silence_ms_max"),
        ("[packager]\ngap_after_parts = 0\n", "gap_after_parts"),
        ("[ingest]\nfreeze_after_ms = 0\n", "freeze_after_ms"),
        ("[sfu]\nsilence = 1\n", "silence"),
        ("[shutdown]\nnotice_ms = \"soon\"\n", "notice_ms"),
    ];
    for (settings, key) in cases {
        let folder = tempfile::tempdir().unwrap();
        let output = serve(folder.path(), &format!("[api]\n[broadcast]\nfolder = MEDIA\n{auth}{settings}"));
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(said.contains(key), "{key}: {said}");
        assert!(!said.contains("listening on") && !said.contains("0123456789abcdef"), "{said}");
    }
}

#[test]
fn development_keys_are_refused_outside_the_demo() {
    let folder = tempfile::tempdir().unwrap();
    let output =
        serve(folder.path(), "[api]\n[broadcast]\nfolder = MEDIA\n[auth]\nkey = \"devkey\"\nsecret = \"secret\"\n");
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("[auth]") || said.contains("auth."), "{said}");
}
