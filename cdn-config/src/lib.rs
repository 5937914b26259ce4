//! ONE cache policy: the origin's headers and every edge's configuration are printed from it.
