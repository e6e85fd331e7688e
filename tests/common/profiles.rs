//! Profiles in temporary directories, with ready-made keys: making RSA keys takes seconds.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

/// A profile with the keys of `name`: ann, bo, carol or dave.
pub(crate) fn profile_of(name: &str) -> TempDir {
    let profile = empty_profile();
    let keys = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/keys");
    let identity = profile.path().join("identity");
    fs::create_dir_all(identity.join("learning")).unwrap();
    for file in ["sign", "enc"] {
        fs::copy(keys.join(format!("{name}.{file}.pem")), identity.join(format!("{file}.pem"))).unwrap();
        let learning = identity.join(format!("learning/{file}.pem"));
        fs::copy(keys.join(format!("{name}.{file}.learning.pem")), learning).unwrap();
    }
    profile
}

/// A profile without keys, which only its owner can enter.
pub(crate) fn empty_profile() -> TempDir {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir().unwrap()
}
