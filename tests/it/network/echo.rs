//! Numbered datagrams over a link, one way or there and back.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rig::link::{Link, Namespace};
use rig::{Error, Result};

/// How long after the last datagram one more is waited for.
const PATIENCE: Duration = Duration::from_millis(700);

/// A number that came back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) number: u32,
    /// Since it was sent.
    pub(crate) took: Duration,
}

/// A program at the far end that sends back whatever comes, and a socket at the near end to ask it by.
pub(crate) struct Echo {
    near: UdpSocket,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// A socket at one end, on a free port.
pub(crate) fn socket(namespace: &Namespace, address: Ipv4Addr) -> UdpSocket {
    let socket = namespace.within(|| UdpSocket::bind((address, 0)).map_err(Error::io("binding a socket"))).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

impl Echo {
    pub(crate) fn start(link: &Link) -> Result<Self> {
        let (near, far) = (socket(link.near(), link.near_address()), socket(link.far(), link.far_address()));
        near.connect(far.local_addr().unwrap()).map_err(Error::io("connecting a socket"))?;
        far.set_read_timeout(Some(Duration::from_millis(20))).map_err(Error::io("setting up a socket"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let mut datagram = [0; 2000];
            while !stopped.load(Relaxed) {
                if let Ok((size, from)) = far.recv_from(&mut datagram) {
                    let _ = far.send_to(&datagram[..size], from);
                }
            }
        });
        Ok(Self { near, stop, thread: Some(thread) })
    }

    /// Sends each number, one `every`, and gives those that come back: so many, or fewer if no more come.
    pub(crate) fn ask(&self, numbers: &[u32], every: Duration, answers: usize) -> Vec<Answer> {
        let start = Instant::now();
        thread::scope(|scope| {
            let sending = scope.spawn(|| {
                let send = |number: &u32| {
                    let at = Instant::now();
                    self.near.send(&number.to_be_bytes()).unwrap();
                    thread::sleep(every);
                    (*number, at)
                };
                numbers.iter().map(send).collect::<Vec<_>>()
            });
            let came: Vec<(u32, Instant)> = numbers_of(&self.near).take(answers).collect();
            let sent = sending.join().unwrap();
            let sent_at = |number| sent.iter().find(|(of, _)| *of == number).map_or(start, |(_, at)| *at);
            came.into_iter().map(|(number, at)| Answer { number, took: at - sent_at(number) }).collect()
        })
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Numbers as they come, until no more do.
fn numbers_of(socket: &UdpSocket) -> impl Iterator<Item = (u32, Instant)> {
    std::iter::from_fn(|| {
        let mut datagram = [0; 4];
        socket.recv(&mut datagram).ok().map(|_| (u32::from_be_bytes(datagram), Instant::now()))
    })
}

/// Sends each number from the near end to the far one, one `every`; those that came, in their order.
pub(crate) fn arrivals(link: &Link, numbers: &[u32], every: Duration) -> Vec<u32> {
    let (near, far) = (socket(link.near(), link.near_address()), socket(link.far(), link.far_address()));
    let to = far.local_addr().unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in numbers {
                near.send_to(&number.to_be_bytes(), to).unwrap();
                thread::sleep(every);
            }
        });
        numbers_of(&far).map(|(number, _)| number).collect()
    })
}
