//! Makes sure that there are web pages to embed: where `web/dist` was not built, a page that says how.

use std::path::Path;

const PLACEHOLDER: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Spillway</title>\
    <p>The server runs, but its pages were not built. Run <code>make build</code>, or \
    <code>npm ci &amp;&amp; npm run build</code> in <code>web/</code>, and compile again.</p></html>\n";

fn main() -> std::io::Result<()> {
    let dist = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/dist");
    let index = dist.join("index.html");
    if !index.exists() {
        std::fs::create_dir_all(&dist)?;
        std::fs::write(&index, PLACEHOLDER)?;
    }
    println!("cargo::rerun-if-changed=../web/dist");
    Ok(())
}
