//! Media decisions, pure: no socket, no clock.
