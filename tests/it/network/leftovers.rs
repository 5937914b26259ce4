//! A link leaves neither device nor namespace behind, whatever ends it.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Stdio};

use rig::link::{Link, Namespace, possible};
use rig::wait::wait_for;

/// Set for the process that makes a link and waits for its end.
const HOLD: &str = "SPILLWAY_TEST_HOLD_LINK";
/// What that process writes before its namespaces' cookies.
const MARK: &str = "cookies ";

/// The cookies of a link's namespaces.
fn cookies(link: &Link) -> [u64; 2] {
    [link.near(), link.far()].map(|namespace| namespace.cookie().unwrap())
}

/// Whether a process of this machine is in the namespace, or has it open.
fn is_there(cookie: u64) -> bool {
    let entries = |folder: &str| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let processes = entries("/proc").filter(|path| path.join("ns/net").exists());
    let mut files = processes.flat_map(|process| {
        let below = |name: &str| process.join(name).to_string_lossy().into_owned();
        let threads = entries(&below("task")).map(|thread| thread.join("ns/net"));
        threads.chain(entries(&below("fd"))).collect::<Vec<_>>()
    });
    files.any(|file| {
        let is_namespace = fs::read_link(&file).is_ok_and(|target| target.to_string_lossy().starts_with("net:["));
        is_namespace && File::open(&file).is_ok_and(|file| Namespace::from(file).cookie().is_ok_and(|it| it == cookie))
    })
}

/// Waits until no process has any of these namespaces: another test's child has them for a moment, before its exec.
fn wait_for_end(cookies: &[u64]) {
    let gone = || (!cookies.iter().any(|cookie| is_there(*cookie))).then_some(());
    wait_for("the end of a link's namespaces", 10, gone).unwrap();
}

/// The network devices of a namespace.
fn devices(namespace: &Namespace) -> Vec<String> {
    let text = namespace.within(|| Ok(fs::read_to_string("/proc/thread-self/net/dev").unwrap())).unwrap();
    let name = |line: &str| line.split_once(':').map(|(name, _)| name.trim().to_owned());
    let mut devices: Vec<_> = text.lines().filter_map(name).collect();
    devices.sort();
    devices
}

#[test]
fn a_link_takes_its_devices_and_namespaces_along() {
    if !possible() {
        return;
    }
    let link = Link::start().unwrap();
    let (cookies, near) = (cookies(&link), link.near().clone());
    assert_eq!(devices(&near), ["lo", "spillway0"]);
    assert!(cookies.iter().all(|cookie| is_there(*cookie)));
    drop(link);
    assert_eq!(devices(&near), ["lo"]);
    drop(near);
    wait_for_end(&cookies);
}

#[test]
fn a_panic_ends_the_link_and_leads_the_thread_back() {
    if !possible() {
        return;
    }
    let own = || fs::read_link("/proc/thread-self/ns/net").unwrap();
    let (before, mut kept) = (own(), None);
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let link = Link::start().unwrap();
        kept = Some(cookies(&link));
        let _inside = link.far().enter().unwrap();
        assert_eq!(own(), before, "a panic that this test asks for");
    }));
    assert!(panicked.is_err());
    assert_eq!(own(), before);
    wait_for_end(&kept.unwrap());
}

#[test]
fn a_killed_process_leaves_nothing_behind() {
    if !possible() {
        return;
    }
    if std::env::var_os(HOLD).is_some() {
        let link = Link::start().unwrap();
        // A line of its own: the harness has begun one.
        println!("\n{MARK}{:?}", cookies(&link));
        loop {
            std::thread::park();
        }
    }
    let name = "network::leftovers::a_killed_process_leaves_nothing_behind";
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", name, "--nocapture"]).env(HOLD, "1").stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = rig::server::end_with_us(&mut command).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let line = lines.filter_map(|line| line.strip_prefix(MARK).map(str::to_owned)).next().unwrap();
    let cookies: Vec<u64> = serde_json::from_str(&line).unwrap();
    assert!(cookies.iter().all(|cookie| is_there(*cookie)));
    child.kill().unwrap();
    child.wait().unwrap();
    wait_for_end(&cookies);
}
