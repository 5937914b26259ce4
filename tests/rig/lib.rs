//! The rig that the end-to-end tests share.
