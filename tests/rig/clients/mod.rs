//! Other people's clients, as child processes or in this one: what the server must serve.

pub mod bot;
pub mod browser;
pub mod gst;
pub mod livekit_clients;
pub mod livekit_pair;
pub mod meeting;
pub mod meeting_page;
pub mod participant;
