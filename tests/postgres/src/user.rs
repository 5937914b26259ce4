//! The user that PostgreSQL runs as.

use std::io::{Error, Result};
use std::os::unix::fs::MetadataExt as _;

/// Users that root's tests run PostgreSQL as; the first that there is.
const NAMES: [&str; 2] = ["postgres", "nobody"];

/// A user of this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

impl User {
    /// Another user for root; `None`: whoever runs the tests is not root.
    pub(crate) fn other_than_root() -> Result<Option<Self>> {
        if std::fs::metadata("/proc/self")?.uid() != 0 {
            return Ok(None);
        }
        let passwd = std::fs::read_to_string("/etc/passwd")?;
        let found = NAMES.iter().find_map(|name| of_passwd(&passwd, name));
        found.map(Some).ok_or_else(|| Error::other("PostgreSQL refuses root, and there is no user `postgres`"))
    }
}

/// A user's line in `/etc/passwd`: name, password, uid, gid, and more (passwd(5)).
fn of_passwd(passwd: &str, name: &str) -> Option<User> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let is_theirs = fields.next() == Some(name);
        let [uid, gid] = [fields.nth(1), fields.next()].map(|field| field.and_then(|id| id.parse().ok()));
        is_theirs.then_some(User { uid: uid?, gid: gid? })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_whole_name() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\npostgres:x:101:104:,,,:/var/lib/postgresql:/bin/bash\n";
        assert_eq!(of_passwd(passwd, "postgres"), Some(User { uid: 101, gid: 104 }));
        assert_eq!(of_passwd(passwd, "post"), None);
    }
}
