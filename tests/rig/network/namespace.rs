//! Network namespaces of the kernel: sockets, devices and processes that see nothing of the machine's own network.
//!
//! They have no names. A namespace lasts while a [`Namespace`], a process or a socket of it is there, so a process that
//! is killed leaves none behind. To look around in one while a test waits: `nsenter --net=/proc/PID/fd/N`, as
//! [`Namespace::path`] has it.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write as _};
use std::marker::PhantomData;
use std::net::UdpSocket;
use std::os::fd::AsRawFd as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use crate::error::{Error, Result};
use crate::network::tun;

/// The calling thread's own namespace.
const OWN: &str = "/proc/thread-self/ns/net";
/// `asm-generic/socket.h`; a `u64`.
const SO_NETNS_COOKIE: libc::c_int = 71;

/// A namespace. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Namespace(Arc<File>);

impl Namespace {
    /// Makes one that has a loopback interface and nothing else. Needs root.
    pub fn new() -> Result<Self> {
        let made = thread::spawn(|| {
            // SAFETY: no pointers are involved. The thread ends here, so nobody else is moved.
            if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
                return Err(io::Error::last_os_error());
            }
            tun::up("lo")?;
            File::open(OWN)
        });
        let file =
            made.join().map_err(|_| Error::Child("the thread that makes a network namespace panicked".into()))?;
        file.map(Self::from).map_err(Error::io("making a network namespace (needs root)"))
    }

    /// Moves the calling thread into it until the answer is dropped. Sockets that it makes, threads and processes that
    /// it starts meanwhile belong there, and stay.
    pub fn enter(&self) -> Result<Inside> {
        let back = File::open(OWN).map_err(Error::io("reading a thread's network namespace"))?;
        set(&self.0).map_err(Error::io("entering a network namespace"))?;
        Ok(Inside { back, thread: PhantomData })
    }

    /// Does something in it. A socket made there keeps its namespace, so it may go to another thread, or to tokio by
    /// its `from_std`; tokio's own sockets may be made there as well, and used anywhere.
    pub fn within<T>(&self, act: impl FnOnce() -> Result<T>) -> Result<T> {
        let _inside = self.enter()?;
        act()
    }

    /// A command that runs in it, whichever thread starts it.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let (mut command, namespace) = (Command::new(program), self.0.clone());
        // SAFETY: setns is a system call alone, and the descriptor is open until exec.
        unsafe { command.pre_exec(move || set(&namespace)) };
        command
    }

    /// A number that no other namespace has or had since the machine started.
    pub fn cookie(&self) -> Result<u64> {
        self.within(|| {
            let socket = UdpSocket::bind(("127.0.0.1", 0)).map_err(Error::io("making a socket in a namespace"))?;
            let (mut cookie, mut size) = (0_u64, size_of::<u64>() as libc::socklen_t);
            // SAFETY: the option is a u64, which `cookie` has room for; both pointers live through the call.
            let failed = unsafe {
                let room = (&raw mut cookie).cast();
                libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, SO_NETNS_COOKIE, room, &raw mut size)
            };
            if failed == 0 {
                Ok(cookie)
            } else {
                Err(Error::io("reading a namespace's cookie")(io::Error::last_os_error()))
            }
        })
    }

    /// For `nsenter --net=`, while it is there.
    pub fn path(&self) -> String {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd())
    }
}

impl From<File> for Namespace {
    /// Of an open file such as `/proc/PID/ns/net`.
    fn from(file: File) -> Self {
        Self(Arc::new(file))
    }
}

fn set(namespace: &File) -> io::Result<()> {
    // SAFETY: no pointers are involved.
    match unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The calling thread is in a namespace; dropped, it is where it was.
#[derive(Debug)]
pub struct Inside {
    back: File,
    /// A thread leaves for itself.
    thread: PhantomData<*const ()>,
}

impl Drop for Inside {
    fn drop(&mut self) {
        if let Err(error) = set(&self.back) {
            eprintln!("a thread stays in a network namespace: {error}");
        }
    }
}

/// Whether this process may make namespaces and devices. If not, says so, past what captures the output of tests.
pub fn possible() -> bool {
    let why = match (Namespace::new(), File::options().read(true).write(true).open(tun::CLONE)) {
        (Ok(_), Ok(_)) => return true,
        (Err(_), _) => "root",
        (_, Err(_)) => tun::CLONE,
    };
    let _ = writeln!(io::stderr(), "not run: needs {why}");
    false
}
