//! Files that hold secrets: readable by their owner alone, or not read at all.

use super::exit::{Failure, Outcome};
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Far more than any of our files.
const LARGEST: u64 = 1 << 20;

/// `None`: there is no such file.
///
/// # Errors
/// It belongs to somebody else, or others may read it.
pub fn read(path: &Path) -> Outcome<Option<Zeroizing<String>>> {
    let wrong = |why: &str| Failure::failed(format!("{}: {why}", path.display()));
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(&error.to_string())),
    };
    // Of the file that is open: nobody can exchange it in between.
    let meta = file.metadata().map_err(|error| wrong(&error.to_string()))?;
    if meta.mode() & 0o077 != 0 {
        return Err(wrong("others may read it, so it is not used: chmod 600, and rotate what was in it"));
    }
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return Err(wrong("it belongs to another user"));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(LARGEST).read_to_string(&mut text).map_err(|error| wrong(&error.to_string()))?;
    Ok(Some(text))
}

/// Replaces the file in one step. Its folder is made, or made private.
pub fn write(path: &Path, text: &str) -> Outcome {
    let wrong = |error: std::io::Error| Failure::failed(format!("{}: {error}", path.display()));
    let folder = path.parent().ok_or_else(|| Failure::failed("a file without a folder"))?;
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(wrong)?;
    std::fs::set_permissions(folder, Permissions::from_mode(0o700)).map_err(wrong)?;
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let written = (|| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&draft, path)
    })();
    if written.is_err() {
        let _ = std::fs::remove_file(&draft);
    }
    written.map_err(wrong)
}

/// `$<variable>/sallyport`, or `~/<fallback>/sallyport`. A relative path in the variable is ignored.
pub fn folder(
    variable: &str,
    fallback: &str,
    environment: impl Fn(&str) -> Option<String>,
) -> Outcome<PathBuf> {
    let absolute = |name: &str| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = absolute(variable).or_else(|| Some(absolute("HOME")?.join(fallback)));
    let folder = folder.ok_or_else(|| Failure::usage(format!("neither {variable} nor HOME is set")))?;
    Ok(folder.join("sallyport"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_may_read_is_not_read() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("sallyport/contexts.toml");
        assert!(read(&path).unwrap().is_none());
        write(&path, "first").unwrap();
        write(&path, "second").unwrap();
        assert_eq!(read(&path).unwrap().unwrap().as_str(), "second");
        let mode = |path: &Path| path.metadata().unwrap().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_eq!(path.parent().unwrap().read_dir().unwrap().count(), 1, "no draft is left");
        for open in [0o640, 0o604, 0o620] {
            std::fs::set_permissions(&path, Permissions::from_mode(open)).unwrap();
            assert!(read(&path).unwrap_err().message.contains("chmod 600"), "{open:o}");
        }
    }

    #[test]
    fn folders_are_where_the_desktop_puts_them() {
        let of = |config: Option<&str>| {
            let environment = |name: &str| match name {
                "XDG_CONFIG_HOME" => config.map(str::to_owned),
                "HOME" => Some("/home/ana".to_owned()),
                _ => None,
            };
            folder("XDG_CONFIG_HOME", ".config", environment).unwrap()
        };
        assert_eq!(of(Some("/etc/ana")), Path::new("/etc/ana/sallyport"));
        assert_eq!(of(None), Path::new("/home/ana/.config/sallyport"));
        assert_eq!(of(Some("relative")), Path::new("/home/ana/.config/sallyport"));
        assert!(folder("X", "y", |_| None).is_err());
    }
}
