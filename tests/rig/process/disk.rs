//! A disk of a size of its own, to be filled.

use std::ffi::CString;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A file system in memory. Unmounted when dropped.
pub struct Disk {
    folder: tempfile::TempDir,
}

impl Disk {
    /// Mounts one of so many bytes. `None`: this process may not mount (it takes root).
    pub fn mount(bytes: u64) -> Result<Option<Self>> {
        let folder = tempfile::Builder::new().prefix("spillway-disk-").tempdir();
        let folder = folder.map_err(Error::io("making a mount point"))?;
        let (kind, options, place) = (c"tmpfs", CString::new(format!("size={bytes}")), c_path(folder.path()));
        let (Ok(options), Ok(place)) = (options, place) else { return Ok(None) };
        // SAFETY: every pointer is to a string that ends with 0 and lives until the call is over.
        let mounted = unsafe { libc::mount(kind.as_ptr(), place.as_ptr(), kind.as_ptr(), 0, options.as_ptr().cast()) };
        Ok((mounted == 0).then_some(Self { folder }))
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Fills what is left of it with a file.
    pub fn fill(&self) -> Result<PathBuf> {
        let path = self.path().join("filler");
        let mut filler = File::create(&path).map_err(Error::io("making a filler"))?;
        // Until there is no room for more.
        let _ = std::io::copy(&mut std::io::repeat(0), &mut filler);
        Ok(path)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if let Ok(place) = c_path(self.path()) {
            // SAFETY: as above.
            unsafe { libc::umount2(place.as_ptr(), libc::MNT_DETACH) };
        }
    }
}

fn c_path(path: &Path) -> std::result::Result<CString, std::ffi::NulError> {
    CString::new(path.as_os_str().as_bytes())
}
